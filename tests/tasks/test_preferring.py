"""From rows of preferences to a model that prefers: the whole way, in every form of rows, resumed bit for bit."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.batch import IGNORE
from langue.data.labelled import Labelled
from langue.data.tally import Tally
from langue.errors import LangueError
from langue.experiment import train
from langue.objectives import Causal
from langue.tasks.policies.prompts import DecoderPrompts, completions_of
from langue.tasks.prefer.data import PreferenceExamples, encoded, judged_of, pairs_of
from langue.tasks.prefer.objective import PreferObjective
from langue.tasks.prefer.reference import log_probabilities_of, read_references, reference_log_probabilities
from langue.tasks.prefer.settings import PreferSettings
from langue.tasks.recipes import read_recipe
from langue.training import Trainer
from pair_rows import pairs
from policy_runs import WRITER, rows_in, write_policies

PREFERRING = """\
task: prefer
data: {train: pairs.jsonl, dev: 0.2, test: pairs.jsonl}
prefer: {loss: LOSS}
training: {steps: 9, batch_size: 8, optimizer: adamw, learning_rate: 0.01, warmup_steps: 1, evaluate_every: 3,
           checkpoint_every: 4, log_every: 3, device: cpu}
samples: {max_tokens: 4}
"""


def write_rows(folder: Path, rows: list[dict]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "pairs.jsonl").write_text(text, encoding="utf-8")


def preferences(count: int = 60) -> list[dict]:
    """A translation word by word, and the same from behind."""
    return [{"prompt": source, "chosen": target, "rejected": target[::-1]} for source, target in pairs(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("preferring")
    write_rows(place, preferences())
    write_policies(place, steps=4)
    return place


def preferring(folder: Path, out: Path, start: str, loss: str = "dpo", **changes: str):
    path = folder / f"{loss}.yaml"
    path.write_text(PREFERRING.replace("LOSS", loss), encoding="utf-8")
    fields = {name.replace("__", "."): str(value) for name, value in changes.items()}
    return train(read_recipe(path, fields), out, start_from=folder / start, report=False)


@pytest.mark.parametrize("loss", ["dpo", "ipo", "kto", "orpo", "simpo", "cpo"])
@pytest.mark.parametrize("start", ["attention", "lstm", "seq2seq"])
def test_each_loss_teaches_each_form(folder, tmp_path, start, loss):
    run = preferring(folder, tmp_path / "run", start, loss)
    dev = rows_in(run.folder.path, "dev")
    assert "→" in dev[0]["sample"]
    if loss == "kto":  # whose loss rises and falls with how far the policy has gone
        assert dev[-1]["good_ratio"] > dev[-1]["bad_ratio"]
    else:
        assert dev[-1]["loss"] < dev[0]["loss"]
        assert {"accuracy", "margin", "likelier"} <= dev[0].keys()
    assert len(rows_in(run.folder.path, "test")) == 1


def test_what_comes_out_is_used_as_what_it_began_from(folder, tmp_path):
    decoder = preferring(folder, tmp_path / "decoder", "attention").folder.path
    assert langue.load(decoder).generate("the old", max_tokens=3)
    translator = preferring(folder, tmp_path / "translator", "seq2seq").folder.path
    assert isinstance(langue.load(translator, task="translate").translate("the old king"), str)
    assert "langue translate" in (translator / "README.md").read_text()
    # Preferences may be learnt from preferences.
    again = preferring(tmp_path.parent / folder.name, tmp_path / "again", str(translator)).folder
    assert again.recipe().policy.task == "translate"


def test_the_reference_is_what_the_first_weights_hold(folder, tmp_path):
    run = preferring(folder, tmp_path / "run", "attention").folder.path
    start = langue.load(folder / "attention")
    rows = pairs_of([Labelled("a row", row) for row in preferences()])
    kept = np.concatenate([read_references(run / "data", "test", len(rows))])
    expected = []
    for row in rows:
        for text in (row.chosen, row.rejected):
            # By the cross-entropy of the whole row but its prompt, one row at a time.
            prompt, ids = start.tokenizer.prompt(row.prompt), [*start.tokenizer.encode(text), start.tokenizer.end]
            batch = Causal().batch([{"ids": np.array([*prompt, *ids])}])
            targets = batch.targets.clone()
            targets[:, : len(prompt) - 1] = IGNORE
            batch = replace(batch, targets=targets)
            with torch.inference_mode():
                expected.append(-Causal().loss(start.model, batch).total.item())
    np.testing.assert_allclose(kept.ravel(), expected, atol=1e-4)


@pytest.mark.parametrize("base", ["fp32", "nf4"])
@pytest.mark.parametrize("start", ["attention", "lstm", "seq2seq"])
def test_adapters_are_held_to_their_base_in_its_bits(folder, tmp_path, start, base):
    run = preferring(folder, tmp_path / "run", start, adapt=json.dumps({"rank": 2, "base": base}))
    first, *_, last = rows_in(run.folder.path, "dev")
    assert (first["margin"], first["chosen_ratio"]) == pytest.approx((0, 0), abs=1e-5)
    assert last["loss"] < first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    again = preferring(folder, tmp_path / "again", str(run.folder.path), adapt=json.dumps({"rank": 2}))
    assert rows_in(again.folder.path, "dev")[0]["margin"] == pytest.approx(0, abs=1e-5)


def test_a_reference_of_other_rows_is_refused(folder, tmp_path):
    run = preferring(folder, tmp_path / "run", "attention").folder.path
    with pytest.raises(LangueError, match="of 60 pairs"):
        read_references(run / "data", "test", 61)


def test_a_resumed_run_ends_where_it_would_have_ended(folder, tmp_path, monkeypatch):
    whole = preferring(folder, tmp_path / "whole", "attention").folder
    step = Trainer.step

    def interrupted(self: Trainer):
        if self.progress.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    monkeypatch.setattr(Trainer, "step", interrupted)
    first = preferring(folder, tmp_path / "run", "attention")
    assert first.interrupted
    monkeypatch.setattr(Trainer, "step", step)
    train(read_recipe(folder / "dpo.yaml"), tmp_path / "run", resume=True, report=False)
    ours, theirs = (load_file(path / "model" / "model.safetensors") for path in (tmp_path / "run", whole.path))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("loss", ["dpo", "simpo", "orpo"])
def test_losses_of_pieces_add_up_to_the_loss_of_the_whole(folder, loss):
    start = langue.load(folder / "attention")
    reader = DecoderPrompts(start.tokenizer, 64)
    kept = encoded(pairs_of([Labelled("a row", row) for row in preferences(8)]), reader, Tally())
    examples = PreferenceExamples(kept, reference_log_probabilities(start.model, kept) - 1.0)
    objective = PreferObjective(PreferSettings(loss=loss))
    gradients = []
    for size in (len(examples), 2, 1):
        start.model.zero_grad()
        parts = [objective.batch(examples[first : first + size]) for first in range(0, len(examples), size)]
        losses = [objective.loss(start.model, part) for part in parts]
        torch.stack([part.total for part in losses]).sum().backward()
        assert sum(int(part.count) for part in losses) == len(examples)
        gradients.append(torch.cat([parameter.grad.ravel() for parameter in start.model.parameters()]))
    for pieces in gradients[1:]:
        torch.testing.assert_close(pieces, gradients[0], atol=1e-4, rtol=1e-4)


def test_scores_become_pairs_of_all_that_differ():
    scored = [("a", "x", 1), ("a", "y", 3), ("a", "z", "2.5"), ("b", "x", 1), ("b", "y", 1)]
    rows = [
        Labelled(f"row {number}", {"prompt": prompt, "text": text, "score": score})
        for number, (prompt, text, score) in enumerate(scored)
    ]
    assert {pair[1:3] for pair in pairs_of(rows)} == {("y", "x"), ("z", "x"), ("y", "z")}


def test_pairs_of_equal_texts_are_left_out_and_counted(folder, tmp_path, capsys):
    equal = {"prompt": "a", "chosen": "ol", "rejected": "ol"}
    rows, path = [*preferences(40), equal], tmp_path / "equal.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    changes = {"data__train": path, "data__dev": "null", "data__test": "null", "training__steps": 1}
    preferring(folder, tmp_path / "run", "attention", "simpo", **changes)
    assert "left out of the train rows: 1 chosen and rejected are the same" in capsys.readouterr().err
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *[equal] * 9]), encoding="utf-8")
    with pytest.raises(LangueError, match=r"chosen and rejected are the same.*data.max_dropped"):
        preferring(folder, tmp_path / "refused", "attention", "simpo", **changes)


def test_single_texts_are_good_or_bad():
    labels = {"good": True, "bad": False, "1": True, 0: False, True: True}
    rows = [
        Labelled("a row", {"prompt": str(number), "text": "x", "label": label}) for number, label in enumerate(labels)
    ]
    assert [row.good for row in judged_of(rows)] == list(labels.values())
    pair = [Labelled("a row", {"prompt": name, "chosen": f"{name} yes", "rejected": f"{name} no"}) for name in "ab"]
    assert [(row.text, row.good) for row in judged_of(pair)] == [
        ("a yes", True),
        ("a no", False),
        ("b yes", True),
        ("b no", False),
    ]
    # A mismatched text is that of another prompt, however many rows have the same.
    uneven = [
        Labelled("a row", {"prompt": name, "text": f"{name} {place}", "label": 1})
        for place, name in enumerate("abbbca")
    ]
    for judged in (pair, uneven):
        assert all(row.mismatched[0] != row.prompt for row in judged_of(judged))
    assert [row.mismatched for row in judged_of(uneven)] == ["b 1", "c 4", "c 4", "c 4", "a 5", "b 1"]


@pytest.mark.parametrize(
    ("row", "loss", "sentence"),
    [
        ({"prompt": "a", "chosen": "", "rejected": "b"}, "dpo", "chosen is empty"),
        ({"prompt": "a", "chosen": "b"}, "dpo", "rejected"),
        ({"prompt": "a", "text": "b"}, "dpo", "chosen and rejected"),
        ({"prompt": "a", "text": "b", "label": "good"}, "dpo", "kto"),
        ({"prompt": "a", "text": "b", "label": "maybe"}, "kto", "good or bad"),
        ({"prompt": "a", "text": "b", "score": 1}, "kto", "dpo"),
        ({"prompt": "a", "text": "b", "score": "high"}, "dpo", "number"),
    ],
)
def test_rows_that_say_nothing_are_refused_by_place(row, loss, sentence):
    with pytest.raises(LangueError, match=sentence) as caught:
        (judged_of if loss == "kto" else pairs_of)([Labelled("line 7", row)])
    assert "line 7" in str(caught.value)


def test_prompts_lose_their_beginning_where_there_is_no_room(folder):
    tokenizer = langue.load(folder / "attention").tokenizer
    reader = DecoderPrompts(tokenizer, 8)
    row = completions_of(reader, reader.read(["the old king"]), ["saw"])[0]
    assert len(row.ids) == 9
    assert tokenizer.decode(row.ids[: row.first]) == " king"
    assert tokenizer.decode(row.ids[row.first :]) == "saw"
    long, tally = {"prompt": "a", "chosen": "the old king", "rejected": "b"}, Tally()
    assert encoded(pairs_of([Labelled("a row", long)]), reader, tally) == []
    assert tally.dropped() == {"longer than the context": 1}


def test_log_probabilities_do_not_depend_on_the_batch(folder):
    start = langue.load(folder / "lstm")
    reader = DecoderPrompts(start.tokenizer, 64)
    rows = completions_of(reader, reader.read(["the", "old king saw a boat"]), ["red boat", "on"])
    together = log_probabilities_of(start.model, rows)
    alone = [log_probabilities_of(start.model, [row])[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "sentence"), [(None, "--start-from RUN"), ("encoder", "begins from a model that writes")]
)
def test_weights_that_write_are_needed(folder, tmp_path, start, sentence):
    if start is not None:
        (folder / "fill.yaml").write_text(
            WRITER.replace("MIXER", "attention")
            .replace("STEPS", "4")
            .replace("generate", "fill")
            .replace("{layers", "{form: encoder, layers")
        )
        train(read_recipe(folder / "fill.yaml"), folder / start, report=False)
    (folder / "dpo.yaml").write_text(PREFERRING.replace("LOSS", "dpo"), encoding="utf-8")
    with pytest.raises(LangueError, match=sentence):
        train(
            read_recipe(folder / "dpo.yaml"),
            tmp_path / "run",
            start_from=None if start is None else folder / start,
            report=False,
        )
    assert not (tmp_path / "run").exists()
