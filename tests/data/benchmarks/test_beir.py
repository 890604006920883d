"""BEIR's folders, a few lines each in the true layout, and datasets with the configurations of either copy."""

import datasets
import pytest

from langue.data.benchmarks import is_beir, read_beir
from langue.errors import LangueError

CORPUS = (
    '{"_id": "d1", "title": "Moon", "text": "The moon is full.", "metadata": {}}\n'
    '{"_id": "d2", "title": "", "text": "Ein Löwe."}\n\n{"_id": "3", "title": null, "text": ""}\n'
)
QUERIES = '{"_id": "q1", "text": "moon"}\n{"_id": "q2", "text": "lion"}\n{"_id": "q3", "text": "who?"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq2\td2\t2\nq2\tgone\t1\nq2\td1\t0\nq1\td1\t1\n"


def write(folder, corpus=CORPUS, queries=QUERIES, qrels=QRELS, split="test"):
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(corpus, encoding="utf-8")
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    (folder / "qrels" / f"{split}.tsv").write_text(qrels, encoding="utf-8")
    return folder


def expected(found, folder):
    assert found.name == str(folder)
    assert found.documents == {"d1": "Moon The moon is full.", "d2": "Ein Löwe.", "3": ""}
    # In the order of the judgements, as the values of each metric are.
    assert list(found.queries.items()) == [("q2", "lion"), ("q1", "moon")]
    assert found.judgements == {"q2": {"d2": 2, "gone": 1, "d1": 0}, "q1": {"d1": 1}}
    assert (found.unjudged, found.missing) == (1, 1)


def test_a_folder(tmp_path):
    folder = write(tmp_path / "beir")
    expected(read_beir(folder), folder)
    assert is_beir(folder)
    assert not is_beir(tmp_path)


def test_judgements_without_a_header(tmp_path):
    folder = write(tmp_path / "beir", qrels=QRELS.partition("\n")[2], split="dev")
    expected(read_beir(folder, "dev"), folder)


@pytest.mark.parametrize("place", ["beir/default", "beir-qrels"])
def test_datasets_of_either_copy(tmp_path, place):
    texts = {"_id": ["d1", "d2", "3"], "title": ["Moon", "", ""], "text": ["The moon is full.", "Ein Löwe.", ""]}
    datasets.Dataset.from_dict(texts).save_to_disk(tmp_path / "beir" / "corpus")
    queries = datasets.Dataset.from_dict({"_id": ["q1", "q2", "q3"], "text": ["moon", "lion", "who?"]})
    queries.save_to_disk(tmp_path / "beir" / "queries")
    rows = [line.split("\t") for line in QRELS.splitlines()[1:]]
    judged = {"query-id": [row[0] for row in rows], "corpus-id": [row[1] for row in rows]}
    scores = [float(row[2]) for row in rows]
    qrels = datasets.Dataset.from_dict({**judged, "score": scores})
    datasets.DatasetDict({"test": qrels}).save_to_disk(tmp_path / place)
    expected(read_beir(f"hf:{tmp_path / 'beir'}"), f"hf:{tmp_path / 'beir'}")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"corpus": '{"_id": "d1", "text": "x"}\n{"_id": '}, "corpus.jsonl, line 2: invalid JSON"),
        ({"corpus": '["d1"]\n'}, "corpus.jsonl, line 1: not a JSON object"),
        ({"corpus": '{"_id": "d1", "body": "x"}\n'}, "corpus.jsonl, line 1: there is no text; there are _id, body"),
        ({"corpus": '{"_id": "d1", "text": 3}\n'}, "corpus.jsonl, line 1: text should be text, got 3"),
        ({"corpus": '{"text": "x"}\n'}, "corpus.jsonl, line 1: there is no _id; there are text"),
        ({"corpus": '{"_id": "", "text": "x"}\n'}, "corpus.jsonl, line 1: _id is empty"),
        ({"corpus": CORPUS + CORPUS}, "corpus.jsonl, line 5: there was a document with the id 'd1' before"),
        ({"corpus": "\n"}, "holds no documents"),
        ({"queries": '{"_id": "q2", "text": " "}\n{"_id": "q1", "text": "x"}\n'}, "the query q2 is empty"),
        ({"queries": '{"_id": "q2", "text": "x"}\n'}, r"test.tsv, line 5: there is no query with the id 'q1'"),
        ({"qrels": "query-id\tcorpus-id\tscore\n"}, "holds no judgements"),
        ({"qrels": QRELS + "q1\td1\n"}, "test.tsv, line 6: 2 columns where the file has 3"),
        ({"qrels": QRELS + "q1\td2\t0.5\n"}, "test.tsv, line 6: score should be a whole number, got '0.5'"),
        ({"qrels": QRELS + "q1\td2\tnan\n"}, "test.tsv, line 6: score should be a whole number, got 'nan'"),
        (
            {"qrels": QRELS + "q1\td1\t2\n"},
            "test.tsv, line 6: document 'd1' was judged otherwise for query 'q1' before",
        ),
        ({"split": "dev"}, "splits that were judged: dev"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, files, says):
    with pytest.raises(LangueError, match=says):
        read_beir(write(tmp_path / "beir", **files))


def test_what_is_not_there(tmp_path):
    with pytest.raises(
        LangueError, match=r"there is no file .*corpus.jsonl; a BEIR folder holds corpus.jsonl, queries"
    ):
        read_beir(tmp_path)
    with pytest.raises(LangueError, match=r"there is no folder .*corpus; save"):
        read_beir(f"hf:{tmp_path}")
    folder = write(tmp_path / "beir")
    (folder / "corpus.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(LangueError, match="is in UTF-16; convert it"):
        read_beir(folder)
