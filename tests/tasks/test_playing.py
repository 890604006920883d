"""From an environment's rewards to a model that earns more: the whole way, for every form, killed and resumed."""

from __future__ import annotations

import math
import os
import signal
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.cli.plan import describe
from langue.content import parse_yaml
from langue.engine import GenerationSettings
from langue.environments import Episode, Reply, Turn, make, play, policy_of
from langue.errors import LangueError
from langue.evaluation.settings import recipe_data
from langue.experiment import train
from langue.objectives import Causal
from langue.objectives.completions import target_log_probabilities
from langue.objectives.policy import advantages_of
from langue.plan import make_plan
from langue.tasks.play.objective import PlayObjective, PolicyBatch
from langue.tasks.play.rollouts import Rollouts
from langue.tasks.play.rows import DrawnRows, RolloutRow, rows_of
from langue.tasks.play.settings import PlaySettings
from langue.tasks.play.training import DEV_SEED
from langue.tasks.recipes import read_recipe
from langue.training import Trainer
from langue.wording import short
from langue.written_text import WrittenText, batch_of
from policy_runs import WRITER, rows_in, write_policies
from spoken_rows import RECIPE as SPOKEN
from spoken_rows import say, write_spoken
from two_processes import outputs_of_two

PLAYING = """\
task: play
play: {environment: ENVIRONMENT, max_tokens: 12, episodes: 8, group: 4}
training: {steps: 6, batch_size: 16, optimizer: adamw, learning_rate: 0.01, warmup_steps: 1, evaluate_every: 3,
           checkpoint_every: 2, log_every: 1, device: cpu, schedule: constant}
samples: {max_tokens: 4}
"""

VOWELS = '{name: Langue/Write-v0, prompts: ["the", "old king", "a boat", "on"], verifier: "test_playing:vowels"}'


def vowels(text: str, row: dict) -> float:
    """The share of vowels, which a model of letters learns soon."""
    return sum(letter in "aeiou" for letter in text) / max(1, len(text))


def broken(text: str, row: dict) -> float:
    return float("nan")


def equal(text: str, row: dict) -> float:
    return 0.5


def failing(text: str, row: dict) -> float:
    raise ValueError("the judge is ill")


def moody(text: str, row: dict) -> float:
    if row["prompt"] == "on":
        raise ValueError("the judge is ill")
    return vowels(text, row)


def fickle(text: str, row: dict) -> float:
    return next(COUNTER) / 10


COUNTER = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("playing")
    write_policies(place, steps=30, pair_steps=60)
    return place


def playing(folder: Path, out: Path, start: str = "attention", environment: str = VOWELS, **changes: str):
    path = out.with_suffix(".yaml")
    path.write_text(PLAYING.replace("ENVIRONMENT", environment), encoding="utf-8")
    fields = {name.replace("__", "."): str(value) for name, value in changes.items()}
    return train(read_recipe(path, fields), out, start_from=folder / start, report=False)


def weights(run: Path) -> dict[str, torch.Tensor]:
    (latest,) = sorted((run / "checkpoints").iterdir())[-1:]
    return load_file(latest / "model.safetensors")


@pytest.mark.parametrize("algorithm", ["grpo", "dr-grpo", "gspo", "rloo", "reinforce", "ppo-clip", "minimum-risk"])
def test_each_algorithm_earns_more(folder, tmp_path, algorithm):
    changes = {"play__algorithm": algorithm, "training__steps": 16, "training__batch_size": 32}
    changes |= {"play__sharpness": "1.0", "training__learning_rate": "0.02", "training__evaluate_every": 16}
    run = playing(folder, tmp_path / "run", **changes).folder.path
    rewards = [row["reward"] for row in rows_in(run, "train")]
    assert sum(rewards[-4:]) > 1.15 * sum(rewards[:4])
    row = rows_in(run, "train")[-1]
    assert {"length", "truncated", "idle_groups", "entropy", "drift"} <= row.keys()
    # What is drawn is what is trained, to rounding.
    assert max(row["drift"] for row in rows_in(run, "train")) < 1e-5


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser by CTC and one by a decoder's attention, both hardly trained."""
    place = tmp_path_factory.mktemp("hearing")
    write_spoken(place)
    (place / "ctc.yaml").write_text(SPOKEN, encoding="utf-8")
    attentive = SPOKEN.replace("form: encoder, mixer: gru", "form: seq2seq, mixer: gru, heads: 2")
    (place / "attention.yaml").write_text(attentive.replace("tie_embeddings: false, ", ""), encoding="utf-8")
    for kind in ("ctc", "attention"):
        train(read_recipe(place / f"{kind}.yaml", {"training.steps": "15"}), place / kind, report=False)
    return place


@pytest.mark.parametrize("start", ["ctc", "attention"])
@pytest.mark.parametrize("algorithm", ["rloo", "minimum-risk"])
def test_a_recogniser_is_a_policy(hearing, tmp_path, start, algorithm):
    environment = f"{{name: Langue/Transcribe-v0, data: {hearing / 'train.jsonl'}, reward: cer}}"
    changes = {"play__algorithm": algorithm, "play__sharpness": "1.0", "training__learning_rate": "0.003"}
    run = playing(hearing, tmp_path / "run", start, environment, **changes).folder.path
    rows = rows_in(run, "train")
    assert max(row["drift"] for row in rows) < 1e-4
    assert rows[0]["gradient_norm"] > 0
    assert langue.load(run, task="transcribe").transcribe([say("ab cd")])


@pytest.mark.parametrize("start", ["ctc", "attention"])
def test_a_group_s_recording_is_heard_once(hearing, start):
    task = langue.load(hearing / start)
    place = make("Langue/Transcribe-v0", data=str(hearing / "train.jsonl"))
    policy = policy_of(task, temperature=1.0, max_tokens=6, seed=1)
    alone = {(e.number, e.sample): e for e in play(place, policy, range(2), samples=4, together=1, twice=False)}
    heard: list[int] = []
    task.model.front_end.register_forward_hook(lambda module, inputs, output: heard.append(len(inputs[0])))
    for episode in play(place, policy, range(2), samples=4, twice=False):
        (turn,), (expected,) = episode.turns, alone[episode.number, episode.sample].turns
        assert turn.reply.written.ids == expected.reply.written.ids
        logs = expected.reply.written.log_probabilities
        assert turn.reply.written.log_probabilities == pytest.approx(logs, abs=1e-4)
    assert sum(heard) == 2


def test_a_temperature_is_part_of_a_recogniser_s_policy(hearing, tmp_path):
    environment = f"{{name: Langue/Transcribe-v0, data: {hearing / 'train.jsonl'}, reward: cer}}"
    run = playing(hearing, tmp_path / "run", "ctc", environment, play__temperature="2.0", training__steps=2)
    assert max(row["drift"] for row in rows_in(run.folder.path, "train")) < 1e-4


def test_texts_are_drawn_along_a_recording_as_often_as_they_are_likely(hearing):
    task = langue.load(hearing / "ctc")
    sound = say("a")[:3000]  # so short that few texts have any probability
    settings = GenerationSettings(temperature=1.0)
    drawn = task.draw([sound] * 3000, [(number,) for number in range(3000)], settings)
    chances = {tuple(text.tokens): math.exp(text.log_probabilities[-1]) for text in drawn}
    counts = Counter(tuple(text.tokens) for text in drawn)
    usual = [
        text for text, chance in chances.items() if chance * len(drawn) >= 10
    ]  # of which counts are all but normal
    assert len(usual) > 1
    for text in usual:
        spread = math.sqrt(chances[text] * (1 - chances[text]) / len(drawn))
        assert abs(counts[text] / len(drawn) - chances[text]) < 5 * spread
    assert sum(chances.values()) > 0.9


@pytest.mark.parametrize("start", ["lstm", "seq2seq"])
def test_every_form_is_a_policy(folder, tmp_path, start):
    environment = VOWELS
    if start == "seq2seq":
        environment = f"{{name: Langue/Translate-v0, data: {folder / 'train.tsv'}}}"
    run = playing(folder, tmp_path / "run", start, environment, play__algorithm="rloo").folder.path
    assert max(row["drift"] for row in rows_in(run, "train")) < 1e-5
    assert "→" in rows_in(run, "dev")[0]["sample"]
    verb = "translate" if start == "seq2seq" else "generate"
    assert getattr(langue.load(run, task=verb), verb)("the old king", max_tokens=3) is not None


def test_a_temperature_is_part_of_the_policy(folder, tmp_path):
    run = playing(folder, tmp_path / "run", play__temperature="1.7", training__steps=2).folder.path
    assert max(row["drift"] for row in rows_in(run, "train")) < 1e-5


def test_equal_rewards_move_no_weight(folder, tmp_path):
    environment = VOWELS.replace(":vowels", ":equal")
    run = playing(folder, tmp_path / "run", environment=environment, training__weight_decay="0.1").folder.path
    before, after = load_file(folder / "attention" / "model" / "model.safetensors"), weights(run)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(row["idle_groups"] == 1.0 for row in rows_in(run, "train"))


@pytest.mark.parametrize(("algorithm", "read"), [("grpo", 2), ("minimum-risk", 2), ("reinforce", 3)])
def test_texts_that_teach_nothing_are_not_read_again(folder, algorithm, read):
    model = langue.load(folder / "attention").model
    texts = [WrittenText().extended((5, 6), "prompt").extended((n, 7), "model", (-1.0, -1.0)) for n in range(4)]
    batch, drawn = batch_of(texts)
    rewards, groups = torch.tensor([1.0, 1.0, 0.0, 1.0]).double(), torch.tensor([0, 0, 1, 1])
    advantages, idle = advantages_of(algorithm, rewards, groups, 2)
    said = torch.zeros(4, dtype=torch.bool)
    rows = PolicyBatch(
        batch.ids, batch.targets, drawn=drawn, advantages=advantages.float(), rewards=rewards.float(), groups=groups,
        distinct=~said, idle=idle, cut=said, failed=torch.zeros(()),
    )  # fmt: skip
    seen = []

    def likelihood(model, batch):
        seen.append(len(batch.ids))
        return target_log_probabilities(model, batch)

    objective = PlayObjective(PlaySettings(environment="x", algorithm=algorithm), likelihood)
    found = torch.autograd.grad(objective.loss(model, rows).total, list(model.parameters()))
    held = replace(rows, reference=drawn)  # to a reference, of which each of them tells something
    expected = torch.autograd.grad(objective.loss(model, held).total, list(model.parameters()))
    assert seen == [read, 4]
    torch.testing.assert_close(found, expected)


def test_episodes_that_fail_are_left_out_and_counted(folder, tmp_path):
    run = playing(folder, tmp_path / "run", environment=VOWELS.replace(":vowels", ":moody"), training__steps=2)
    rows = rows_in(run.folder.path, "train")
    assert [row["failed"] for row in rows] == [0.25, 0.25]  # one of four prompts
    assert [row["tokens"] for row in rows] == [12, 24]


@pytest.mark.parametrize("position", ["rotary", "learned"])
def test_no_text_outgrows_the_context(folder, tmp_path, position):
    (tmp_path / "writer.yaml").write_text(
        WRITER.replace("context: 64, mixer: MIXER", f"context: 16, position: {position}")
        .replace("text.txt", str(folder / "text.txt"))
        .replace("STEPS", "2")
    )
    train(read_recipe(tmp_path / "writer.yaml"), tmp_path / "writer", report=False)
    run = playing(tmp_path, tmp_path / "run", "writer", play__max_tokens=40, training__steps=2).folder.path
    rows = rows_in(run, "train")
    assert max(row["drift"] for row in rows) < 1e-5
    assert max(row["length"] for row in rows) <= 16
    with pytest.raises(LangueError, match=r"a prompt of 20 tokens leaves no room for a text in .* context of 16"):
        playing(tmp_path, tmp_path / "long", "writer", VOWELS.replace('"the"', f'"{"ab " * 6}ab"'))


def test_a_divergence_holds_the_policy_to_where_it_began(folder, tmp_path):
    ends = []
    for kl in ("0.0", "20.0"):
        run = playing(folder, tmp_path / f"run{kl}", play__kl=kl, training__steps=12).folder.path
        before, after = load_file(folder / "attention" / "model" / "model.safetensors"), weights(run)
        ends.append(sum(float((after[name] - before[name]).norm()) for name in before))
    assert rows_in(run, "train")[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert ends[1] < ends[0]


@pytest.mark.parametrize("base", ["fp32", "nf4"])
def test_adapters_are_held_to_their_base_in_its_bits(folder, tmp_path, base):
    adapters = {"adapt": f"{{rank: 2, base: {base}}}", "play__kl": "0.1", "training__steps": 2}
    run = playing(folder, tmp_path / "run", **adapters).folder.path
    assert rows_in(run, "train")[0]["kl"] == pytest.approx(0, abs=1e-6)
    again = playing(folder, tmp_path / "again", str(run), **adapters).folder.path
    assert rows_in(again, "train")[0]["kl"] == pytest.approx(0, abs=1e-6)


def test_several_steps_may_learn_from_the_same_texts(folder, tmp_path):
    run = playing(folder, tmp_path / "run", play__epochs=3).folder.path
    rewards = [row["reward"] for row in rows_in(run, "train")]
    assert rewards[0] == rewards[1] == rewards[2] != rewards[3]
    drifts = [row["drift"] for row in rows_in(run, "train")]
    assert drifts[0] < 1e-5 < drifts[1]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_run_killed_in_rollouts_ends_in_the_same_bits(folder, tmp_path, monkeypatch, epochs):
    whole = playing(folder, tmp_path / "whole", play__epochs=epochs).folder.path
    made = Rollouts._batch

    def killed(self, *arguments):
        if self.kills and self.last == self.kills[0]:
            self.kills.pop(0)
            raise KeyboardInterrupt
        Rollouts.last += 1
        return made(self, *arguments)

    monkeypatch.setattr(Rollouts, "kills", [0, 1, 2, 4, 5][: 5 if epochs == 1 else 2], raising=False)
    monkeypatch.setattr(Rollouts, "last", 0, raising=False)
    monkeypatch.setattr(Rollouts, "_batch", killed)
    for number in range(20):
        try:
            path = tmp_path / "run"
            if number == 0 or not (path / "recipe.yaml").exists():
                playing(folder, path, play__epochs=epochs)
            else:
                train(read_recipe(tmp_path / "run.yaml", {"play.epochs": str(epochs)}), path, resume=True, report=False)
            break
        except KeyboardInterrupt:
            continue
    assert not Rollouts.kills
    ours, theirs = weights(tmp_path / "run"), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_an_interrupted_run_goes_on_in_the_middle_of_its_epochs(folder, tmp_path, monkeypatch):
    whole = playing(folder, tmp_path / "whole", play__epochs=3).folder.path
    step = Trainer.step

    def interrupted(self: Trainer):
        if self.progress.step == 3:  # so that the fourth, the first of new texts, is the last
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    assert playing(folder, tmp_path / "run", play__epochs=3).interrupted
    monkeypatch.setattr(Trainer, "step", step)
    recipe = read_recipe(tmp_path / "run.yaml", {"play.epochs": "3"})
    train(recipe, tmp_path / "run", resume=True, report=False)
    ours, theirs = weights(tmp_path / "run"), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_accumulation_changes_nothing(folder, tmp_path):
    ends = []
    for size, accumulate in ((16, 1), (4, 4)):
        changes = {"training__batch_size": size, "training__accumulate": accumulate, "training__steps": 3}
        ends.append(weights(playing(folder, tmp_path / f"run{size}", **changes).folder.path))
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, atol=2e-5, rtol=1e-4)


PROCESS = Path(__file__).with_name("playing_process.py")


def equal_runs(one: Path, other: Path) -> None:
    """Runs of the same rewards that end in the same weights, to rounding."""
    ours, theirs = weights(one), weights(other)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=2e-5, rtol=1e-4)
    rewards = [[row["reward"] for row in rows_in(run, "train")] for run in (one, other)]
    assert rewards[0] == pytest.approx(rewards[1], abs=1e-6)


@pytest.mark.parametrize(
    ("parallel", "start"),
    [("replicated", "attention"), ("sharded", "attention"), ("sharded", "seq2seq"), ("tensor", "attention")],
)
def test_two_processes_learn_as_one(folder, tmp_path, parallel, start):
    """Each cuts its rows into as many pieces as they need, and some need more than others."""
    environment = VOWELS if start == "attention" else f"{{name: Langue/Translate-v0, data: {folder / 'train.tsv'}}}"
    changes = {"play__kl": 0.1, "training__steps": 3, "play__algorithm": "rloo"}
    alone = playing(folder, tmp_path / "alone", start, environment, **changes).folder.path
    changed = {"play.kl": 0.1, "training.steps": 3, "play.algorithm": "rloo", "training.parallel": parallel}
    fields = [f"{name}={value}" for name, value in changed.items()]
    outputs_of_two(PROCESS, tmp_path / "alone.yaml", tmp_path / "both", folder / start, *fields)
    equal_runs(tmp_path / "both", alone)


@pytest.mark.parametrize("after", [1, 2])
def test_processes_may_learn_several_times_and_others_go_on(folder, tmp_path, after):
    """Two processes go on where so many have stopped in the middle of their epochs, as one would have."""
    alone = playing(folder, tmp_path / "alone", play__epochs=3, training__steps=5).folder.path
    fields = ["play.epochs=3", "training.checkpoint_every=2"]
    if after == 1:
        playing(folder, tmp_path / "both", play__epochs=3, training__steps=2)
    else:
        outputs_of_two(
            PROCESS, tmp_path / "alone.yaml", tmp_path / "both", folder / "attention", *fields, "training.steps=2"
        )
    outputs_of_two(PROCESS, tmp_path / "alone.yaml", tmp_path / "both", "resume", *fields, "training.steps=5")
    equal_runs(tmp_path / "both", alone)


def test_the_rows_of_a_checkpoint_are_those_that_were_drawn():
    texts = [WrittenText().extended([5, number], "prompt").extended([7], "model", [-0.1]) for number in range(4)]
    for sources in ([None] * 4, [(1, 2), (1, 2), (3,), (4,)]):
        rows = [
            RolloutRow(text, source, number // 2, number / 3, number == 1)
            for number, (text, source) in enumerate(zip(texts, sources, strict=True))
        ]
        drawn = DrawnRows(rows, 0.25)
        assert DrawnRows.unpacked(drawn.packed()) == drawn
        shares = [drawn.of_groups(range(1)), drawn.of_groups(range(1, 2))]
        assert [len(share.rows) for share in shares] == [2, 2]
        assert DrawnRows.of_all(shares) == drawn
    heard = DrawnRows([RolloutRow(texts[0], torch.rand(5, 3), 0, 1.0, False)], 0.0)
    assert torch.equal(DrawnRows.unpacked(heard.packed()).rows[0].source, heard.rows[0].source)
    with pytest.raises(ValueError, match="no parts"):
        DrawnRows.unpacked({**drawn.packed(), "lengths": torch.tensor([3, 3, 3, 2])})


def test_the_ending_token_is_learnt_and_what_others_wrote_is_not():
    written = WrittenText().extended([5, 6], "prompt").extended([7, 1], "model", [-0.5, -0.6])
    again = WrittenText().extended([8], "environment").extended([9, 1], "model", [-0.7, -0.8])
    turns = (Turn("a", Reply("b", written), 0.25), Turn("c", Reply("d", again), 0.5))
    (row,) = rows_of(Episode(3, 0, turns=turns, ended=True), first=2)
    assert row.text.ids == (5, 6, 7, 1, 8, 9, 1)
    assert [author == "model" for author in row.text.authors] == [False, False, True, True, False, True, True]
    assert (row.reward, row.group, row.cut) == (0.75, 1, False)
    sourced = [Turn(turn.observation, turn.reply._replace(source=(4,)), turn.reward) for turn in turns]
    rows = list(rows_of(Episode(3, 0, turns=tuple(sourced), ended=True), first=2))
    assert [row.text.ids for row in rows] == [(5, 6, 7, 1), (8, 9, 1)]
    assert [row.reward for row in rows] == [0.75, 0.75]


def test_what_was_drawn_has_the_likelihood_that_the_model_gives(folder):
    task = langue.load(folder / "attention")
    best = task.write(["the old"], temperature=1.0, max_tokens=9, draw_log_probabilities=True)[0][0]
    prompt = task.tokenizer.prompt("the old")
    batch = Causal().batch([{"ids": torch.tensor([*prompt, *best.written]).numpy()}])
    with torch.inference_mode():
        every = task.model(batch)[0, len(prompt) - 1 :]
    logits = every.clone()
    logits[:, list(task.suppress_tokens)] = -torch.inf
    logits[:, list(task.tokenizer.ends)] = every[:, list(task.tokenizer.ends)]
    expected = logits.log_softmax(-1)[range(len(best.written)), best.written]
    torch.testing.assert_close(torch.tensor(best.draw_log_probabilities), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("environment", "changes", "sentence"),
    [
        (VOWELS.replace(":vowels", ":broken"), {}, "episode .* of seed .* the reward is nan"),
        (VOWELS.replace(":vowels", ":failing"), {}, "the judge is ill"),
        (VOWELS.replace(":vowels", ":fickle"), {}, "answers the same seed differently"),
        (VOWELS, {"training__batch_size": 6}, "no multiple of play.group 4"),
        (VOWELS, {"play__group": 1}, "set group to 2 or more"),
        (VOWELS, {"play__algorithm": "reinforce", "play__epochs": 2}, "set epochs to 1"),
        ("Langue/Wrote-v0", {}, "Langue/Write-v0"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(folder, tmp_path, environment, changes, sentence):
    with pytest.raises(LangueError, match=sentence):
        playing(folder, tmp_path / "run", environment=environment, **changes)


def test_a_recipe_s_reward_goes_to_the_environment(folder, tmp_path):
    environment = '{name: Langue/Write-v0, prompts: ["the"]}'
    run = playing(folder, tmp_path / "run", environment=environment, play__reward="regex:e", training__steps=1)
    assert run.folder.recipe().play.reward == "regex:e"
    assert make({"name": "Langue/Write-v0", "prompts": ["the"], "verifier": "regex:e"}).size == 1


def test_data_that_changed_meanwhile_are_named(folder, tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_bytes((folder / "train.tsv").read_bytes())
    environment = f"{{name: Langue/Translate-v0, data: {table}}}"
    playing(folder, tmp_path / "run", "seq2seq", environment, training__steps=2)
    with table.open("a") as file:
        file.write("the old\tda ol\n")
    with pytest.raises(LangueError, match=r"pairs\.tsv"):
        train(read_recipe(tmp_path / "run.yaml", {"training.steps": "3"}), tmp_path / "run", resume=True, report=False)


def test_a_run_is_described_measured_and_loaded_as_what_it_is_used_for(folder, tmp_path):
    environment = f"{{name: Langue/Translate-v0, data: {folder / 'train.tsv'}}}"
    run = playing(folder, tmp_path / "run", "seq2seq", environment, training__steps=2).folder.path
    assert recipe_data(run, "translate").pairs == recipe_data(folder / "seq2seq", "translate").pairs
    assert {"chrf", "bleu"} <= langue.evaluate(run, str(folder / "train.tsv"))["metrics"].keys()
    assert langue.load(run, task="translate").translate(["the old king"])
    text = (run / "README.md").read_text()
    assert "by the rewards of Langue/Translate-v0" in text
    assert "| data | `Translate-v0` |" in text


def test_what_it_began_from_is_measured_before_the_first_step(folder, tmp_path):
    run = playing(folder, tmp_path / "run").folder.path
    first, *_ = rows_in(run, "dev")
    assert first["step"] == 0
    assert first["best"] == 1
    task = langue.load(folder / "attention", "cpu", task="generate")
    policy = policy_of(task, temperature=0.0, beams=1, max_tokens=12)
    played = list(play(make(parse_yaml(VOWELS)), policy, range(8), seed=DEV_SEED))
    assert first["reward"] == pytest.approx(sum(episode.reward for episode in played) / 8)


def test_a_plan_wants_a_model_that_writes(folder):
    recipe = read_recipe("rewards")
    plan = make_plan(recipe, folder / "attention")
    assert plan.steps == 200
    group, steps = recipe.training.batch_size, recipe.training.steps
    assert plan.drawn == steps * group * recipe.play.max_tokens
    assert f"to draw {short(plan.drawn)} tokens" in describe(plan)[-2]
    assert describe(plan)[-1].endswith("beside it, the environment judges what is drawn")
    # Twice the learning from the same texts is as much, and drawing half of that.
    again = make_plan(recipe.replace(play={"epochs": 2}), folder / "attention")
    assert again.drawn == plan.drawn / 2
    learning = [made.flops / made.peak / made.share for made in (plan, again)]
    assert [made.seconds - made.drawing for made in (plan, again)] == pytest.approx(learning)
    seconds = recipe.replace(training={"seconds": 60.0, "steps": None})
    assert make_plan(seconds, folder / "attention").seconds == pytest.approx(60, rel=0.05)
    with pytest.raises(LangueError, match="goes on with a model that writes already"):
        make_plan(recipe)
