"""Experiments: a recipe becomes a run folder, whole or not at all, and goes on where it stopped."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import langue
from langue import cli, machine
from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.experiment import Run, RunFolder, train, training
from langue.experiment.fit import Shape, check_fit
from langue.models import ModelConfig, load_model
from langue.models.count import memory
from langue.tasks.generate.evaluate import evaluate_text
from langue.tasks.recipes import read_recipe
from langue.tasks.stores import is_store, open_data
from langue.text import Tokenizer
from langue.training import TrainingSettings
from ready_python import ready_python
from tiny import text, write_tiny


def run_tiny(
    folder: Path,
    name: str = "run",
    *,
    resume: bool = False,
    start_from: Path | None = None,
    report: bool = False,
    **changes,
) -> Run:
    """Train the tiny recipe in a folder; changes are written `training__steps="3"`."""
    path = folder / "recipe.yaml"
    if not path.exists():
        write_tiny(folder)
    recipe = read_recipe(path, {key.replace("__", "."): str(value) for key, value in changes.items()})
    return train(recipe, folder / name, resume=resume, start_from=start_from, report=report)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return {name: value.detach() for name, value in load_model(run / "model").named_parameters()}


def same_weights(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def rows(run: Path, split: str) -> list[dict]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in found if row["split"] == split]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of one finished run, which no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    run_tiny(folder, report=True)
    return folder / "run"


def test_a_run_folder_holds_all_that_a_run_is(finished: Path) -> None:
    found = {path.name for path in finished.iterdir()}
    expected = {
        "recipe.yaml",
        "environment.json",
        "sources.json",
        "metrics.jsonl",
        "tokenizer.json",
        "model",
        "checkpoints",
        "data",
    }
    assert found == expected | {"report.html", "README.md", "manifest.json", ".langue.lock"}
    assert {path.name for path in (finished / "checkpoints").iterdir()} == {"step-00000004", "step-00000008"}
    recipe, tokenizer = RunFolder(finished).recipe(), Tokenizer.load(finished)
    assert recipe.model.vocab_size == tokenizer.vocab_size
    assert load_model(finished / "model").config == recipe.architecture()
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert str(Path.home()) not in (finished / "environment.json").read_text()


def test_metrics_have_what_the_house_promises(finished: Path) -> None:
    learnt, seen = rows(finished, "train"), rows(finished, "dev")
    assert [row["step"] for row in learnt] == [2, 4, 6, 8]
    assert [row["step"] for row in seen] == [4, 8]
    assert all(0 < row["peak_share"] < 1 for row in learnt)
    for row in learnt + seen:
        assert {"step", "split", "loss", "seconds", "tokens", "bits_per_byte"} <= row.keys()
        assert row["tokens"] == row["step"] * 4 * 16
    assert all(row["sample"].startswith("the ") for row in seen)


def test_the_text_is_cut_at_its_share_and_the_tokenizer_knows_the_first_part_alone(finished: Path, tmp_path) -> None:
    whole = text()
    recipe, tokenizer = RunFolder(finished).recipe(), Tokenizer.load(finished)
    splits = open_data(recipe, tokenizer, finished / "data")
    cut = int(len(whole) * 0.9)
    for store, part in ((splits.train[0], whole[:cut]), (splits.dev[0], whole[cut:])):
        assert tokenizer.decode(store.read(0, store.tokens).tolist()) == part
    (tmp_path / "text.txt").write_text("ab" * 90 + "cd" * 10, encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text((finished.parent / "recipe.yaml").read_text())
    with pytest.raises(LangueError, match="unknown"):
        run_tiny(tmp_path)
    assert not (tmp_path / "run").exists()


def test_the_kept_weights_are_those_of_the_best_evaluation(tmp_path: Path) -> None:
    # A rate that is far too high makes the later evaluations worse than the first.
    run = run_tiny(
        tmp_path,
        training__learning_rate=30,
        training__evaluate_every=1,
        training__schedule="constant",
        model__dropout=0,
    )
    folder = run.folder
    seen = {row["step"]: row["loss"] for row in rows(folder.path, "dev")}
    assert run.best_step == min(seen, key=seen.__getitem__) < 8
    tokenizer = Tokenizer.load(folder.path)
    dev = open_data(folder.recipe(), tokenizer, folder.data).dev[0]
    found = evaluate_text(load_model(folder.model), tokenizer, dev, quiet=True)["loss"]
    assert found == pytest.approx(min(seen.values()), rel=1e-5)
    assert run.metrics["loss"] == min(seen.values())


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(finished: Path, tmp_path: Path) -> None:
    run_tiny(tmp_path, "same")
    run_tiny(tmp_path, "other", training__seed=1)
    assert same_weights(finished, tmp_path / "same")
    assert not same_weights(finished, tmp_path / "other")


def test_what_the_run_tells_is_what_its_files_say(finished: Path, tmp_path: Path) -> None:
    run = run_tiny(tmp_path, data__test=str(tmp_path / "text.txt"))
    test = rows(run.folder.path, "test")
    assert len(test) == 1
    summary = run.summary()
    assert summary["step"] == 8
    assert summary["tokens"] == 8 * 4 * 16
    assert summary["metrics"]["test_loss"] == test[0]["loss"]
    assert not run.interrupted
    card = run.folder.card.read_text()
    assert "| training | 8 steps" in card
    assert f"{sum(value.numel() for value in weights(finished).values()):,} parameters" in card
    assert str(tmp_path) not in card


# Going on -----------------------------------------------------------------------------------------------------------


def test_a_run_that_goes_on_is_tested_anew(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    steady = {"training__schedule": "constant", "data__test": str(tmp_path / "text.txt")}
    run_tiny(tmp_path, training__steps=2, **steady)
    run = run_tiny(tmp_path, training__steps=4, resume=True, **steady)
    found = rows(run.folder.path, "test")
    assert [row["step"] for row in found] == [2, 4]
    assert run.metrics["test_loss"] == found[1]["loss"] != found[0]["loss"]


def test_a_resumed_run_ends_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    steady = {"training__schedule": "constant", "training__evaluate_every": 2}
    run_tiny(tmp_path, "whole", training__steps=10, **steady)
    run_tiny(tmp_path, "parts", training__steps=6, **steady)
    resumed = run_tiny(tmp_path, "parts", training__steps=10, resume=True, **steady)
    assert resumed.step == 10
    assert same_weights(tmp_path / "whole", tmp_path / "parts")
    whole, parts = rows(tmp_path / "whole", "dev"), rows(tmp_path / "parts", "dev")
    assert [(row["step"], row["loss"]) for row in whole] == [(row["step"], row["loss"]) for row in parts]


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    run_tiny(tmp_path)
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    again = run_tiny(tmp_path, resume=True)
    assert again.step == 8
    assert again.stopped == "it had ended before"
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before


def test_a_checkpoint_is_a_model_like_its_run_s(finished: Path, tmp_path: Path) -> None:
    """Its last step is the best here, so that both write the same; a flipped byte in it is named."""
    last = finished / "checkpoints" / "step-00000008"
    options = {"max_tokens": 8, "temperature": 0.0}
    assert langue.load(last).generate("the ", **options) == langue.load(finished).generate("the ", **options)
    assert cli.run(["export", str(last), str(tmp_path / "out"), "--format", "onnx"]) == 0
    shutil.copytree(finished, tmp_path / "run")
    file = tmp_path / "run" / "checkpoints" / last.name / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(LangueError, match=r"model\.safetensors is not what manifest\.json says"):
        langue.load(file.parent)


def test_of_averaged_weights_a_checkpoint_gives_the_average(tmp_path: Path) -> None:
    run_tiny(tmp_path, training__average="0.9")
    last = langue.load(tmp_path / "run" / "checkpoints" / "step-00000008").model
    assert all(torch.equal(dict(last.named_parameters())[k], v) for k, v in weights(tmp_path / "run").items())


def test_a_run_without_a_checkpoint_begins_again(finished: Path, tmp_path: Path) -> None:
    run_tiny(tmp_path)
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.rename(tmp_path / path.name)
    assert run_tiny(tmp_path, resume=True).step == 8
    assert same_weights(finished, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training__learning_rate": 0.5}, r"training\.learning_rate was 0\.001 in .* and is 0\.5 now"),
        ({"model__layers": 2}, r"model\.layers was 1"),
        ({"training__steps": 20}, r"training\.steps was 8"),
        ({"data__dev": 0.2}, r"data\.dev was 0\.1"),
        ({"tokenizer__path": "run"}, r"tokenizer\.path was None in .* and is '/\S+' now"),
    ],
)
def test_a_change_that_makes_another_run_is_refused(finished: Path, monkeypatch, changes, said: str) -> None:
    monkeypatch.chdir(finished.parent)
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    with pytest.raises(LangueError, match=said):
        run_tiny(finished.parent, resume=True, **changes)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name != ".langue.lock"} == {
        path: time for path, time in before.items() if path.name != ".langue.lock"
    }


def test_a_budget_by_which_the_warm_up_goes_may_not_change(tmp_path: Path) -> None:
    steady = {"training__schedule": "inverse_sqrt", "training__warmup_share": 0.5}
    run_tiny(tmp_path, training__steps=2, **steady)
    with pytest.raises(LangueError, match=r"training\.steps was 2 .* and is 4 now"):
        run_tiny(tmp_path, training__steps=4, resume=True, **steady)


def test_a_change_that_does_no_harm_is_told_and_kept(tmp_path: Path, capsys) -> None:
    run_tiny(tmp_path)
    run_tiny(tmp_path, resume=True, training__keep=5)
    assert "training.keep: 2 until now, 5 from here on" in capsys.readouterr().err
    assert RunFolder(tmp_path / "run").recipe().training.keep == 5


def test_a_run_is_not_overwritten_nor_a_strange_folder_used(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="holds a run; go on with it by --resume, or choose another --out"):
        run_tiny(finished.parent)
    with pytest.raises(LangueError, match="holds no run to go on with; leave out --resume"):
        run_tiny(tmp_path, resume=True)
    assert not (tmp_path / "run").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(LangueError, match="full is not empty"):
        run_tiny(tmp_path, "full")
    with pytest.raises(LangueError, match=r"mine\.txt is a file"):
        run_tiny(tmp_path, "full/mine.txt")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run").claim(resume=False):
        code = (
            "import sys; from langue.experiment import RunFolder\nwith RunFolder(sys.argv[1]).claim(resume=False): pass"
        )
        code = code.replace("RunFolder(sys", "RunFolder(__import__('pathlib').Path(sys").replace("])", "]))")
        done = subprocess.run(
            [*ready_python(), "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=False
        )
        assert "is being trained by another process" in done.stderr
        assert (tmp_path / "run").exists()
    assert not (tmp_path / "run").exists()


def test_what_a_kill_left_of_a_set_up_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = f"""
        import os, signal
        from pathlib import Path
        from langue.experiment import RunFolder
        from langue.files import replacing, write_text
        folder = Path({str(folder)!r})
        with RunFolder(folder).claim(resume=False):
            write_text(folder / "tokenizer.json", "half")
            write_text(folder / "data" / "stray.txt", "of a source that is another now")
            with replacing(folder / "data" / "train") as place:
                place.mkdir()
                os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([*ready_python(), "-c", textwrap.dedent(code)], check=False).returncode == -9
    assert (folder / "tokenizer.json").read_text() == "half"
    run_tiny(tmp_path)
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["dev", "train"]
    assert Tokenizer.load(folder).vocab_size > 10


def test_a_training_that_fails_leaves_its_neighbours_alone(tmp_path: Path, monkeypatch) -> None:
    """`runs` does not exist when the first begins, and holds another's run when it fails."""
    build = training._build

    def fail(recipe, folder, trackers):
        if folder.path.name == "a":
            run_tiny(tmp_path, "runs/b")
            raise KeyboardInterrupt
        return build(recipe, folder, trackers)

    monkeypatch.setattr(training, "_build", fail)
    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path, "runs/a")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]
    assert RunFolder(tmp_path / "runs" / "b").is_run()


@pytest.mark.parametrize("name", ["lock", ".lock"])
def test_a_folder_with_a_file_called_lock_is_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).touch()
    (tmp_path / "run" / "thesis.tex").write_text("years")
    with pytest.raises(LangueError, match="is not empty"):
        run_tiny(tmp_path, data__train="nowhere.txt")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [name, "thesis.tex"]


def test_a_flipped_bit_in_any_file_of_a_run_is_named(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    langue.load(folder)
    for name in ("recipe.yaml", "environment.json", "tokenizer.json", "model/config.json", "model/model.safetensors"):
        whole = (folder / name).read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 9)):
            (folder / name).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.raises(LangueError, match=f"damaged: {Path(name).name} is not what"):
                langue.load(folder)
        (folder / name).write_bytes(whole)
    langue.load(folder)


def test_weights_are_as_open_as_the_umask_allows(finished: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    files = [path for path in finished.rglob("*") if path.is_file() and path.name != ".langue.lock"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}


def test_folders_that_were_made_for_a_run_go_with_it(tmp_path: Path) -> None:
    with pytest.raises(LangueError):
        run_tiny(tmp_path, "a/b/run", model__context=100_000)
    assert not (tmp_path / "a").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(LangueError):
        run_tiny(tmp_path, "empty", model__context=100_000)
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.slow
def test_two_processes_train_as_one(finished: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "langue", "train", "recipe.yaml", "--out", "run", "--no-report", "--model.dropout", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("8 steps") == done.stderr.count("training attention") == 1
    run_tiny(tmp_path, "alone", model__dropout=0)
    found, expected = weights(tmp_path / "run"), weights(tmp_path / "alone")
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


# Beginning from weights -----------------------------------------------------------------------------------------------

STILL = {"training__steps": 1, "training__learning_rate": 1e-30, "training__weight_decay": 0}


@pytest.mark.parametrize("place", ["", "model", "checkpoints/step-00000008"])
def test_a_run_can_begin_from_weights(finished: Path, tmp_path: Path, place: str) -> None:
    path = write_tiny(tmp_path, "task: generate\ndata: {train: text.txt}\nmodel: {dropout: 0.3}\n")
    assert path.exists()
    run = run_tiny(tmp_path, start_from=finished / place, **STILL)
    assert Tokenizer.load(run.folder.path).fingerprint == Tokenizer.load(finished).fingerprint
    found, expected = weights(run.folder.path), weights(finished)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-7)
    assert run.folder.recipe().model.dropout == 0.3
    assert run.folder.recipe().model.layers == 1
    assert run_tiny(tmp_path, resume=True, start_from=finished / place, **STILL).step == 1


def test_a_resumed_run_knows_from_what_it_began(finished: Path, tmp_path: Path) -> None:
    """With its checkpoint or without, and with a checkpoint even when what it began from is gone."""
    shutil.copytree(finished, tmp_path / "first")
    write_tiny(tmp_path, "task: generate\ndata: {train: text.txt}\nmodel: {dropout: 0.3}\n")
    steady = {**STILL, "training__steps": 2, "training__schedule": "constant", "training__checkpoint_every": 1}
    begun = run_tiny(tmp_path, start_from=tmp_path / "first", **steady)
    shutil.rmtree(begun.folder.checkpoints)
    assert run_tiny(tmp_path, resume=True, **steady).step == 2
    for name, value in weights(finished).items():
        torch.testing.assert_close(weights(begun.folder.path)[name], value, rtol=0, atol=1e-7)
    shutil.rmtree(tmp_path / "first")
    assert run_tiny(tmp_path, resume=True, **{**steady, "training__steps": 3}).step == 3
    assert begun.folder.recipe().model.path == tmp_path / "first"
    with pytest.raises(LangueError, match=r"model\.layers is 1 in .* and cannot become 3"):
        run_tiny(tmp_path, resume=True, **steady, model__layers=3)
    with pytest.raises(LangueError, match=r"path was .*first.* and is .*finished.* now"):
        run_tiny(tmp_path, resume=True, start_from=finished, **{**steady, "training__steps": 3})


@pytest.mark.parametrize("resume", [False, True])
def test_what_cannot_fit_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch, capsys, resume) -> None:
    path = write_tiny(tmp_path)
    if resume:
        train(path, tmp_path / "run", report=False)
    capsys.readouterr()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(machine, "memory", lambda: (2**34, 2**14))
    options = ["--resume"] if resume else []
    assert cli.run(["train", str(path), "--out", str(tmp_path / "run"), "--training.batch_size", "4", *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert re.search(r"this training needs about .* of memory, but cpu has .* free; take a smaller", said[0])
    assert sorted(tmp_path.rglob("*")) == before


def test_what_may_fit_is_let_through_and_what_would_fit_is_told(tmp_path: Path, monkeypatch) -> None:
    config = ModelConfig.model_validate({"preset": "gpt-nano", "vocab_size": 300})
    settings, cpu = TrainingSettings(steps=1, batch_size=64, optimizer="muon"), torch.device("cpu")
    whole = memory(config, 64, optimizer="muon").total
    monkeypatch.setattr(machine, "memory", lambda: (2**40, int(0.76 * whole)))
    check_fit(config, settings, Shape(64, config.context), cpu)
    monkeypatch.setattr(machine, "memory", lambda: (2**40, int(0.7 * whole)))
    check_fit(config, settings, Shape(32, config.context), cpu)
    check_fit(config, settings.model_copy(update={"precision": "bf16"}), Shape(64, config.context), cpu)
    with pytest.raises(LangueError, match=r"--training\.batch_size \d+ would fit") as refusal:
        check_fit(config, settings, Shape(64, config.context), cpu)
    fitting = int(str(refusal.value).split("batch_size ")[1].split()[0])
    check_fit(config, settings, Shape(fitting, config.context), cpu)
    assert 50 < fitting < 64


def test_weights_keep_their_architecture(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match=r"model\.layers is 1 in .* and cannot become 3"):
        run_tiny(tmp_path, start_from=finished, model__layers=3)
    with pytest.raises(LangueError, match="holds no model: name a run, one of its checkpoints, a model's folder"):
        run_tiny(tmp_path, start_from=tmp_path)
    (tmp_path / "model.gguf").touch()
    with pytest.raises(LangueError, match=r"has to become a folder to begin from: langue import .*model\.gguf model"):
        run_tiny(tmp_path, start_from=tmp_path / "model.gguf")
    assert not (tmp_path / "run").exists()


# Data ---------------------------------------------------------------------------------------------------------------


def test_prepared_data_are_used_where_they_lie(finished: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    tokenizer = Tokenizer.load(finished)
    store = prepare(str(tmp_path / "text.txt"), tokenizer, tmp_path / "store")
    given = {"data__train": tmp_path / "store", "tokenizer__path": finished / "tokenizer.json"}
    run = run_tiny(tmp_path, **given)
    assert not (run.folder.path / "data" / "train").exists()
    splits = open_data(run.folder.recipe(), tokenizer, run.folder.data)
    kept, aside = splits.train[0], splits.dev[0]
    assert (kept.tokens, aside.tokens) == (store.tokens - round(store.tokens * 0.1), round(store.tokens * 0.1))
    both = np.concatenate([kept.read(0, kept.tokens), aside.read(0, aside.tokens)])
    assert np.array_equal(both, store.read(0, store.tokens))
    assert kept.text_bytes + aside.text_bytes == store.text_bytes
    assert kept.text_characters + aside.text_characters == store.text_characters
    assert math.isclose(
        run.metrics["bits_per_byte"], run.metrics["loss"] / math.log(2) * aside.tokens / aside.text_bytes
    )


def test_prepared_data_want_the_tokenizer_that_made_them(finished: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    prepare(str(tmp_path / "text.txt"), Tokenizer.load(finished), tmp_path / "store")
    with pytest.raises(LangueError, match=r"name its tokenizer: --tokenizer\.path"):
        run_tiny(tmp_path, data__train=tmp_path / "store")
    (tmp_path / "other.txt").write_text("abc" * 100)
    run_tiny(tmp_path, "other", data__train=tmp_path / "other.txt", training__steps=1, samples__prompt="a")
    with pytest.raises(LangueError, match="was prepared with another tokenizer"):
        run_tiny(tmp_path, data__train=tmp_path / "store", tokenizer__path=tmp_path / "other")
    assert not (tmp_path / "run").exists()


def test_a_mix_takes_its_shares_and_an_end_of_each_member(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    (tmp_path / "more.txt").write_text(text(400, seed=1), encoding="utf-8")
    mixed = f"{{{tmp_path}/text.txt: 3, {tmp_path}/more.txt: 1}}"
    run = run_tiny(tmp_path, data__train=mixed, training__steps=2)
    splits = open_data(run.folder.recipe(), Tokenizer.load(run.folder.path), run.folder.data)
    assert splits.shares == [0.75, 0.25]
    assert [is_store(str(run.folder.data / name)) for name in ("train", "train-1", "dev", "dev-1")] == [True] * 4
    assert [store.text_characters for store in splits.dev] == [
        len(text(words, seed)) - int(len(text(words, seed)) * 0.9) for words, seed in ((800, 0), (400, 1))
    ]


def test_a_run_without_dev_data_keeps_its_last_weights(tmp_path: Path) -> None:
    run = run_tiny(tmp_path, data__dev="null")
    assert run.metrics == {}
    assert rows(run.folder.path, "dev") == []
    last = langue.training.latest(run.folder.checkpoints).tensors["model"]
    found = weights(run.folder.path)
    assert all(torch.equal(found[name], last[name]) for name in found)


def test_a_batch_can_be_measured_in_tokens(tmp_path: Path) -> None:
    run = run_tiny(tmp_path, training__batch_tokens=100, training__accumulate=2, training__steps=1)
    assert run.tokens == 2 * (100 // 16) * 16
    with pytest.raises(LangueError, match=r"batch_tokens 10 holds no row of the context of 16"):
        run_tiny(tmp_path, "other", training__batch_tokens=10)


# The door -----------------------------------------------------------------------------------------------------------


def test_the_room_of_training_is_the_public_function_too(tmp_path: Path) -> None:
    path = write_tiny(tmp_path)
    run = langue.train(path, tmp_path / "run")
    assert run.step == 8
    assert langue.training.Trainer.__name__ == "Trainer"
    assert langue.load(tmp_path / "run").generate("the ", max_tokens=3, temperature=0) != ""


def test_the_room_of_evaluation_is_the_public_function_too(finished: Path, tmp_path: Path, capsys) -> None:
    data = tmp_path / "some.txt"
    data.write_text("the old king saw a red boat\n", encoding="utf-8")
    assert cli.run(["evaluate", str(finished), "--data", str(data), "--stride", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    loaded = langue.load(finished)
    store = prepare(data, loaded.tokenizer, tmp_path / "store")
    for model, given in ((finished, data), (str(finished), str(data)), (loaded, data), (loaded, store.folder)):
        found = langue.evaluate(model, given, stride=3)
        assert found["seconds"] > 0
        assert found["data"] == str(given)
        assert {**found, "seconds": 0, "data": 0} == {**printed, "seconds": 0, "data": 0}
    rows = langue.evaluate(loaded, [{"text": data.read_text()}], stride=3)
    assert rows["metrics"] == printed["metrics"]
    assert evaluate_text(loaded.model, loaded.tokenizer, store, stride=3) == printed["metrics"]


def test_import_is_light_and_unknown_names_are_unknown() -> None:
    code = "import sys, langue; langue.__version__; dir(langue); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pydantic", "langue.training"} & set(done.stdout.split())
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        langue.trian  # noqa: B018
    assert {"train", "load", "evaluate"} <= set(dir(langue))


def test_a_store_is_known_by_its_manifest(tmp_path: Path) -> None:
    assert not is_store(["a"])
    assert not is_store(str(tmp_path))
    (tmp_path / "manifest.json").write_text("{}")
    assert not is_store(str(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(LangueError, match=r"manifest\.json is damaged"):
        is_store(str(tmp_path))
