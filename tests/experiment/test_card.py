"""The model card: its facts are those of what lies in the folder, and no name in it becomes markup."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from langue import cli
from langue.experiment import Run, RunFolder, train
from langue.experiment.card import base_name, card
from langue.models import ModelConfig, build, save_model
from langue.report.record import read_record
from langue.tasks.recipes import read_recipe
from langue.text import TokenizerSettings, train_tokenizer
from langue.wording import duration
from tiny import text, write_tiny

NASTY = "<img src=x onerror=alert(1)> a|b `c` [d](e) *f* 'g' \"h\" $i\n```\n# j"


def learn(folder: Path, out: str, content: dict[str, str], start_from: Path | None = None, report: bool = False) -> Run:
    recipe = read_recipe(write_tiny(folder), {"training.steps": "3", "samples.max_tokens": "0", **content})
    return train(recipe, folder / out, start_from=start_from, report=report)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model of three layers with a WordPiece tokenizer, as `langue import` leaves one."""
    folder = tmp_path / "there" / "base-model"
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=120), [text()])
    tokenizer.save(folder)
    config = ModelConfig(vocab_size=tokenizer.vocab_size, layers=3, width=16, heads=2, context=32)
    save_model(build(config, seed=0), folder / "model")
    return folder


def test_tokenizer_and_base_model_are_told_as_they_are(tmp_path: Path, base: Path) -> None:
    write_tiny(tmp_path, "task: generate\ndata: {train: text.txt, dev: 0.1}\ntraining: {steps: 3, batch_size: 4}\n")
    changes = {"samples.max_tokens": "0", "training.evaluate_every": "3"}
    run = train(read_recipe(tmp_path / "recipe.yaml", changes), tmp_path / "run", start_from=base)
    written = run.folder.card.read_text()
    assert re.search(r"^\| tokenizer \| wordpiece, \d+ tokens \|$", written, re.MULTILINE)
    assert "byte-bpe" not in written
    assert "base_model" not in written  # which is a name on the hub
    assert "begun from base-model" in written
    assert str(tmp_path) not in written
    assert "A decoder of 3 attention blocks, " in written
    report = (run.folder.path / "report.html").read_text()
    assert "wordpiece, " in report
    assert "byte-bpe" not in report
    assert "masking" not in report


def test_articles_fit_their_words(tmp_path: Path) -> None:
    content = {"task": "fill", "model.form": "encoder", "tokenizer.kind": "wordpiece", "tokenizer.vocab_size": "150"}
    run = learn(tmp_path, "run", content)
    assert "\nAn encoder of 1 attention block, " in run.folder.card.read_text()


def test_a_preset_is_named_only_where_the_model_is_that(tmp_path: Path) -> None:
    run = learn(tmp_path, "changed", {"model.preset": "gpt-nano", "model.layers": "1", "model.width": "16"})
    assert "gpt-nano" not in run.folder.card.read_text()


def test_one_run_has_one_duration(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    assert cli.run(["train", "recipe.yaml", "--training.evaluate_every", "3", "--out", "run"]) == 0
    record = read_record("run")
    spent = duration(record.seconds)
    assert f"8 steps, 512 tokens, {spent}" in capsys.readouterr().out
    assert f"| training | 8 steps, 512 tokens, {spent} |" in Path("run/README.md").read_text()
    assert f"in {spent}." in (page := Path("run/report.html").read_text())
    assert f"<b>{spent}</b><span>training time" in page
    assert round(record.seconds, 3) >= record.dev[-1]["seconds"]  # rows are written in milliseconds


def test_steps_without_a_row_of_their_own_count(tmp_path: Path) -> None:
    run = learn(tmp_path, "run", {"training.log_every": "100", "training.evaluate_every": "100"})
    lines = run.folder.metrics_file.read_text().splitlines(keepends=True)
    run.folder.metrics_file.write_text("".join(line for line in lines if '"step": 3' not in line))
    assert "| training | 3 steps, " in card(run.folder)


def test_no_name_becomes_markup(tmp_path: Path) -> None:
    changes = {"samples.prompt": "the", "samples.max_tokens": "3"}
    run = learn(tmp_path, NASTY, changes, report=True)
    written = run.folder.card.read_text()
    assert run.folder.path.name == NASTY
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", written, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<", outside)
    assert outside.count("\n# ") == 1
    assert (run.folder.path / "report.html").read_text().count("<img") == 0
    fence = re.search(r"^(`{3,})sh\n(.*?)^\1$", written, flags=re.DOTALL | re.MULTILINE)
    assert shlex.split(fence[2]) == ["langue", "generate", NASTY, "the"]
    program = re.search(r"^(`{3,})python\n(.*?)^\1$", written, flags=re.DOTALL | re.MULTILINE)[2]
    assert compile(program, "card", "exec")


def test_data_of_any_name_stay_in_their_cell(tmp_path: Path) -> None:
    (tmp_path / "a|b`c`.txt").write_text(text())
    run = learn(tmp_path, "run", {"data.train": "'" + str(tmp_path / "a|b`c`.txt") + "'"})
    row = next(line for line in run.folder.card.read_text().splitlines() if line.startswith("| data |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert row.endswith("``a\\|b`c`.txt`` |")


def test_base_models_have_names_without_folders() -> None:
    assert base_name(Path("/home/me/models/minilm")) == "minilm"
    assert base_name(Path("hf:owner/name")) == "owner/name"
    assert base_name(Path("hf:owner/mms/adapter.fra.safetensors@main")) == "owner/mms"
    assert base_name(Path("/x/runs/mine/checkpoints/step-00000100")) == "mine/step-00000100"


def test_the_command_that_a_run_ends_with_can_be_pasted(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    for prompt in ('say "the" $HOME `x`', "- the", ""):
        out = f"run {len(prompt)}"
        done = cli.run(
            ["train", "recipe.yaml", "--samples.max_tokens", "0", f"--samples.prompt={prompt!r}", "--out", out]
        )
        assert done == 0
        hint = capsys.readouterr().out.splitlines()[-1].removeprefix("try: ")
        words = shlex.split(hint)
        assert words[:3] == ["langue", "generate", out]
        assert [word for word in words[3:] if word != "--"] == [prompt] * bool(prompt)
        assert RunFolder(Path(out)).is_run()
