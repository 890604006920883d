"""Pairs of texts: every kind of source gives the same, everything left out is counted, and shares come out exactly."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data import PairDataSettings, Tally
from langue.data.pair_encoder import CorpusShares, PairEncoder, PairExamples, training_examples
from langue.data.parallel import Pair, read_pairs, without_empty
from langue.data.records import Dropped
from langue.data.settings import Aligned, PairSettings
from langue.errors import LangueError
from langue.text import TokenizerSettings, train_tokenizer

BYTES = train_tokenizer(TokenizerSettings(kind="byte"), [])
PAIRS = [("one", "eins"), ("two and three", "zwei und drei"), ('"four"', "„vier“"), ("five", "fünf")]
COLUMNS = ("source", "target")


def texts(pairs):
    return [(pair.source, pair.target) for pair in pairs]


def settings_of(path, **more):
    return PairDataSettings(train=path if isinstance(path, dict | Aligned) else str(path), dev=None, **more)


@pytest.fixture
def sources(tmp_path):
    """The same pairs in every layout."""
    rows = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
    (tmp_path / "a.tsv").write_text(f"source\ttarget\n{rows}", encoding="utf-8")
    (tmp_path / "named.tsv").write_text(f"en\tde\n{rows}", encoding="utf-8")
    lines = "".join(json.dumps({"source": s, "target": t, "id": 1}) + "\n" for s, t in PAIRS)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    for side, name in enumerate(("a.en", "a.de")):
        (tmp_path / name).write_text("".join(pair[side] + "\n" for pair in PAIRS), encoding="utf-8")
    return tmp_path


def test_all_layouts_give_the_same_pairs(sources):
    aligned = Aligned(source=str(sources / "a.en"), target=str(sources / "a.de"))
    assert texts(read_pairs(settings_of(sources / "a.tsv"), "train", COLUMNS)) == PAIRS
    assert texts(read_pairs(settings_of(sources / "a.jsonl"), "train", COLUMNS)) == PAIRS
    assert texts(read_pairs(settings_of(aligned), "train", COLUMNS)) == PAIRS
    named = settings_of(sources / "named.tsv", columns={"source": "en", "target": "de"})
    assert texts(read_pairs(named, "train", COLUMNS)) == PAIRS


def test_a_stray_carriage_return_shifts_no_pair(tmp_path):
    (tmp_path / "a.en").write_bytes(b"one\ntwo\rand a half\nthree\x85\r\nfour\n")
    (tmp_path / "a.de").write_bytes("eins\r\nzwei\u2028einhalb\r\ndrei\r\nvier".encode())
    aligned = Aligned(source=str(tmp_path / "a.en"), target=str(tmp_path / "a.de"))
    events = list(read_pairs(settings_of(aligned), "train", COLUMNS))
    assert [(e.number, e.reason) if isinstance(e, Dropped) else (e.source, e.target) for e in events] == [
        ("one", "eins"),
        ("two\rand a half", "zwei\u2028einhalb"),
        (3, "invalid UTF-8"),
        ("four", "vier"),
    ]


def test_files_of_different_lengths_are_refused(sources):
    (sources / "short").write_text("eins\n")
    aligned = Aligned(source=str(sources / "a.en"), target=str(sources / "short"))
    with pytest.raises(LangueError, match=r"a\.en has more lines than .*short, which ends after line 1"):
        list(read_pairs(settings_of(aligned), "train", COLUMNS))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.tsv", "english\tgerman\na\tb\n", "has no columns source and target; it has english, german"),
        ("a.txt", "a\n", "is no table of pairs; give csv, tsv, jsonl or parquet with the columns source and target"),
    ],
)
def test_what_holds_no_pairs_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(LangueError, match=sentence):
        list(read_pairs(settings_of(tmp_path / name), "train", COLUMNS))


def test_a_share_set_aside_and_the_rest_are_all(sources):
    data = PairDataSettings(train=str(sources / "a.tsv"), dev=0.5)
    train, dev = (texts(read_pairs(data, split, COLUMNS)) for split in ("train", "dev"))
    assert len(dev) == 2
    assert sorted(train + dev) == sorted(PAIRS)


def test_what_is_left_out_is_counted_by_reason(tmp_path):
    rows = [
        {"source": "a sentence", "target": "ein Satz"},
        {"source": "a sentence", "target": "ein Satz"},
        {"source": " ", "target": "leer"},
        {"source": "a", "target": "viel zu lang dafür"},
        {"source": "x" * 60, "target": "y" * 60},
        {"source": 3, "target": "drei"},
        {"source": "a sentence", "target": "der Satz"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    chosen = PairSettings(max_ratio=3, duplicates=False)
    tally = Tally(tmp_path / "quarantine.jsonl")
    events = without_empty(read_pairs(settings_of(path), "train", COLUMNS), duplicates=False)
    found = training_examples(events, PairEncoder.of(BYTES, BYTES, chosen, 40), chosen, tally)
    tally.close()
    account = tally.account()["records"]
    assert account["kept"] == len(found) == 2
    assert account["in"] == 8
    assert account["dropped"] == {
        "duplicate": 1,
        "one side empty": 1,
        "invalid JSON": 1,
        "lengths differ too much": 1,
        "no text": 1,
        "too long": 1,
    }
    told = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert Counter(line["reason"] for line in told) == account["dropped"]
    assert {line["record"] for line in told} == {2, 3, 4, 5, 6, 8}


def test_sides_are_tagged_ended_and_cut():
    chosen = PairSettings(tags=("de", "fr"), too_long="cut", max_target=4)
    sides = PairEncoder.of(BYTES, BYTES, chosen, 8)
    pair = Pair("a long text", "bonjour", ("fr",), 0, "", 1, 0)
    found = training_examples([pair], sides, chosen, Tally())[0]
    fr = BYTES.vocab_size + 1
    assert found["source"].tolist() == [fr, *BYTES.encode("a long"), BYTES.end]
    assert found["target"].tolist() == [*BYTES.encode("bon"), BYTES.end]
    with pytest.raises(LangueError, match="was never told 'es'; it knows: de, fr"):
        sides.resolved(("es",))


def test_an_instruction_stands_before_every_source_and_makes_it_no_longer():
    chosen = PairSettings(instruction="summarize: ", max_ratio=2)
    sides = PairEncoder.of(BYTES, BYTES, chosen, 40)
    pairs = [Pair("abcd", "ab", (), 0, "", 1, 0), Pair("abcd", "abcdabcdabcd", (), 0, "", 2, 0)]
    found = training_examples(pairs, sides, chosen, Tally())
    assert [row["source"].tolist() for row in found] == [[*BYTES.encode("summarize: abcd"), BYTES.end]]


def test_languages_are_read_from_their_columns(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"source": "a", "target": "b", "target_language": "fr", "tag": "back"}\n{"source": "a", "target": "c"}\n'
    )
    data = settings_of(path, pairs=PairSettings(tag="de"))
    assert [pair.tags for pair in read_pairs(data, "train", COLUMNS)] == [("fr", "back"), ("de",)]


def test_examples_come_back_as_they_went_in():
    given = [([1, 2, 3], [4], 0), ([5], [6, 7], 1)]
    found = PairExamples(given)
    assert [(e["source"].tolist(), e["target"].tolist()) for e in found] == [(s, t) for s, t, _ in given]
    assert found.lengths.tolist() == [[3, 1], [1, 2]]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.floats(0.05, 0.95), st.integers(0, 3))
def test_each_corpus_has_its_share_and_is_gone_through_evenly(left, right, share, seed):
    corpora = np.repeat([0, 1], [left, right])
    pick = CorpusShares(corpora, [share, 1 - share], seed)
    epochs = [pick(epoch) for epoch in range(4)]
    wanted = round(share * len(corpora))
    for found in epochs:
        assert len(found) == len(corpora)
        assert (corpora[found] == 0).sum() == wanted
    assert pick(2).tolist() == epochs[2].tolist()
    counts = np.bincount(np.concatenate(epochs), minlength=len(corpora))
    for corpus in (0, 1):
        mine = counts[corpora == corpus]
        assert mine.max() - mine.min() <= 1


def test_what_cannot_be_read_is_handed_on(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"source\ttarget\na\tb\n\xff\tc\nd\n")
    found = list(read_pairs(settings_of(path), "train", COLUMNS))
    assert [type(event) for event in found].count(Dropped) == 2
