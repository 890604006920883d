"""From pairs of texts to a model that rewrites: the whole way, resumed in the middle of an epoch, bit for bit."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.cli import run as command
from langue.errors import LangueError
from langue.experiment import train
from langue.tasks.recipes import read_recipe
from langue.training import Trainer
from pair_rows import RECIPE, pairs, write_pairs


def trained(folder: Path, out: str = "run", content: str = RECIPE, **changes: str):
    path = folder / "recipe.yaml"
    if not path.exists():
        write_pairs(folder, content)
    fields = {name.replace("__", "."): str(value) for name, value in changes.items()}
    return train(read_recipe(path, fields), folder / out, report=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    return trained(folder).folder.path


def test_a_run_is_tested_by_what_it_writes(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    dev, test = ([row for row in rows if row["split"] == split] for split in ("dev", "test"))
    assert {"loss", "perplexity"} <= dev[0].keys()
    assert "bleu" not in dev[0]
    assert {"loss", "perplexity", "bleu", "chrf", "ter"} <= test[0].keys()
    assert dev[-1]["loss"] < dev[0]["loss"]
    assert "langue translate" in (finished / "README.md").read_text()
    # Nothing is dropped out where a model is tested, though it was while it learnt.
    again = langue.evaluate(finished, finished.parent / "train.tsv")["metrics"]
    assert {name: test[0][name] for name in again} == pytest.approx(again)


def test_a_resumed_run_ends_where_it_would_have_ended(finished: Path, tmp_path: Path, monkeypatch) -> None:
    whole, path = Trainer.step, write_pairs(tmp_path)

    def interrupted(self: Trainer):
        if self.progress.step == 5:  # in the middle of an epoch
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    first = train(read_recipe(path), tmp_path / "run", report=False)
    assert first.interrupted
    assert first.step == 6 < _training_task(finished).steps_per_epoch
    monkeypatch.setattr(Trainer, "step", whole)
    train(read_recipe(path), tmp_path / "run", resume=True, report=False)
    for name in ("model", "optimizer"):
        place = f"checkpoints/step-00000009/{name}.safetensors"
        assert (tmp_path / "run" / place).read_bytes() == (finished / place).read_bytes()


def _training_task(run: Path) -> Any:
    from langue.experiment.run import RunFolder
    from langue.tasks.training_task import training_task
    from langue.text import Tokenizer

    recipe = RunFolder(run).recipe()
    return training_task(recipe)(recipe, Tokenizer.load(run), run / "data")


def test_two_files_teach_what_a_table_teaches(finished: Path, tmp_path: Path) -> None:
    path = write_pairs(tmp_path)
    found = train(
        read_recipe(path, {"data.train": "{source: train.en, target: train.xx}"}), tmp_path / "run", report=False
    )
    ours, theirs = (load_file(place / "model" / "model.safetensors") for place in (found.folder.path, finished))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_pairs_that_cannot_be_measured_by_are_counted_and_too_many_refused(
    finished: Path, tmp_path: Path, capsys
) -> None:
    rows = (finished.parent / "train.tsv").read_text().splitlines()[:11]
    table = tmp_path / "dev.tsv"
    table.write_text("\n".join([*rows, "the king\t", "a\tb\tc", "\t"]) + "\n")
    with pytest.raises(
        LangueError, match=r"^16\.7% of .*dev\.tsv would be lost, .*1 one side empty, .* --max-dropped 0\.17$"
    ):
        langue.evaluate(finished, table)
    capsys.readouterr()
    assert langue.evaluate(finished, table, max_dropped=0.2)["examples"] == 10
    said = "left out of 10 pairs: 1 empty, 1 one side empty, 1 wrong number of columns"
    assert said in capsys.readouterr().err
    recipe = read_recipe(finished.parent / "recipe.yaml", {"data.test": str(table)})
    with pytest.raises(LangueError, match=r"dev\.tsv would be lost, .* --data\.max_dropped 0\.17$"):
        train(recipe, tmp_path / "run", report=False)


def test_lines_keep_their_order_and_empty_ones_stay(finished: Path, tmp_path: Path, capsys) -> None:
    lines = ["the king", "", "a red boat on the sea", "   ", "sang"]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n")
    status = command(
        ["translate", str(finished), "--file", str(tmp_path / "in.txt"), "--out", str(tmp_path / "out.txt")]
    )
    assert status == 0
    written = (tmp_path / "out.txt").read_text().split("\n")
    assert len(written) == 6
    assert written[1] == written[3] == ""
    model = langue.load(finished)
    assert written[:5] == model.translate(lines)
    assert [model.translate(line) for line in lines] == model.translate(lines)
    capsys.readouterr()
    assert command(["translate", str(finished), "the king", "sang", "--json", "--samples", "2"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in told] == ["the king", "sang"]
    assert [row["target"] for row in told] == [written[0], written[4]]
    assert all(len(set(row["texts"])) == len(row["scores"]) == 2 and row["score"] == row["scores"][0] for row in told)


def test_long_texts_are_split_or_cut_and_unknown_characters_said(finished: Path, capsys) -> None:
    model = langue.load(finished)
    text = " ".join(["the old king saw a red boat."] * 6)
    split = model.translate(text)
    # Two sentences are too long together.
    assert split == " ".join(model.translate(["the old king saw a red boat."] * 6))
    cut = model.translate(text, long="cut")
    said = capsys.readouterr().err
    assert "1 long texts were split between sentences" in said
    assert "1 of 1 texts were longer than the context of 48 tokens and were cut" in said
    assert len(cut) < len(split) or cut != split
    model.translate("the kïng")
    assert "1 of 8 characters (12.5%) are unknown to the tokenizer and lost, such as 'ï'" in capsys.readouterr().err


def test_languages_are_told_apart_by_a_token_before_the_source(tmp_path: Path) -> None:
    rows = [{"source": s, "target": t, "target_language": "xx"} for s, t in pairs(40)]
    rows += [{"source": s, "target": s[::-1], "target_language": "yy"} for s, _ in pairs(40)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[60:]))
    write_pairs(tmp_path)
    mix = "{a.jsonl: 3, b.jsonl: 1}"
    found = trained(tmp_path, data__train=mix, data__temperature=2.0, data__test="a.jsonl", training__steps=2)
    recipe = found.folder.recipe()
    assert recipe.data.pairs.tags == ("xx", "yy")
    model = langue.load(found.folder.path)
    assert model.model.config.vocab_size == model.tokenizer.vocab_size + 2
    assert isinstance(model.translate("the king", target_language="yy"), str)
    with pytest.raises(LangueError, match="the model was never told 'zz'; it knows: xx, yy"):
        model.translate("the king", target_language="zz")
    with pytest.raises(LangueError, match="was always told one of xx, yy; say which it is now: --target-language xx"):
        model.translate("the king")
    with pytest.raises(LangueError, match="or in a column target_language"):
        langue.evaluate(found.folder.path, str(tmp_path / "train.tsv"))
    assert langue.evaluate(found.folder.path, str(tmp_path / "a.jsonl"))["rows"] == len(rows)


def test_the_only_language_need_not_be_said(tmp_path: Path) -> None:
    rows = [{"source": s, "target": t, "target_language": "xx"} for s, t in pairs(40)]
    write_pairs(tmp_path)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = langue.load(trained(tmp_path, data__train="a.jsonl", training__steps=2).folder.path)
    assert model.translate("the king") == model.translate("the king", target_language="xx")
    assert model.rewrite(["the king"], tags=())[0].scores != model.rewrite(["the king"])[0].scores


def test_text_of_the_target_language_teaches_by_way_of_back_translation(tmp_path: Path, capsys) -> None:
    write_pairs(tmp_path)
    back = trained(tmp_path, "back", data__columns="{source: target, target: source}", training__steps=3)
    assert langue.load(back.folder.path).sides.source.encode("da ol ko")
    lines = [target for _, target in pairs(40, seed=1)]
    (tmp_path / "alone.txt").write_text("\n".join(lines))
    capsys.readouterr()
    options = ["--beams", "1", "--temperature", "1", "--top-k", "10", "--json"]
    assert command(["translate", str(back.folder.path), "--file", str(tmp_path / "alone.txt"), *options]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in told] == lines
    rows = [{"source": row["target"], "target": row["source"], "tag": "back"} for row in told if row["target"]]
    (tmp_path / "synthetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mix, no_dev = f"{{{tmp_path}/train.tsv: 1, {tmp_path}/synthetic.jsonl: 1}}", {"data__dev": "null"}
    found = trained(tmp_path, "mixed", data__train=mix, training__steps=2, **no_dev)
    task, model = _training_task(found.folder.path), langue.load(found.folder.path)
    assert task.sides.tags == {"back": model.tokenizer.vocab_size}
    tagged = sum(example["source"][0] == model.tokenizer.vocab_size for example in task.train)
    assert tagged == len(rows)
    assert len(task.train) == len(pairs()) + len(rows)
    assert isinstance(model.translate("the king"), str)


def test_each_side_may_have_a_vocabulary_of_its_own(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    found = trained(
        tmp_path,
        source_tokenizer="{kind: byte-bpe, vocab_size: 300}",
        model__mixer="lstm",
        model__position="none",
        model__cross="bahdanau",
        training__steps=2,
    )
    model = langue.load(found.folder.path)
    assert model.model.config.source_vocab_size == model.sides.source.vocab_size > 200
    assert model.model.config.vocab_size == model.tokenizer.vocab_size < 100
    assert isinstance(model.translate("the king"), str)


def test_the_mean_of_checkpoints_is_their_mean(tmp_path: Path, capsys) -> None:
    write_pairs(tmp_path)
    run = trained(tmp_path, training__checkpoint_every=3, training__keep=5).folder.path
    assert command(["average", str(run), "--last", "3", "--out", str(tmp_path / "mean")]) == 0
    places = [run / "checkpoints" / f"step-{step:08d}" for step in (3, 6, 9)]
    parts = [load_file(place / "model.safetensors") for place in places]
    for name, value in load_file(tmp_path / "mean" / "model" / "model.safetensors").items():
        mean = sum(part[name].double() for part in parts) / 3
        assert torch.equal(value, mean.float())
    assert isinstance(langue.load(tmp_path / "mean").translate("the king"), str)
    assert command(["average", str(run), "--last", "4", "--out", str(tmp_path / "more")]) == 2
    assert "holds 3 checkpoints, not 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model__form": "decoder"}, "task: translate wants model.form: seq2seq, not decoder"),
        ({"model__vocab_size": 5}, "model.vocab_size is 5"),
        ({"data__pairs": "{min_tokens: 1000}"}, "none of the pairs in"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(LangueError, match=sentence):
        trained(tmp_path, **changes)
    assert not (tmp_path / "run").exists()


def test_spoilt_text_teaches_a_model_to_go_on_from(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    changes = {"task": "denoise", "data.train": "text.txt", "data.test": "null", "training.batch_size": "4"}
    changes |= {"training.batch_tokens": "null", "denoise.sentinels": "7", "model.context": "48"}
    (tmp_path / "train.en").rename(tmp_path / "text.txt")
    first = train(read_recipe(tmp_path / "recipe.yaml", changes), tmp_path / "first", report=False)
    model = langue.load(first.folder.path).model
    assert model.config.vocab_size == langue.load(first.folder.path).tokenizer.vocab_size + 7
    dev = {"tokenizer.path": str(first.folder.path)}
    second = train(
        read_recipe(tmp_path / "recipe.yaml", {"data.test": "null", "training.steps": "1", **dev}),
        tmp_path / "second",
        start_from=first.folder.path,
        report=False,
    )
    assert langue.load(second.folder.path).model.config.vocab_size == model.config.vocab_size


def test_a_test_file_that_is_not_there_is_told_before_the_training(tmp_path: Path) -> None:
    recipe = read_recipe(write_pairs(tmp_path), {"data.test": str(tmp_path / "nothere.tsv")})
    with pytest.raises(LangueError, match=r"there is no file .*nothere\.tsv"):
        train(recipe, tmp_path / "run", report=False)
    assert not (tmp_path / "run").exists()
