"""The tag task: what it learns, what it says, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

import langue
from labelled_rows import RECIPE, learn, write_recipe, write_rows
from langue import cli
from langue.batch import IGNORE, Batch
from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.metrics.spans import f1_spans
from langue.tasks.tag.data import encoded_pieces, pieces_of
from langue.tasks.tag.objective import TagObjective
from langue.tasks.tag.predict import WORD
from langue.tasks.tag.settings import TagSettings
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

NAMES, FAMILIES, PLACES = ["Anna", "Tom", "Maria"], ["Berg", "Lund"], ["Rome", "Oslo", "Paris"]
CONTENT = RECIPE.replace("classify", "tag").replace("vocab_size: 200", "vocab_size: 120")


def sentences(count: int, seed: int = 0) -> list[dict]:
    """Texts with people of one or two words, and places."""
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        person = [str(draws.choice(NAMES)), *[str(draws.choice(FAMILIES))] * int(draws.integers(2))]
        words = [*["well"] * int(draws.integers(3)), *person, "lives", "in", str(draws.choice(PLACES)), "."]
        tags = ["O"] * len(words)
        at = words.index(person[0])
        tags[at : at + len(person)] = ["B-PER", "I-PER"][: len(person)]
        tags[-2] = "B-LOC"
        rows.append({"tokens": words, "tags": tags})
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tag")
    write_recipe(folder, sentences(150), CONTENT)
    return learn(folder, training__steps=60)


def test_it_learns_whole_entities(run):
    assert run.metrics["f1"] == 1.0
    task = langue.load(run.folder.path)
    assert task.settings.labels == ("O", "B-LOC", "B-PER", "I-PER")
    assert task.tag("Anna Berg lives in Oslo.") == [
        ("Anna", "B-PER"), ("Berg", "I-PER"), ("lives", "O"), ("in", "O"), ("Oslo", "B-LOC"), (".", "O"),
    ]  # fmt: skip
    rows = sentences(40, seed=3)
    said = task.tag([row["tokens"] for row in rows])
    assert [[label for _, label in row] for row in said] == [row["tags"] for row in rows]
    assert task.predict(rows) == [row["tags"] for row in rows]
    with torch.no_grad():
        ids = task.tokenizer.pair(task.tokenizer.encode("Anna Berg lives in Oslo ."))[0]
        shares = task.model.classify(Batch(torch.tensor([ids]))).softmax(-1)[0, 1]
    assert task.tag("Anna Berg lives in Oslo.", scores=True)[0] == (
        "Anna",
        "B-PER",
        pytest.approx(float(shares[2]), abs=1e-5),
    )


def test_texts_longer_than_the_context_are_tagged_to_their_end(run):
    task = langue.load(run.folder.path)
    row = [word for row in sentences(12, seed=4) for word in row["tokens"]]
    right = [tag for row in sentences(12, seed=4) for tag in row["tags"]]
    assert len(row) > task.model.config.context
    said = [label for _, label in task.tag([row])[0]]
    assert len(said) == len(right)
    assert np.mean([one == other for one, other in zip(said, right, strict=True)]) > 0.9


KINDS = ["byte-bpe", "unigram", "wordpiece", "char"]
WORDS = ["the", "unbelievable", "Ünïcödé", "don't", "a", "naïve", "日本", "x.y", "cat"]


def tokenizer_of(kind: str) -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind=kind, vocab_size=300), [" ".join(WORDS)] * 20)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_hold_each_word_once_at_its_first_token(kind):
    tokenizer = tokenizer_of(kind)

    @settings(max_examples=25, deadline=None)
    @given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=20), context=st.integers(20, 40))
    def check(words, context):
        (pieces,) = pieces_of(tokenizer, [Labelled("row", {"tokens": words})], context)
        seen = 0
        for piece in pieces:
            assert len(piece.ids) <= context
            assert piece.first == seen
            bounds = [*piece.places.tolist(), len(piece.ids)]
            for word, place, end in zip(words[seen:], bounds, bounds[1:], strict=False):
                # The word is what its tokens say, but for the frame and the spaces.
                assert tokenizer.decode(piece.ids[place:end]).replace(" ", "") == word
            seen += len(piece.places)
        assert seen == len(words)

    check()


def test_a_word_without_tokens_has_no_target_and_an_answer_all_the_same(run):
    task = langue.load(run.folder.path)
    row = Labelled("row", {"tokens": ["Tom", "\u0301", "lives"], "tags": ["B-PER", "O", "O"]})
    (pieces,) = pieces_of(task.tokenizer, [row], 24)
    empty = [place for piece in pieces for place in piece.places.tolist() if place < 0]
    (example,) = encoded_pieces(task.tokenizer, [row], task.settings, 24)
    assert (np.asarray(example.target) != IGNORE).sum() == 3 - len(empty)
    assert len(task.tag([row.values["tokens"]])[0]) == 3


def test_loss_is_the_mean_over_words_and_the_batchs_company_does_not_matter(run):
    task = langue.load(run.folder.path)
    rows = [Labelled("row", row) for row in sentences(9, seed=8)]
    examples = Examples(encoded_pieces(task.tokenizer, rows, task.settings, 24))
    with torch.no_grad():
        together = TagObjective().loss(task.model, TagObjective().batch(examples))
        alone = [TagObjective().loss(task.model, TagObjective().batch([example])) for example in examples]
    assert int(together.count) == sum(len(row.values["tokens"]) for row in rows)
    assert float(together.total) == pytest.approx(sum(float(loss.total) for loss in alone), rel=1e-4)
    found, answers = task.evaluate(rows)
    assert found["loss"] == pytest.approx(float(together.total / together.count), rel=1e-4)
    assert found["f1"] == f1_spans(answers, [row.values["tags"] for row in rows])


def test_plain_labels_are_judged_by_accuracy(tmp_path):
    rows = [{"tokens": "a cat sat", "tags": "DET NOUN VERB"}, {"tokens": "the dog ran", "tags": "DET NOUN VERB"}] * 20
    write_recipe(tmp_path, rows, CONTENT)
    run = learn(tmp_path, training__steps=30)
    assert "f1" not in run.metrics
    assert run.metrics["accuracy"] == 1.0
    assert langue.load(run.folder.path).predict(["the dog ran"]) == [["DET", "NOUN", "VERB"]]


def test_an_imported_tagger_says_what_transformers_says(tmp_path):
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=100), [" ".join(NAMES + PLACES)] * 9)
    names = {0: "O", 1: "B-PER"}
    config = transformers.BertConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=24, id2label=names, label2id={"O": 0, "B-PER": 1},
        initializer_range=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.BertForTokenClassification(config).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    tokenizer.save(tmp_path / "theirs")
    ours = langue.load(tmp_path / "theirs")
    words = ["Anna", "Oslo", "Paris", "Tom"]
    ids, _ = ours.tokenizer.pair(ours.tokenizer.encode(" ".join(words)))
    (pieces,) = pieces_of(ours.tokenizer, [Labelled("row", {"tokens": words})], 24)
    with torch.no_grad():
        logits = theirs(torch.tensor([ids])).logits[0]
    assert ours.predict([words]) == [[names[int(logits[place].argmax())] for place in pieces[0].places]]


def test_conll_files_and_the_verb(run, tmp_path, capsys):
    lines = ["-DOCSTART- -X- O", ""]
    for row in sentences(6, seed=5):
        lines += [*(f"{word} NN {tag}" for word, tag in zip(row["tokens"], row["tags"], strict=True)), ""]
    (tmp_path / "dev.conll").write_text("\n".join(lines))
    assert cli.run(["evaluate", str(run.folder.path), "--data", str(tmp_path / "dev.conll"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["examples"], found["metrics"]["f1"]) == ("tag", 6, 1.0)
    assert cli.run(["tag", str(run.folder.path), "Anna lives in Oslo."]) == 0
    assert capsys.readouterr().out == "Anna/B-PER lives in Oslo/B-LOC .\n"
    assert cli.run(["tag", str(run.folder.path), "--file", str(tmp_path / "dev.conll"), "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["tags"] for line in said] == [row["tags"] for row in sentences(6, seed=5)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"tokens": ["a"], "tags": ["O", "O"]}], "line 1: there are 1 tokens and 2 tags; give one for each"),
        ([{"tokens": ["a"], "labels": ["O"]}], "line 1 has no column tags; it has tokens, labels"),
        ([{"words": ["a"], "tags": ["O"]}], "line 1 has no column tokens; it has words, tags"),
        ([{"tokens": [], "tags": []}], "line 1: tokens is empty"),
        ([{"tokens": ["a", 3], "tags": ["O", "O"]}], "line 1: tokens should be words"),
        ([{"tokens": ["a"], "tags": ["O"]}] * 20, "one label alone, O; nothing can be learnt"),
    ],
)
def test_wrong_rows_are_named(tmp_path, rows, said):
    write_recipe(tmp_path, [*rows, *sentences(20)] if len(rows) == 1 else rows, CONTENT)
    with pytest.raises(LangueError, match=said):
        learn(tmp_path, data__dev="null")
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_tagged_is_refused(run, tmp_path):
    task = langue.load(run.folder.path)
    for given_text, said in (("", "text 1: text is empty"), ([3], "give a text or a list of words, not 3")):
        with pytest.raises(LangueError, match=said):
            task.tag(given_text)
    with pytest.raises(LangueError, match="there is no label 'B-ORG'; known are O, B-LOC, B-PER, I-PER"):
        task.evaluate([Labelled("row", {"tokens": ["a"], "tags": ["B-ORG"]})])
    with pytest.raises(LangueError, match="tells 4 labels apart, but 2 are named"):
        type(task)(task.model, task.tokenizer, TagSettings(labels=("O", "B-PER")))
    (tmp_path / "bad.conll").write_text("Anna NN B-PER\nlives O\n")
    rows = write_rows(tmp_path / "rows.jsonl", sentences(3))
    assert cli.run(["evaluate", str(run.folder.path), "--data", str(rows)]) == 0
    with pytest.raises(LangueError, match=r"bad\.conll, line 2: wrong number of columns"):
        langue.evaluate(run.folder.path, tmp_path / "bad.conll")


def test_words_of_a_plain_text():
    assert WORD.findall("Dr. O'Neil-Smith paid 3.50 € (really).") == [
        "Dr", ".", "O'Neil-Smith", "paid", "3.50", "€", "(", "really", ")", ".",
    ]  # fmt: skip
