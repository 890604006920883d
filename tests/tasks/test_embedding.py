"""Learning to represent texts by vectors: what it learns from, what it keeps, and what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

import langue
from embed_rows import RECIPE, learn, rows, write_rows
from langue import cli
from langue.data import TableDataSettings
from langue.data.retrieval_pairs import read_retrieval_rows
from langue.errors import LangueError
from langue.models import load_model
from langue.tasks.embed.evaluate import find_positives
from langue.tasks.recipes import read_recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return learn(tmp_path_factory.mktemp("pairs"), "pairs")


def test_pairs_are_learnt_and_the_run_is_a_model_to_embed(run):
    """Topics are six; with a positive among 40 of which about seven are of the right topic, chance is 1/40."""
    lines = [json.loads(line) for line in run.folder.metrics_file.read_text().splitlines()]
    dev = [line for line in lines if line["split"] == "dev"]
    assert {"loss", "accuracy", "mrr@10", "best"} <= dev[0].keys()
    assert run.metrics["mrr@10"] == max(line["mrr@10"] for line in dev) > 0.3
    task = langue.load(run.folder.path)
    assert (task.name, task.size) == ("embed", 24)
    sea, war, ship = task.embed(["the boat and fish", "a sword in the siege", "salt of the wave"])
    assert sea @ ship > sea @ war + 0.3
    assert "sentence-similarity" in run.folder.card.read_text()


@pytest.mark.parametrize(
    ("kind", "changes", "metric", "least"),
    [
        ("triples", {"embed__symmetric": True}, "accuracy", 0.05),
        ("graded", {}, "spearman", 0.6),
        ("graded", {"embed__loss": "cosine"}, "pearson", 0.6),
        ("pairs", {"embed__sizes": "[24, 8]", "embed__cached": True}, "mrr@10", 0.3),
    ],
)
def test_other_rows_and_losses_are_learnt(tmp_path, kind, changes, metric, least):
    assert learn(tmp_path, kind, embed__metric=metric, **changes).metrics[metric] > least


@pytest.mark.parametrize(
    ("form", "mixer"), [("decoder", "attention"), ("encoder", "gru"), ("encoder", "lstm"), ("seq2seq", "attention")]
)
def test_any_form_and_mixer_learns(tmp_path, form, mixer):
    more = {} if mixer == "attention" else {"model__position": "none"}
    run = learn(tmp_path, "pairs", model__form=form, model__mixer=mixer, **more)
    assert run.metrics["mrr@10"] > 0.3
    pooling = "last" if form == "decoder" else "mean"
    assert load_model(run.folder.model).config.embedder.pooling == pooling


def test_text_alone_is_learnt_and_watched_by_graded_rows(tmp_path):
    write_rows(tmp_path / "dev.jsonl", rows("graded", 60, seed=1))
    (tmp_path / "text.txt").write_text("".join(row["text"] + "\n\n" for row in rows("texts")))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = learn(tmp_path, "texts", data__train=tmp_path / "text.txt", data__dev=tmp_path / "dev.jsonl")
    assert {"spearman", "pearson", "loss"} <= run.metrics.keys()
    lines = [json.loads(line) for line in run.folder.metrics_file.read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["split"] == "train"]
    assert losses[-1] < losses[0] / 2
    alone = learn(tmp_path, "texts", out="alone", data__train=tmp_path / "text.txt", training__steps=5)
    assert set(alone.metrics) == {"loss"}


def test_a_run_resumes_bit_for_bit(tmp_path):
    changes = {"embed__cached": True, "training__steps": 20, "training__checkpoint_every": 5}
    whole = learn(tmp_path, "triples", out="whole", **changes)
    learn(tmp_path, "triples", out="parts", **changes)
    checkpoints = tmp_path / "parts" / "checkpoints"
    shutil.rmtree(checkpoints / "step-00000020")
    run = learn(tmp_path, "triples", out="parts", resume=True, **changes)
    one, other = load_model(whole.folder.model), load_model(run.folder.model)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert run.metrics == whole.metrics


def test_a_model_goes_on_with_its_prompts_and_its_heads(run, tmp_path):
    changes = {"embed__prompts": "{query: 'q: '}", "embed__max_tokens": 9, "training__steps": 2}
    head = {"model__embedder": "{pooling: max, layers: [{width: 5, activation: tanh}]}"}
    first = learn(tmp_path, "pairs", out="first", start_from=run.folder.path, **changes, **head)
    assert langue.load(first.folder.path).size == 5
    second = learn(tmp_path, "pairs", out="second", start_from=first.folder.path, training__steps=2)
    task = langue.load(second.folder.path)
    assert (task.reading.prompts, task.reading.max_tokens, task.size) == ({"query": "q: "}, 9, 5)
    again = learn(tmp_path, "pairs", out="second", start_from=None, resume=True, training__steps=2)
    assert again.metrics == second.metrics
    assert not np.allclose(task.embed("boat"), task.embed("boat", prompt="query"))


def test_a_bigger_model_teaches_its_vectors(run, tmp_path):
    changes = {"embed__loss": "vectors", "embed__teacher": run.folder.path, "training__steps": 150}
    with pytest.raises(
        LangueError, match=r"vectors of 24 numbers and the model such of 12; set model\.embedder\.layers"
    ):
        learn(tmp_path, "texts", model__width=12, **changes)
    small = {"model__width": 12, "model__embedder": "{layers: [{width: 24}]}"}
    pupil = langue.load(learn(tmp_path, "texts", **small, **changes).folder.path)
    teacher = langue.load(run.folder.path)
    texts = [row["text"] for row in rows("texts", 40, seed=9)]
    assert (pupil.embed(texts) * teacher.embed(texts)).sum(1).mean() > 0.9
    assert (tmp_path / "run" / "data" / "teacher.npy").is_file()


@pytest.mark.parametrize("loss", ["margin", "divergence"])
def test_scores_are_learnt_from_the_rows_or_from_a_model_that_judges_pairs(tmp_path, loss):
    some = [{**row, "scores": [1.0, 0.0]} for row in rows("triples")]
    more = {"embed__loss": loss, "embed__temperature": 1.0 if loss == "margin" else 0.1}
    assert learn(tmp_path / "own", some, **more).metrics["mrr@10"] > 0.2
    judge = [
        {"sentence1": row["sentence1"], "sentence2": row["sentence2"], "label": "yn"[row["score"] == 0]}
        for row in rows("graded", 60)
    ]
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "recipe.yaml").write_text(RECIPE.replace("task: embed", "task: classify"))
    write_rows(tmp_path / "judge" / "train.jsonl", judge)
    teacher = learn(tmp_path / "judge", judge, training__steps=4)
    taught = learn(tmp_path / "taught", "triples", embed__teacher=teacher.folder.path, training__steps=4, **more)
    told = np.load(taught.folder.data / "teacher.npy")
    row = rows("triples")[0]
    train_rows = read_retrieval_rows(
        TableDataSettings(train=str(tmp_path / "taught" / "train.jsonl"), dev=0.2), "train"
    )
    assert told.shape == (2 * len(train_rows),)
    task, first = langue.load(teacher.folder.path), train_rows[0].values
    scores = task.classify((first["anchor"], first["negative"]), scores=True)["scores"]
    assert told[1] == pytest.approx(np.log(scores["y"] / scores["n"]), abs=1e-4)
    assert row.keys() == first.keys()


def test_a_beir_folder_gives_pairs_and_negatives(tmp_path):
    documents = [{"_id": f"d{number}", "title": "", "text": f"text {number}"} for number in range(4)]
    write_rows(tmp_path / "corpus.jsonl", documents)
    write_rows(tmp_path / "queries.jsonl", [{"_id": "a", "text": "what"}, {"_id": "b", "text": "who"}])
    (tmp_path / "qrels").mkdir()
    judged = "query-id\tcorpus-id\tscore\na\td0\t1\na\td1\t2\na\td2\t0\nb\td3\t1\n"
    (tmp_path / "qrels" / "train.tsv").write_text(judged)
    found = [row.values for row in read_retrieval_rows(TableDataSettings(train=str(tmp_path), dev=None), "train")]
    assert found == [
        {"anchor": "what", "positive": "text 0", "negatives": ["text 2"]},
        {"anchor": "what", "positive": "text 1", "negatives": ["text 2"]},
        {"anchor": "who", "positive": "text 3", "negatives": []},
    ]


def test_positives_are_found_as_by_hand():
    texts = [["a", "p"], ["a", "q"], ["b", "r"], ["c", "p"]]
    second = np.array([[1, 0], [0, 1], [-1, 0], [1, 0]], np.float32)
    first = np.array([[0, 1], [0, 1], [1, 0.5], [0, 1]], np.float32)
    # a finds q first; b finds p and q before r; c finds q before p, and r as near as p.
    assert find_positives(texts, first, second) == {
        "accuracy": pytest.approx(1 / 3),
        "mrr@10": pytest.approx((1 + 1 / 3 + 1 / 3) / 3),
    }
    same = np.ones((4, 2), np.float32)
    assert find_positives(texts, same, same)["accuracy"] == 0


PAIR, GRADED = {"anchor": "a", "positive": "b"}, {"sentence1": "a", "sentence2": "b", "score": 1}


@pytest.mark.parametrize(
    ("some", "changes", "said"),
    [
        ([{"query": "a", "answer": "b"}], {}, r"has the columns query, answer; vectors are learnt from anchor and"),
        ([PAIR, {"anchor": "a"}], {}, r"train\.jsonl, line 2 has no column positive; it has anchor"),
        ([PAIR, {"anchor": "a", "positive": " "}], {}, r"line 2: positive is empty"),
        ([{**PAIR, "negatives": "c"}], {}, r"negatives should be a list of texts, got 'c'"),
        ([{**PAIR, "negative": 3}], {}, r"a negative should be text, got 3"),
        ([{**GRADED, "score": "high"}], {}, r"line 1: score should be a number, got 'high'"),
        ([GRADED, {**GRADED, "score": 4.5}], {"embed__loss": "cosine"}, r"line 2: a score of 4\.5 is no cosine, which"),
        ([{"sentence1": "a", "sentence2": "b"}], {}, r"line 1 has no column score"),
        ([PAIR], {"embed__loss": "cosent"}, r"embed\.loss: cosent cannot be learnt from .*line 1; known for its"),
        ([PAIR], {"embed__loss": "margin"}, r"no row has any; to find some: langue index mine"),
        ([{**PAIR, "negative": "c", "scores": [1]}], {"embed__loss": "margin"}, r"scores should be a list of 2"),
        ([PAIR], {"embed__sizes": "[8, 48]"}, r"vectors have 24 numbers, of which 48 cannot be taken"),
        ([PAIR], {"embed__symmetric": True, "embed__loss": "cosent"}, r"symmetric is for the loss contrastive"),
        ([PAIR], {"embed__teacher": "nowhere"}, r"the loss contrastive learns from no teacher"),
        ([PAIR], {"model__form": "decoder", "model__embedder": "{pooling: first}"}, r"position of a decoder has seen"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_said_in_a_sentence(tmp_path, some, changes, said):
    with pytest.raises(LangueError, match=said):
        learn(tmp_path, some, data__dev="null", **changes)
    assert not (tmp_path / "run").exists()


def test_a_dev_metric_that_the_rows_do_not_allow_is_named(tmp_path):
    with pytest.raises(LangueError, match=r"embed\.metric: 'spearman' is none of mrr@10, accuracy, loss"):
        learn(tmp_path, "pairs", embed__metric="spearman")


def test_the_recipe_that_ships_is_whole():
    recipe = read_recipe("embed")
    assert (recipe.task, recipe.training.batch_size) == ("embed", 64)


def test_the_verb_prints_and_writes_vectors(run, tmp_path, capsys):
    path = str(run.folder.path)
    texts = ["the boat and fish", "a sword", "salt of the wave"]
    (tmp_path / "more.txt").write_text("\n".join(texts[1:]) + "\n")
    command = ["embed", path, texts[0], "--file", str(tmp_path / "more.txt")]
    assert cli.run([*command, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["text"] for each in found] == texts
    expected = langue.load(path).embed(texts)
    np.testing.assert_allclose([each["vector"] for each in found], expected, atol=1e-6)
    assert cli.run([*command, "--out", str(tmp_path / "vectors.npy"), "--size", "8"]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), langue.load(path).embed(texts, size=8), atol=1e-6)
    assert cli.run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(None, 1)[1] for line in lines] == texts
    assert float(lines[0].split()[0]) == 1.0
    assert cli.run(["embed", path]) == 2
    assert "there is no text; give one" in capsys.readouterr().err
    rows_file = write_rows(tmp_path / "rows.jsonl", [{"title": "x"}])
    assert cli.run(["embed", path, "--file", str(rows_file)]) == 2
    assert "line 1 has no column text; it has title" in capsys.readouterr().err


def test_a_text_that_cannot_be_read_keeps_its_row(run, tmp_path, capsys):
    path, out = str(run.folder.path), tmp_path / "vectors.npy"
    lines = ['{"text": "a boat"}', '{"title": "x"}', "{broken", '{"text": "a sword"}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    command = ["embed", path, "--file", str(tmp_path / "rows.jsonl")]
    assert cli.run([*command, "--out", str(out)]) == 1
    found = np.load(out)
    assert np.isnan(found).all(1).tolist() == [False, True, True, False]
    np.testing.assert_allclose(found[[0, 3]], langue.load(path).embed(["a boat", "a sword"]), atol=1e-6)
    assert "2 of 4 texts could not be used" in capsys.readouterr().err
    assert cli.run([*command, "--json"]) == 1
    assert ["error" in json.loads(line) for line in capsys.readouterr().out.splitlines()] == [False, True, True, False]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines[1:3]) + "\n")
    assert cli.run([*command, "--out", str(out)]) == 2
    np.testing.assert_array_equal(np.load(out), found)
