import re
import shlex
import sys
from pathlib import Path

import pytest

from langue.cli import run
from langue.cli.demo import demo, show_texts, what_next
from langue.cli.demo_play import demo_play, in_a_line, sparkline, write_files
from langue.cli.demo_shrink import demo_shrink
from langue.cli.verbs import VERBS, Verb
from langue.errors import LangueError
from langue.race import FAMILIES
from langue.report.result import MemberResult, RaceResult
from langue.tasks.recipes import read_recipe


def result_of(*names: str) -> RaceResult:
    members = [
        MemberResult(
            name=name,
            run=name,
            parameters=1,
            steps=1,
            tokens=1,
            seconds=1.0,
            tokens_per_second=1.0,
            bits_per_byte=9.0 - place,
            positions=(1.0,),
            sample=f"s by {name}\n\n  and   more " + "words " * 100,
        )
        for place, name in enumerate(names)
    ]
    return RaceResult(data="", budget="", machine="", tokenizer="", prompt="Verb", members=tuple(members))


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in text.splitlines() if line.strip().startswith("langue ")]


def test_the_recipe_can_be_read_and_bounds_a_training():
    recipe = read_recipe("generate")
    assert recipe.data.train == "embedded"
    assert recipe.training.steps is None
    assert recipe.training.seconds


def test_texts_are_shown_the_best_last_and_short(capsys):
    show_texts(result_of("mlp-nano", "gpt-nano"))
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith("mlp-nano   Verbs by mlp-nano and more words")
    assert lines[3].startswith("gpt-nano")
    assert len(lines) == 6


def test_what_to_try_next_names_verbs_and_the_best_model():
    found = commands(what_next(result_of("lstm-nano", "gpt-nano", "gru-nano"), Path("runs/demo")))
    assert [words[0] for words in found] == ["generate", "train", "evaluate", "inspect", "race"]
    assert found[0][1] == "runs/demo/gru-nano"
    for words in found:
        verb = VERBS[words[0]]
        assert isinstance(verb, Verb) or words[1] in verb


def test_attention_is_offered_where_there_is_some():
    assert "inspect" not in what_next(result_of("lstm-nano"), Path("x"))


def test_a_page_and_pictures_are_offered_where_they_can_be_drawn(tmp_path, monkeypatch):
    result = result_of("lstm-nano", "gpt-nano")
    assert "report.html" not in what_next(result, tmp_path)
    (tmp_path / "report.html").touch()
    said = what_next(result, tmp_path)
    assert f"{tmp_path}/report.html" in said
    assert "inspect attention" in said
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "inspect attention" not in what_next(result, tmp_path)


def test_commands_hold_for_a_folder_of_any_name():
    found = commands(what_next(result_of("lstm-nano"), Path("my runs/demo (1)")))
    assert found[0][1] == "my runs/demo (1)/lstm-nano"


@pytest.mark.slow
def test_the_demo_leaves_what_it_says_and_its_commands_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo(seconds=1.0)
    printed = capsys.readouterr().out
    assert all(name in printed for name in FAMILIES)
    assert (tmp_path / "runs/demo/report.html").is_file()
    assert all((tmp_path / "runs/demo" / name / "report.html").is_file() for name in FAMILIES)
    for words in commands(printed):
        quick = ["1" if word == "60" else word for word in words]
        more = ["--training.seconds", "1"] if words[0] == "train" else []
        assert run([*quick, *more]) == 0, words
    assert (tmp_path / "attention.html").is_file()
    demo(seconds=1.0)
    assert "was trained before" in capsys.readouterr().err


def test_rewards_are_told_in_one_line_each_with_their_episodes():
    rows = [
        {"step": 0, "reward": 0.25, "sample": "1+2=\n→ 4  (0.00)\n\n2+2=\n→ 4  (1.00)"},
        {"step": 15, "reward": 1.0},
    ]
    assert in_a_line(rows[:1]).startswith("step    0   reward 0.25   ▃ ")
    assert in_a_line(rows[:1]).endswith("1+2=4 (0.00)   2+2=4 (1.00)")
    assert sparkline([0.0, 0.25, 1.0, 1.5, -1.0]) == "▁▃██▁"
    assert sparkline([row["reward"] for row in rows]) in in_a_line(rows)


def test_what_a_model_guesses_from_is_the_same_each_time_and_stays(tmp_path):
    for name in ("one", "two"):
        write_files(tmp_path / name, steps=10, writer_steps=10)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files.keys() == {"guesses.txt", "sums.jsonl", "writer.yaml", "play.yaml"}
    assert files["guesses.txt"] == (tmp_path / "two" / "guesses.txt").read_bytes()
    write_files(tmp_path / "one", steps=20, writer_steps=10)
    assert files["play.yaml"] == (tmp_path / "one" / "play.yaml").read_bytes()


def test_learning_from_rewards_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(LangueError, match=r"pip install 'langue\[rl\]'"):
        demo("play", out=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_one_sees_a_model_learn_from_rewards_and_all_commands_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo_play(Path("runs/demo play"), steps=4, writer_steps=20)
    printed = capsys.readouterr()
    assert [line.partition("   reward")[0] for line in printed.err.splitlines() if line.startswith("step")] == [
        f"step    {step}" for step in range(5)
    ]
    assert "of all sums" in printed.out
    for words in commands(printed.out):
        assert run(words) == 0, words
    capsys.readouterr()
    demo_play(Path("runs/demo play"), steps=4, writer_steps=20)
    assert capsys.readouterr().err.count("step    4") == 1


@pytest.mark.slow
def test_the_demo_of_shrinking_shows_all_models_and_its_commands_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo_shrink(tmp_path / "demo shrink", seconds=3.0)
    printed = capsys.readouterr().out
    assert re.findall(r"^│ ([\w-]+) ", printed, re.MULTILINE) == ["model", "int8", "q4_0", "pruned", "pruned-further"]
    found = commands(printed)
    assert [words[0] for words in found] == ["generate", "shrink", "evaluate"]
    for words in found:
        assert run(words) == 0, words
    capsys.readouterr()
    demo_shrink(tmp_path / "demo shrink", seconds=3.0)
    assert re.findall(r"^│ ([\w-]+) ", capsys.readouterr().out, re.MULTILINE) == [
        "model",
        "int8",
        "q4_0",
        "pruned",
        "pruned-further",
    ]
