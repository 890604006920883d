"""Text to learn from in files that people have: whole, by paragraph or by line, where they are named."""

import docx
import pytest

from langue.data.documents import find_texts, read_documents, read_events
from langue.data.prepare import prepare
from langue.data.records import Dropped
from langue.data.settings import ReadSettings
from langue.data.sources import find_sources
from langue.data.tally import Tally
from langue.errors import LangueError
from zipped import write_bomb


@pytest.fixture
def thesis(tmp_path):
    document = docx.Document()
    for text in ("Chapter", "The bridge\nneeds paint."):
        document.add_paragraph(text)
    document.save(tmp_path / "thesis.docx")
    return tmp_path / "thesis.docx"


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("file", ["Chapter\n\nThe bridge\nneeds paint."]),
        ("paragraph", ["Chapter", "The bridge\nneeds paint."]),
        ("line", ["Chapter", "The bridge", "needs paint."]),
    ],
)
def test_a_document_is_text_by_any_unit(thesis, unit, texts):
    pieces = list(read_documents(find_texts(thesis), ReadSettings(documents=unit), Tally()))
    assert [piece.text for piece in pieces] == texts
    assert all(piece.ends for piece in pieces)


def test_in_a_folder_it_is_passed_over_and_a_table_is_none(thesis):
    (thesis.parent / "a.txt").write_text("Text.")
    assert [origin.kind for origin in find_texts(thesis.parent)] == ["text"]
    assert [origin.kind for origin in find_texts(str(thesis.parent / "*"))] == ["text", "docx"]
    with pytest.raises(LangueError, match="of a kind that is not read"):
        find_sources(thesis)


def test_what_cannot_be_read_is_counted_and_too_much_of_it_refused(thesis, tmp_path, byte_tokenizer):
    bomb = write_bomb(tmp_path / "bomb.docx")
    events = list(read_events(find_texts([str(bomb), str(thesis)]), ReadSettings()))
    assert [isinstance(event, Dropped) for event in events] == [True, False]
    assert events[0].reason == "zip bomb (unpacks to more than 100 times its size)"
    with pytest.raises(LangueError, match=r"there is no text in .*bomb\.docx: 1 zip bomb"):
        prepare(str(bomb), byte_tokenizer, tmp_path / "store")
    store = prepare(str(thesis), byte_tokenizer, tmp_path / "store")
    assert store.documents == 1
