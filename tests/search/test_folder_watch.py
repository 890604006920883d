"""An index that is kept up with a folder is the one that would be built of it anew."""

import json

import pytest
from tests.search.small import Counting

from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.watch import FolderWatch

MEMORY = IndexSettings(kind="memory")


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.txt").write_text("The ferry leaves at noon.")
    (folder / "b.txt").write_text("The harbour is old.")
    (folder / "deeper" / "c.jsonl").write_text(
        '{"id": "c1", "text": "One boat."}\n{"id": "c2", "text": "Two boats."}\n'
    )
    return folder


def contents(index: Index) -> dict[str, str]:
    return {
        hit.document: hit.text for hit in index.search("the ferry harbour boat boats x y z one two", 100, mode="text")
    }


def test_changes_additions_and_deletions_are_followed(docs, tmp_path):
    model = Counting()
    watch = FolderWatch(docs, tmp_path / "index", model, MEMORY)
    assert watch.look().added == 4
    assert watch.look() is None
    steps = [
        (lambda: (docs / "d.md").write_text("The x."), (1, 0, 0)),
        (lambda: (docs / "a.txt").write_text("The ferry leaves at ten, with y."), (0, 1, 0)),
        (lambda: (docs / "b.txt").unlink(), (0, 0, 1)),
        (lambda: (docs / "deeper" / "c.jsonl").write_text('{"id": "c2", "text": "z"}\n'), (0, 1, 1)),
        (lambda: (docs / "deeper" / "c.jsonl").unlink(), (0, 0, 1)),
        (lambda: (docs / "d.md").write_bytes(b"\xff\xfe\x00"), (0, 0, 1)),
        (lambda: (docs / "note.xyz").write_text("of no kind that is read"), None),
    ]
    for number, (change_folder, expected) in enumerate(steps):
        read = len(model.encoded)
        change_folder()
        change = watch.look()
        assert (change and (change.added, change.replaced, change.deleted)) == expected
        assert len(model.encoded) - read == (sum(expected[:2]) if expected else 0)
        assert watch.look() is None
        anew = Index.build(docs, tmp_path / f"anew-{number}", Counting(), MEMORY)
        assert contents(Index.open(tmp_path / "index", model)) == contents(anew)


def test_two_files_that_call_a_document_the_same_are_read_as_if_anew(docs, tmp_path):
    watch = FolderWatch(docs, tmp_path / "index", None, MEMORY)
    watch.look()
    (docs / "z.jsonl").write_text(json.dumps({"id": "c1", "text": "Another boat."}))
    watch.look()
    assert contents(watch.index)["c1"] == "One boat."
    (docs / "deeper" / "c.jsonl").unlink()
    watch.look()
    assert contents(watch.index)["c1"] == "Another boat."


def test_what_fails_is_tried_again_at_the_next_look(docs, tmp_path):
    watch = FolderWatch(docs, tmp_path / "index", None, MEMORY)
    watch.look()
    (docs / "d.txt").write_text("The x.")
    busy = pytest.raises(LangueError, match="another process is writing")
    with Index.open(tmp_path / "index").store.writing(), busy:
        watch.look()
    assert watch.look().added == 1


def test_an_index_that_is_there_is_brought_up_to_date(docs, tmp_path):
    Index.build(docs, tmp_path / "index", settings=MEMORY)
    (docs / "a.txt").unlink()
    change = FolderWatch(docs, tmp_path / "index", None, MEMORY).look()
    assert (change.unchanged, change.deleted) == (3, 1)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(LangueError, match="missing is no folder"):
        FolderWatch(tmp_path / "missing", tmp_path / "index")
