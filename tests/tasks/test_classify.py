"""The classify task: what it learns, what it says, and what it refuses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
import yaml

import langue
from labelled_rows import BAD, GOOD, RECIPE, learn, sentences, write_recipe, write_rows
from langue import cli
from langue.batch import Batch
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.experiment import RunFolder
from langue.models import load_model
from langue.objectives.padding import by_length
from langue.report.run import run_page
from langue.tasks.classify.data import encoded_examples
from langue.tasks.classify.objective import ClassifyObjective
from langue.tasks.framing import frame
from langue.text import TokenizerSettings, train_tokenizer
from langue.training.trainer import INTERRUPTED
from langue.wording import short


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return learn(tmp_path_factory.mktemp("classify"))


def test_it_learns_and_tells_labels_in_the_order_of_the_texts(run):
    assert run.metrics["accuracy"] == 1.0
    task = langue.load(run.folder.path)
    rows = sentences(50, seed=5)
    said = task.classify([row["text"] for row in rows])
    assert said == [row["label"] for row in rows]
    assert task.classify(rows[3]["text"]) == rows[3]["label"]
    scored = task.classify(rows[3]["text"], scores=True)
    assert sum(scored["scores"].values()) == pytest.approx(1)
    assert max(scored["scores"], key=scored["scores"].get) == scored["label"]
    assert json.loads((run.folder.model / "labels.json").read_text()) == ["bad", "good"]


def test_scores_do_not_depend_on_the_company_and_are_the_models_own(run):
    task = langue.load(run.folder.path)
    texts = [row["text"] for row in sentences(30, seed=6)]
    together = task.classify(texts, scores=True)
    for text, found in zip(texts, together, strict=True):
        ids, _ = task.tokenizer.pair(task.tokenizer.encode(text))
        with torch.no_grad():
            expected = task.model.classify(Batch(torch.tensor([ids]))).softmax(-1)[0]
        assert found["scores"]["good"] == pytest.approx(float(expected[1]), abs=1e-5)


def test_the_run_tells_its_metrics(run):
    rows = [json.loads(line) for line in run.folder.metrics_file.read_text().splitlines()]
    dev = [row for row in rows if row["split"] == "dev"]
    assert {"loss", "accuracy", "f1", "f1_macro", "matthews", "best"} <= dev[0].keys()
    best = [row for row in dev if row["best"]][-1]
    assert run.best_step == best["step"]
    assert best["accuracy"] == max(row["accuracy"] for row in dev)
    assert "pipeline_tag: text-classification" in run.folder.card.read_text()


def test_its_report_and_card_count_examples_and_tell_scores(run, tmp_path, capsys):
    page = run_page(run.folder.path)
    best = [f"<b>{short(run.metrics['accuracy'])}</b><span>accuracy on dev</span>", "<span>examples per second</span>"]
    assert all(part in page for part in best)
    assert "Scores" in page
    assert "perplexity" not in page
    card = run.folder.card.read_text()
    assert f"| training | {run.step:,} steps, {run.tokens:,} examples, " in card
    assert "perplexity" not in card
    assert f"| accuracy on dev data | {run.metrics['accuracy']:.4f} |" in card
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["metrics"] == ["accuracy", "f1", "matthews_correlation"]
    names = {row["name"]: row["type"] for row in head["model-index"][0]["results"][0]["metrics"]}
    assert names["f1 macro"] == names["f1"] == "f1"
    assert cli.run(["train", str(write_recipe(tmp_path)), "--training.steps", "2", "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "2 steps, 32 examples, " in said[0]
    assert said[-1] == f'try: langue classify {tmp_path / "new"} "…"'


def test_accuracy_decides_and_not_the_loss(tmp_path):
    run = learn(tmp_path, training__steps=12, training__evaluate_every=1, training__learning_rate=0.3)
    dev = [json.loads(line) for line in run.folder.metrics_file.read_text().splitlines()]
    dev = [row for row in dev if row["split"] == "dev"]
    best = max(dev, key=lambda row: (row["accuracy"], -row["step"]))
    assert run.best_step == best["step"]


@pytest.mark.parametrize(
    ("model", "classify"),
    [
        ("{form: encoder, mixer: lstm, position: none, layers: 1, width: 16, context: 24}", "{}"),
        ("{form: encoder, mixer: gru, position: none, layers: 1, width: 16, context: 24}", "{}"),
        ("{form: encoder, mixer: rnn, position: none, layers: 1, width: 16, context: 24}", "{}"),
        ("{form: encoder, mixer: window, window: 3, position: none, layers: 1, width: 16, context: 24}", "{}"),
        ("{form: encoder, layers: 1, width: 16, heads: 2, context: 24}", "{pooling: first, dense: tanh}"),
        ("{layers: 1, width: 16, heads: 2, context: 24}", "{}"),
        ("{mixer: lstm, position: none, layers: 1, width: 16, context: 24}", "{}"),
    ],
)
def test_any_form_and_mixer_can_be_the_trunk(tmp_path, model, classify):
    write_recipe(tmp_path, content=RECIPE + f"classify: {classify}\n")
    content = (tmp_path / "recipe.yaml").read_text().splitlines()
    content[2] = f"model: {model}"
    (tmp_path / "recipe.yaml").write_text("\n".join(content))
    run = learn(tmp_path, training__steps=120)
    assert run.metrics["accuracy"] > 0.85
    assert langue.load(run.folder.path).classify(["a lovely day", "a grim day"]) == ["good", "bad"]


def test_pairs(tmp_path):
    rows = []
    draws = np.random.default_rng(0)
    for _ in range(300):
        same = bool(draws.integers(2))
        rows.append({"sentence1": "fine day", "sentence2": "fine town" if same else "grim town", "label": int(same)})
    run = learn(tmp_path, rows, training__steps=30)
    assert run.metrics["accuracy"] == 1.0
    task = langue.load(run.folder.path)
    assert task.classify(("fine day", "grim town")) == "0"
    assert task.classify([("fine day", "fine town"), ("fine day", "grim town")]) == ["1", "0"]


def test_several_labels(tmp_path):
    rows = [
        {"text": f"{a} film {b}", "label": [w for w, there in (("A", a), ("B", b)) if there]}
        for a in ("", "lovely") for b in ("", "grim") for _ in range(40)
    ]  # fmt: skip
    run = learn(tmp_path, rows, classify__kind="labels", training__steps=150)
    assert run.metrics["f1_micro"] == 1.0
    task = langue.load(run.folder.path)
    assert task.classify(["lovely film grim", " film ", "lovely film "]) == [["A", "B"], [], ["A"]]
    assert task.classify("lovely film", scores=True)["scores"]["A"] > 0.5


def test_numbers(tmp_path):
    rows = [
        {"text": " ".join(["lovely"] * n + ["film"] * (6 - n)), "label": n / 2} for n in range(7) for _ in range(20)
    ]
    run = learn(tmp_path, rows, classify__kind="number", training__steps=80)
    assert run.metrics["pearson"] > 0.95
    assert langue.load(run.folder.path).classify("lovely " * 6) > langue.load(run.folder.path).classify("film " * 6)


def test_choices(tmp_path):
    draws = np.random.default_rng(1)
    rows = []
    for _ in range(150):
        choices = [str(draws.choice(["dull", "sour", "cold"])) for _ in range(int(draws.integers(2, 5)))]
        right = int(draws.integers(len(choices)))
        choices[right] = "lovely"
        rows.append({"text": "the film was", "choices": choices, "label": right})
    run = learn(tmp_path, rows, classify__kind="choice", training__steps=40)
    assert run.metrics["accuracy"] == 1.0
    task = langue.load(run.folder.path)
    assert task.classify({"text": "the film was", "choices": ["sour", "cold", "lovely"]}) == 2
    assert task.classify({"text": "the film was", "choice1": "lovely", "choice2": "cold"}, scores=True)["label"] == 0


def judgements(count: int = 150) -> list[dict]:
    """Texts of which that with the kind word is preferred."""
    draws = np.random.default_rng(1)
    words = [[str(draws.choice(kind)) for kind in (GOOD, BAD)] for _ in range(count)]
    return [{"prompt": "the film was", "chosen": good, "rejected": bad} for good, bad in words]


def test_the_loss_of_preferences_is_that_of_bradley_and_terry(tmp_path):
    rows = judgements()
    run = learn(tmp_path, rows, classify__kind="choice", training__steps=40)
    assert run.metrics["accuracy"] == 1.0
    task = langue.load(run.folder.path, "cpu", task="classify")
    some = [Labelled(f"row {number}", row) for number, row in enumerate(rows[:20])]
    prompts = [row["prompt"] for row in rows[:20]]
    chosen, rejected = (
        np.array(task.rewards(prompts, [row[name] for row in rows[:20]])) for name in ("chosen", "rejected")
    )
    expected = np.logaddexp(0.0, rejected - chosen)  # −log σ(chosen − rejected)
    assert task.evaluate(some)[0]["loss"] == pytest.approx(expected.mean(), rel=1e-5)
    examples = encoded_examples(task.tokenizer, some, task.settings, task.model.config.context)
    for example, value in zip(examples, expected, strict=True):
        batch = ClassifyObjective("choice").batch(
            [{"ids": example.ids, "segments": example.segments, "target": example.target}]
        )
        assert ClassifyObjective("choice").loss(task.model, batch).total.item() == pytest.approx(
            value, rel=1e-4, abs=1e-6
        )


@pytest.mark.parametrize("name", ["prompt", "chosen", "rejected"])
def test_preferences_without_a_text_are_refused(tmp_path, name):
    rows = [*judgements(20), {**judgements(1)[0], name: " "}]
    with pytest.raises(LangueError, match=rf"line 21: {name} is empty"):
        learn(tmp_path, rows, classify__kind="choice", data__dev="0")


def test_class_weights_are_of_mean_one(tmp_path):
    rows = [row for row in sentences(200) if row["label"] == "good" or len(row["text"]) < 20]
    run = learn(tmp_path, rows, training__steps=2, classify__class_weights="balanced")
    from langue.experiment.training import _training_task

    task = _training_task(run.folder)
    weights, targets = task.objective().weights.numpy(), task.train.targets
    assert weights[targets].mean() == pytest.approx(1)
    counts = np.bincount(targets)
    assert weights[0] / weights[1] == pytest.approx(counts[1] / counts[0])


def test_stopped_and_gone_on_with_it_ends_as_it_would_have(tmp_path):
    whole = learn(tmp_path, out="whole", training__steps=40)
    # Two trainings of a WordPiece tokenizer need not give the same.
    changes = {"tokenizer__path": whole.folder.path / "tokenizer.json", "training__checkpoint_every": 7}
    learn(tmp_path, out="parts", training__steps=40, **changes)
    checkpoints = tmp_path / "parts" / "checkpoints"
    last = checkpoints / "step-00000040"
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    assert (checkpoints / "step-00000035").is_dir()
    run = learn(tmp_path, out="parts", training__steps=40, resume=True, **changes)
    one, other = load_model(whole.folder.model), load_model(run.folder.model)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert run.metrics == whole.metrics


A, B = {"text": "a", "label": "x"}, {"text": "b", "label": "y"}


@pytest.mark.parametrize(
    ("rows", "changes", "said"),
    [
        ([A, {"text": " ", "label": "y"}], {}, r"train\.jsonl, line 2: text is empty"),
        ([A, {"text": "b"}], {}, r"train\.jsonl, line 2 has no column label; it has text"),
        ([{"txt": "a", "label": "x"}, {"txt": "b", "label": "y"}], {}, r"line 1 has no column text; it has txt, label"),
        ([A, {"text": "b", "label": ""}], {}, r"line 2: label is empty"),
        ([A, {"text": "b", "label": "x"}], {}, r"one label alone, x"),
        ([A], {"classify__labels": "[y, z]"}, r"line 1: there is no label 'x'; known are y, z"),
        ([A], {"classify__kind": "number"}, r"line 1: label should be a number, got 'x'"),
        ([{"text": "a", "label": 0}], {"classify__kind": "choice"}, r"line 1: there are no choices"),
        (
            [{"text": "a", "choices": ["b", "c"], "label": 2}],
            {"classify__kind": "choice"},
            r"line 1: label should be the index of a choice, 0 to 1, got 2",
        ),
        ([A, B], {"classify__metric": "bleu"}, r"'bleu' is none of"),
        ([A, B], {"classify__lables": "[x]"}, r"did you mean labels"),
        ([A], {"data__columns": "{text: body}"}, r"line 1 has no column body"),
        ([A, B], {"model__form": "decoder", "classify__pooling": "first"}, r"first position of a decoder"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_data_is_said_in_one_sentence(tmp_path, rows, changes, said):
    with pytest.raises(LangueError, match=said) as caught:
        learn(tmp_path, rows, data__dev=0, **changes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_columns_can_have_other_names(tmp_path):
    rows = [{"review": row["text"], "stars": row["label"]} for row in sentences(200)]
    run = learn(tmp_path, rows, data__columns="{text: review, label: stars}")
    assert run.metrics["accuracy"] == 1.0


def test_an_unknown_label_in_evaluation_is_named(run, tmp_path):
    from langue.evaluation.run import evaluate

    rows = write_rows(tmp_path / "dev.jsonl", [*sentences(20), {"text": "a film", "label": "odd"}])
    with pytest.raises(LangueError, match=r"dev\.jsonl, line 21: there is no label 'odd'; known are bad, good"):
        evaluate(run.folder.path, str(rows), device="cpu")
    found = evaluate(run.folder.path, sentences(40, seed=8), predictions=tmp_path / "said.jsonl", device="cpu")
    assert found["metrics"]["accuracy"] == 1.0
    assert found["examples"] == 40
    assert len((tmp_path / "said.jsonl").read_text().splitlines()) == 40


def test_an_empty_text_is_refused(run):
    with pytest.raises(LangueError, match="text 2: text is empty"):
        langue.load(run.folder.path).classify(["a", ""])
    with pytest.raises(LangueError, match="a pair has two texts, not 3"):
        langue.load(run.folder.path).classify([("a", "b", "c")])


def test_the_trunk_is_taken_and_the_head_is_new_unless_the_labels_are_the_same(run, tmp_path, capsys):
    other = [{**row, "label": {"good": "up", "bad": "down"}[row["label"]]} for row in sentences(100)]
    made = learn(tmp_path, other, start_from=run.folder.path, training__steps=1, training__learning_rate=1e-9)
    assert "new weights: classifier.output.weight, classifier.output.bias" in capsys.readouterr().err
    before, after = load_model(run.folder.model), load_model(made.folder.model)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert torch.allclose(old, new, atol=1e-6) != name.startswith("classifier.output")
    for start in (run.folder.path, run.folder.model, max(run.folder.checkpoints.iterdir())):
        again = learn(
            tmp_path / f"from-{start.name}", start_from=start, training__steps=1, training__learning_rate=1e-9
        )
        assert "new weights" not in capsys.readouterr().err
        assert again.metrics["accuracy"] == 1.0


def test_several_seeds_give_mean_and_deviation(tmp_path):
    from langue.experiment.seeds import SeedsResult, mean_and_deviation, train_seeds
    from langue.tasks.recipes import read_recipe

    recipe = read_recipe(write_recipe(tmp_path), {"training.steps": "5"})
    found = train_seeds(recipe, tmp_path / "runs", 3, report=False)
    values = [run.metrics["loss"] for run in found.runs]
    assert found.metrics["loss"] == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert len(set(values)) == 3
    summary = json.loads((tmp_path / "runs" / "seeds.json").read_text())
    assert summary["metrics"]["loss"]["mean"] == pytest.approx(np.mean(values))
    assert RunFolder(tmp_path / "runs" / "seed-2").recipe().training.seed == 2
    assert mean_and_deviation([0.5]) == (0.5, None)
    begun = dataclasses.replace(found.runs[1], stopped=INTERRUPTED, metrics={"loss": 9.0})
    assert SeedsResult([found.runs[0], begun], [0, 1]).metrics["loss"] == (values[0], None)
    assert SeedsResult([begun], [0]).metrics == {}


def test_the_longer_text_is_cut_first():
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    for first, second in ((5, 30), (30, 5), (30, 30), (3, 3), (12, 6)):
        ids, segments = frame(tokenizer, [7] * first, [8] * second, 20)
        room = 17
        kept = ids.count(7), ids.count(8)
        assert len(ids) == len(segments) == min(20, first + second + 3)
        assert sum(kept) == min(room, first + second)
        # As if one token after the other had been taken from the longer one.
        left = [first, second]
        while sum(left) > room:
            left[left[1] >= left[0] if left[0] != left[1] else 1] -= 1
        assert abs(kept[0] - left[0]) <= 1
    with pytest.raises(LangueError, match="no room"):
        frame(tokenizer, [7], [8], 4)


def test_batches_by_length_hold_every_row_once_and_no_more_than_they_should():
    lengths = np.random.default_rng(0).integers(1, 60, 500)
    found = list(by_length(lengths, 256))
    assert sorted(np.concatenate(found)) == list(range(500))
    assert all(lengths[batch].max() * len(batch) <= 256 for batch in found)
