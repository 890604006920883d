"""Hard negatives held against exhaustive search with every rule written out."""

import json

import numpy as np
import pytest
from tests.sentence_folder import changed, save_sentence_folder, texts

import langue
from langue import cli
from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.mine import MineSettings, mine, write_mined

POSITIVES = texts(40)
PAIRS = [(changed(text, 2, number), text) for number, text in enumerate(POSITIVES)]
PAIRS.append((PAIRS[3][0].upper(), POSITIVES[7]))  # two right texts for one anchor
# What must not count: a right text once more, a longer one around one, a piece of one, and an anchor.
TRAPS = [POSITIVES[0] + " ", "  " + POSITIVES[1].upper(), POSITIVES[2] + " w0", POSITIVES[4][:-4], PAIRS[5][0]]
CORPUS = [*POSITIVES, *TRAPS, *[changed(text, 3, 50 + number) for number, text in enumerate(POSITIVES)]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("mine")
    save_sentence_folder(place)
    return place / "sentence"


def plain(text):
    return " ".join(text.lower().split())


def directions(task, texts):
    vectors = task.embed(texts).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def exhaustively(task, documents, anchor, positive, depth, margin):
    """The negatives of a pair by definition."""
    asked = directions(task, [anchor, positive])
    scores = documents @ asked[0]
    right = [plain(text) for other, text in PAIRS if plain(other) == plain(anchor)]
    found = []
    for place in np.argsort(-scores, kind="stable")[:depth]:
        text = plain(CORPUS[place])
        same = any(text in each or each in text for each in right)
        low = scores[place] <= (1 - margin) * (asked[0] @ asked[1])
        if low and not same and text != plain(anchor) and text not in found:
            found.append(text)
    return found


@pytest.mark.parametrize(("margin", "skip"), [(None, 0), (0.0, 0), (0.2, 1)])
def test_what_is_mined_is_what_a_search_through_everything_leaves(model, tmp_path, margin, skip):
    task = langue.load(model)
    index = Index.build([{"text": text} for text in CORPUS], tmp_path / "index", task, IndexSettings(kind="memory"))
    documents = directions(task, CORPUS)
    asked = MineSettings(negatives=3, depth=20, margin=margin, skip=skip)
    found = list(mine(index, PAIRS, asked))
    assert [(one.anchor, one.positive) for one in found] == PAIRS
    for one in found:
        want = exhaustively(task, documents, one.anchor, one.positive, 20, 0.05 if margin is None else margin)
        assert [plain(text) for text in one.negatives] == want[skip : skip + 3], one.anchor
    assert sum(len(one.negatives) for one in found) > 5


def test_words_need_no_model(tmp_path):
    index = Index.build([{"text": text} for text in CORPUS], tmp_path / "words", None, IndexSettings(kind="memory"))
    # Without a margin, nothing but the texts themselves tells that the traps are right.
    for number in (0, 1, 2, 4):
        anchor, positive = PAIRS[number]
        (found,) = mine(index, [(anchor, positive)], MineSettings(mode="text", negatives=2))
        hits = [plain(hit.text) for hit in index.search(anchor, 10, mode="text")]
        right = [text for text in hits if positive in text or text in positive]
        assert len(right) == 2
        assert [plain(text) for text in found.negatives] == [text for text in hits if text not in right][:2]
    with pytest.raises(LangueError, match="a margin compares cosines, which mode text has not"):
        list(mine(index, PAIRS, MineSettings(mode="text", margin=0.1)))


def test_the_command_writes_rows_for_either_task(model, tmp_path, capsys):
    documents = tmp_path / "corpus.jsonl"
    documents.write_text("".join(json.dumps({"text": text}) + "\n" for text in CORPUS))
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"short": one, "long": two}) + "\n" for one, two in PAIRS))
    built = ["index", "build", documents, "--out", tmp_path / "index", "--model", model, "--kind", "memory"]
    assert cli.run(list(map(str, built))) == 0
    columns = ["--anchor", "short", "--positive", "long", "--negatives", "2"]
    words = ["index", "mine", tmp_path / "index", "--data", pairs, *columns, "--json", "--out"]
    capsys.readouterr()
    assert cli.run([*map(str, words), str(tmp_path / "embed.jsonl")]) == 0
    counts = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in (tmp_path / "embed.jsonl").read_text().splitlines()]
    assert [(row["anchor"], row["positive"]) for row in rows] == PAIRS
    assert counts == {
        "pairs": 41,
        "negatives": sum(len(row["negatives"]) for row in rows),
        "without": sum(not row["negatives"] for row in rows),
        "dropped": {},
    }
    assert cli.run([*map(str, words), str(tmp_path / "classify.jsonl"), "--layout", "classify"]) == 0
    judged = [json.loads(line) for line in (tmp_path / "classify.jsonl").read_text().splitlines()]
    assert judged == [
        {"sentence1": row["anchor"], "sentence2": text, "label": label}
        for row in rows
        for text, label in [(row["positive"], 1), *((negative, 0) for negative in row["negatives"])]
    ]
    plainly = [each for each in words if each not in columns]
    assert cli.run([*map(str, plainly), str(tmp_path / "x.jsonl"), "--anchor", "title"]) == 2
    assert "line 1 has no columns title and positive; it has short, long\n" in capsys.readouterr().err
    assert cli.run([*map(str, words), str(tmp_path / "x.jsonl"), "--depth", "0"]) == 2
    assert "depth" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.jsonl*"))


def test_a_broken_off_mining_leaves_the_file_that_was_there(tmp_path):
    def broken():
        yield from ()
        raise LangueError("stop")

    path = tmp_path / "mined.jsonl"
    path.write_text("before")
    with pytest.raises(LangueError, match="stop"):
        write_mined(path, broken())
    assert path.read_text() == "before"
    with pytest.raises(LangueError, match="cannot be written"):
        write_mined(tmp_path / "nowhere" / "mined.jsonl", [])
    assert [each.name for each in tmp_path.iterdir()] == ["mined.jsonl"]
