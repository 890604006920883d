import json
import random
from pathlib import Path

import pytest

import langue.race
from langue.cli import run as run_command
from langue.errors import LangueError
from langue.models.count import flops_per_token
from langue.race import Budget, race
from langue.report import write_race_report
from langue.report.result import read_result
from langue.settings import parse
from langue.tasks.generate.settings import GenerateRecipe
from langue.training import latest

PRESETS = ("mlp-nano", "gpt-nano")
TOKENS = 12 * 16 * 20


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    """Words in random order, so that there is something to learn and something to be unsure of."""
    words = random.Random(0).choices(["one ", "two ", "three ", "four\n"], k=3000)
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("".join(words))
    return path


def recipe_of(text: Path, **data) -> GenerateRecipe:
    content = {
        "task": "generate",
        "tokenizer": {"kind": "char"},
        "model": {"preset": "gpt-nano", "context": 16},
        "data": {"train": str(text), "dev": 0.1, **data},
        "training": {"steps": 3, "batch_size": 12, "warmup_steps": 5, "learning_rate": 3e-3},
        "samples": {"prompt": "one ", "max_tokens": 8},
    }
    return parse(GenerateRecipe, content, "test")


@pytest.fixture(scope="module")
def done(text, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("races") / "race"
    race(recipe_of(text), PRESETS, Budget(tokens=TOKENS), out)
    return out


def test_each_member_spends_the_budget_and_learns(done):
    members = read_result(done).members
    assert [member.name for member in members] == list(PRESETS)
    for member in members:
        assert member.tokens == TOKENS
        assert member.parameters > 500_000
        assert len(member.positions) == 16
        # Four words say log2(4) bits in 4.5 bytes; a new model of 16 characters would pay 4 bits a byte.
        assert 0.44 < member.bits_per_byte < 2.5
        assert not member.sample.startswith("one one ")
        assert (done / member.run / "report.html").exists()


def test_loss_by_position_has_the_mean_of_the_loss(done):
    for member in read_result(done).members:
        assert sum(member.positions) / 16 == pytest.approx(member.bits_per_byte, rel=0.1)
        assert member.early() > member.late()


def test_members_share_tokenizer_and_text(done):
    tokenizers = {(done / name / "tokenizer.json").read_bytes() for name in (".", *PRESETS)}
    assert len(tokenizers) == 1
    assert not any((done / name / "data").exists() for name in PRESETS)


def test_the_curve_has_some_points(done):
    for name in PRESETS:
        lines = [json.loads(line) for line in (done / name / "metrics.jsonl").read_text().splitlines()]
        assert 4 <= sum(line["split"] == "dev" for line in lines) <= 25


def test_the_report_is_drawn_from_the_folder(done):
    said = write_race_report(done)
    assert said == f"report: {done / 'report.html'}"
    assert (done / "race.png").stat().st_size > 10_000


def test_a_finished_member_is_not_trained_again_and_a_new_one_joins(done, text, capsys):
    before = {name: (done / name / "metrics.jsonl").stat().st_mtime_ns for name in PRESETS}
    result = race(recipe_of(text), (*PRESETS, "gru-nano"), Budget(tokens=TOKENS), done)
    assert [member.name for member in result.members] == [*PRESETS, "gru-nano"]
    assert before == {name: (done / name / "metrics.jsonl").stat().st_mtime_ns for name in PRESETS}
    assert "gpt-nano was trained before" in capsys.readouterr().err


def test_an_interrupted_race_goes_on_where_it_stopped(text, tmp_path, monkeypatch):
    train = langue.race.train

    def broken(recipe, out, **options):
        if out.name == "gpt-nano":
            raise KeyboardInterrupt
        return train(recipe, out, **options)

    monkeypatch.setattr(langue.race, "train", broken)
    with pytest.raises(KeyboardInterrupt):
        race(recipe_of(text), PRESETS, Budget(tokens=200), tmp_path / "race")
    assert [member.name for member in read_result(tmp_path / "race").members] == ["mlp-nano"]
    monkeypatch.undo()
    result = race(recipe_of(text), PRESETS, Budget(tokens=200), tmp_path / "race")
    assert [member.name for member in result.members] == list(PRESETS)


@pytest.mark.parametrize("budget", [Budget(flops=1e10), Budget(seconds=1.0)])
def test_other_budgets_are_kept_as_well(text, tmp_path, budget):
    result = race(recipe_of(text), ["mlp-nano"], budget, tmp_path / "race")
    (member,) = result.members
    if budget.seconds:
        assert 1.0 <= member.seconds < 5.0
    else:
        config = langue.race.RunFolder(tmp_path / "race" / "mlp-nano").recipe().model.architecture()
        spent = member.tokens * flops_per_token(config)
        assert 1e10 <= spent < 1e10 + 12 * 16 * flops_per_token(config)


def test_another_race_in_the_folder_is_refused(done, text):
    with pytest.raises(LangueError, match=r"holds another race, of 3\.84k tokens on words"):
        race(recipe_of(text), PRESETS, Budget(tokens=2 * TOKENS), done)


def test_mistakes_leave_nothing_behind(text, tmp_path):
    out = tmp_path / "race"
    with pytest.raises(LangueError, match="did you mean gpt-nano"):
        race(recipe_of(text), ["gpt-nan"], Budget(tokens=10), out)
    with pytest.raises(LangueError, match="each of them once"):
        race(recipe_of(text), ["gpt-nano", "gpt-nano"], Budget(tokens=10), out)
    with pytest.raises(LangueError, match="a race needs dev data"):
        race(recipe_of(text, dev=None), PRESETS, Budget(tokens=10), out)
    with pytest.raises(LangueError, match="dev data of its own"):
        race(recipe_of(text, train={str(text): 1.0}), PRESETS, Budget(tokens=10), out)
    with pytest.raises(LangueError, match=r"a race trains presets from their beginning, .*; leave out adapt"):
        race(recipe_of(text).replace(adapt={"rank": 2}), PRESETS, Budget(tokens=10), out)
    assert not out.exists()


def test_the_command_prints_one_table(text, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe_of(text).model_dump_json(exclude_defaults=True))
    out = tmp_path / "race"
    status = run_command(
        ["race", str(recipe), "mlp-nano", "--tokens", "400", "--out", str(out), "--model.context", "8"]
    )
    printed = capsys.readouterr().out
    assert status == 0
    assert "mlp-nano" in printed
    assert "bits per byte" in printed
    assert f"report: {out / 'report.html'}" in printed
    assert len(read_result(out).members[0].positions) == 8


def test_two_budgets_are_one_too_many(text, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("task: generate\ndata: {train: x.txt}\n")
    command = ["race", str(recipe), "--tokens", "400", "--seconds", "3", "--out", str(tmp_path / "race")]
    assert run_command(command) == 2
    assert "a race needs one budget" in capsys.readouterr().err


def test_members_take_turns_and_are_held_against_the_machine(text, tmp_path, monkeypatch):
    monkeypatch.setattr(langue.race, "TURN", 0.0)  # a step each
    turns = []
    take = langue.race.Turns.take

    def watched(self, seconds, pace):
        before = self.training.trainer.progress.step
        take(self, seconds, pace)
        turns.append((self.training.folder.path.name, self.training.trainer.progress.step - before))

    monkeypatch.setattr(langue.race.Turns, "take", watched)
    result = race(recipe_of(text), PRESETS, Budget(tokens=12 * 16 * 3), tmp_path / "race")
    mlp, gpt = (("mlp-nano", 1), ("gpt-nano", 1))
    assert turns == [mlp, gpt, gpt, mlp, mlp, gpt]
    assert [member.steps for member in result.members] == [3, 3]
    assert all(0 < member.machine_share <= 1 for member in result.members)


def test_what_is_interrupted_in_its_turn_leaves_all_saved(text, tmp_path, monkeypatch):
    monkeypatch.setattr(langue.race, "TURN", 0.0)
    whole = race(recipe_of(text), PRESETS, Budget(tokens=12 * 16 * 6), tmp_path / "whole")
    take = langue.race.Turns.take

    def interrupted(self, seconds, pace):
        take(self, seconds, pace)
        if self.training.trainer.progress.step == 3 and self.training.folder.path.name == "gpt-nano":
            raise KeyboardInterrupt

    monkeypatch.setattr(langue.race.Turns, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        race(recipe_of(text), PRESETS, Budget(tokens=12 * 16 * 6), tmp_path / "race")
    steps = [latest(tmp_path / "race" / name / "checkpoints").step for name in PRESETS]
    assert steps in ([3, 3], [2, 3])
    monkeypatch.setattr(langue.race.Turns, "take", take)
    result = race(recipe_of(text), PRESETS, Budget(tokens=12 * 16 * 6), tmp_path / "race")
    assert [m.bits_per_byte for m in result.members] == [m.bits_per_byte for m in whole.members]


@pytest.mark.parametrize("name", ["report.html", "race.png", "tokenizer.json"])
def test_a_folder_with_somebody_s_own_files_is_left_as_it_is(text, tmp_path, name):
    (tmp_path / "race").mkdir()
    (tmp_path / "race" / name).write_text("mine")
    with pytest.raises(LangueError, match=f"holds a {name} that is no race's; choose another --out"):
        race(recipe_of(text), ["mlp-nano"], Budget(seconds=1), tmp_path / "race")
    assert [path.name for path in (tmp_path / "race").iterdir()] == [name]
    assert (tmp_path / "race" / name).read_text() == "mine"
