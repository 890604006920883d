"""Documents of every kind of file, with names, metadata, and an account of what cannot be read."""

import json
import sys

import datasets
import docx
import pytest

from langue.data.records import Dropped
from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.documents import Document, read_documents
from langue.search.values import Date
from zipped import OLE, write_bomb, write_encrypted


def pdf(pages: list[str]) -> bytes:
    """A PDF with a line of text on each page, written by hand as the standard has it."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>"
        % (b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages))), len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text.encode("latin-1")
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(page + b" /Contents %d 0 R >>" % (5 + 2 * number))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return content + end % (len(objects) + 1, table, len(objects) + 1, len(content))


@pytest.fixture
def folder(tmp_path):
    files = {
        "a.txt": b"Plain text.\r\nSecond line.",
        "b.md": "# Über\n\nMarkdown *text*.".encode(),
        "c.html": b"<html><head><title>A &amp; B</title><style>p {}</style></head><body><h1>Head</h1><p>One <b>bold</b>"
        b" word.</p><script>var x;</script><ul><li>x<li>y</ul></body></html>",
        "latin.htm": '<meta charset="iso-8859-1"><p>Café'.encode("latin-1"),
        "d.pdf": pdf(["First page.", "", "Third page."]),
        "broken.pdf": b"%PDF-1.4\nnothing that could be read",
        "cut.pdf": pdf(["Cut page."])[:300],
        "no.pdf": b"\x00\x01\x02",
        "blank.html": b"<html><body> </body></html>",
        "bad.html": b"<p>\xff\xfe</p>",
        "e.jsonl": b'{"_id": "e1", "title": "T", "text": "Row one.", "year": 2020, "tags": ["x"]}\n'
        b'{"text": "Row two."}\n{"id": 7, "text": "Row three.", "big": 1e999}\nno json\n{"text": ""}\n'
        b'{"other": "x"}\n{"text": "half \\ud800"}\n',
        "f.csv": b"id,text,lang\nf1,Comma row,en\n",
        ".hidden/g.txt": b"unseen",
        "deeper/g.docx": b"PK",
        "deeper/h.doc": b"\xd0\xcf",
        "deeper/i.py": b"def row():\n    ...\n",
        "deeper/j.rst": b"Head\n====\n\nSome *text*.",
    }
    for name, content in files.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "docs"


def read(given, **settings):
    found = list(read_documents(given, IndexSettings(**settings)))
    return {each.id: each for each in found if isinstance(each, Document)}, [
        each for each in found if isinstance(each, Dropped)
    ]


def test_a_folder_of_everything(folder):
    found, dropped = read(folder)
    at = f"{folder}/"
    texts = {name.removeprefix(at): document.text for name, document in found.items()}
    assert texts == {
        "a.txt": "Plain text.\nSecond line.",
        "b.md": "# Über\n\nMarkdown *text*.",
        "c.html": "Head\n\nOne bold word.\n\nx\n\ny",
        "latin.htm": "Café",
        "d.pdf#page=1": "First page.",
        "d.pdf#page=3": "Third page.",
        "e1": "T\n\nRow one.",
        "e.jsonl#2": "Row two.",
        "7": "Row three.",
        "f1": "Comma row",
        "deeper/i.py": "def row():\n    ...\n",
        "deeper/j.rst": "Head\n\nSome text.",
    }
    assert {(drop.origin.removeprefix(at), drop.reason) for drop in dropped} == {
        ("broken.pdf", "unreadable PDF"), ("cut.pdf", "unreadable PDF"), ("no.pdf", "unreadable PDF"),
        ("blank.html", "empty"), ("bad.html", "invalid UTF-8"), ("e.jsonl", "invalid JSON"), ("e.jsonl", "empty"),
        ("e.jsonl", "missing"), ("e.jsonl", "invalid UTF-8"),
        ("deeper/g.docx", "unreadable DOCX"), ("deeper/h.doc", "kind of file that is not read"),
    }  # fmt: skip
    assert found[f"{at}c.html"].metadata == {"source": f"{at}c.html", "title": "A & B"}
    assert found[f"{at}d.pdf#page=3"].metadata == {"source": f"{at}d.pdf", "page": 3}
    assert found["e1"].metadata == {"source": f"{at}e.jsonl", "title": "T", "year": 2020, "tags": ["x"]}
    assert found["7"].metadata == {"source": f"{at}e.jsonl"}
    assert found["f1"].metadata["lang"] == "en"


def test_what_cannot_be_read_is_named_counted_and_skipped(folder, tmp_path):
    index = Index.build(folder, tmp_path / "index", settings=IndexSettings(kind="memory"))
    assert index.change.added == 12
    assert index.change.dropped["unreadable PDF"] == 3
    assert {(f"{folder}/{name}", "unreadable PDF") for name in ("broken.pdf", "cut.pdf", "no.pdf")} < set(
        index.change.named
    )
    assert index.search("third page")[0].document == f"{folder}/d.pdf#page=3"


def test_documents_people_have(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    document = docx.Document()
    document.add_paragraph("The bridge needs paint.")
    document.save(docs / "a.docx")
    (docs / "b.eml").write_bytes(b"Subject: Boat\nDate: Mon, 6 May 2024 07:08:00 +0200\n\nIt floats.\n")
    write_bomb(docs / "bomb.docx")
    write_encrypted(docs / "locked.xlsx")
    (docs / "old.pptx").write_bytes(OLE)
    found, dropped = read(docs)
    assert {name.removeprefix(f"{docs}/"): document.text for name, document in found.items()} == {
        "a.docx": "The bridge needs paint.", "b.eml": "Boat\n\nIt floats.",
    }  # fmt: skip
    assert found[f"{docs}/b.eml"].metadata["sent"] == Date("2024-05-06T05:08:00")
    assert [drop.reason for drop in dropped] == [
        "zip bomb (unpacks to more than 100 times its size)", "encrypted XLSX", "unreadable PPTX",
    ]  # fmt: skip
    index = Index.build(docs, tmp_path / "index", settings=IndexSettings(kind="memory"))
    assert index.change.failed == 3
    assert index.search("floats", where="sent>=2024-05")[0].document == f"{docs}/b.eml"


def test_a_file_that_is_alone_and_cannot_be_read_is_an_error(tmp_path):
    for write, reason in ((write_bomb, "zip bomb"), (write_encrypted, "encrypted DOCX")):
        with pytest.raises(LangueError, match=f"there is no text in what was given .left out: 1 {reason}"):
            Index.build(write(tmp_path / "a.docx"), tmp_path / "index", settings=IndexSettings(kind="memory"))


def test_the_main_text_of_web_pages_is_read_where_it_is_asked_for(tmp_path):
    story = "<p>The ferry leaves the old harbour every morning, and it is back by noon on most days.</p>" * 5
    (tmp_path / "a.html").write_text(f"<nav>Basket</nav><article>{story}</article>")
    assert ["Basket" in read(tmp_path, web=web)[0][f"{tmp_path}/a.html"].text for web in ("all", "main")] == [
        True,
        False,
    ]


def test_a_kind_whose_library_is_missing_stops_no_other(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("Text.")
    (tmp_path / "b.rst").write_text("Text.")
    monkeypatch.setitem(sys.modules, "docutils", None)
    found, dropped = read(tmp_path)
    assert list(found) == [f"{tmp_path}/a.txt"]
    assert [drop.reason for drop in dropped] == ["needs pip install 'langue[documents]'"]
    with pytest.raises(LangueError, match=r"b.rst needs docutils: pip install 'langue\[documents\]' adds it"):
        read(tmp_path / "b.rst")


def test_a_scan_is_handed_to_docling_where_it_is_asked_for(tmp_path):
    (tmp_path / "scan.pdf").write_bytes(pdf([""]))
    assert [drop.reason for drop in read(tmp_path)[1]] == ["empty"]
    with pytest.raises(LangueError, match=r"scan.pdf needs docling: pip install 'langue\[scans\]' adds it"):
        read(tmp_path, scans=True)
    (tmp_path / "scan.pdf").write_bytes(pdf(["Text."]))
    assert len(read(tmp_path, scans=True)[0]) == 1


def test_a_file_of_many_faults_is_named_once_and_hides_no_other(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "whole"}\n' + '{"other": 1}\n' * 150)
    (tmp_path / "b.jsonl").write_text('{"other": 1}\n')
    (tmp_path / "c.jsonl").write_text("no JSON\n")
    index = Index.build(tmp_path, tmp_path / "index", settings=IndexSettings(kind="memory"))
    assert index.change.dropped == {"missing": 151, "invalid JSON": 1}
    assert index.change.named == [
        (f"{tmp_path}/a.jsonl", "missing"), (f"{tmp_path}/b.jsonl", "missing"), (f"{tmp_path}/c.jsonl", "invalid JSON"),
    ]  # fmt: skip


def test_an_encrypted_pdf_says_so(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    (tmp_path / "plain.pdf").write_bytes(pdf(["Secret page."]))
    for password, name in (("", "open.pdf"), ("word", "closed.pdf")):
        writer = pypdf.PdfWriter(clone_from=tmp_path / "plain.pdf")
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / name)
    found, dropped = read(tmp_path)
    assert found[f"{tmp_path}/open.pdf#page=1"].text == "Secret page."
    assert [(drop.origin, drop.reason) for drop in dropped] == [(f"{tmp_path}/closed.pdf", "encrypted PDF")]


def test_files_that_are_no_text_are_left_out_where_there_are_others(tmp_path):
    (tmp_path / "a.txt").write_text("Readable.")
    (tmp_path / "b.txt").write_bytes("Sixteen bits.".encode("utf-16"))
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "zero\0"}')
    (tmp_path / "d.parquet").write_bytes(b"no parquet")
    found, dropped = read(tmp_path)
    assert list(found) == [f"{tmp_path}/a.txt"]
    assert [(drop.origin.rsplit("/")[-1], drop.reason) for drop in dropped] == [
        ("b.txt", "unreadable file"), ("c.jsonl", "unreadable file"), ("d.parquet", "unreadable file"),
    ]  # fmt: skip
    with pytest.raises(LangueError, match="iconv"):
        read(tmp_path / "b.txt")


def test_a_table_without_the_column_of_texts_is_left_out_for_that(tmp_path):
    (tmp_path / "a.csv").write_text("text,year\nReadable.,2020\n")
    (tmp_path / "b.csv").write_text("body,year\nNot known.,2020\n")
    found, dropped = read(tmp_path)
    assert [document.text for document in found.values()] == ["Readable."]
    assert [(drop.origin, drop.reason) for drop in dropped] == [
        (f"{tmp_path}/b.csv", "no column 'text' (--text names another)")
    ]


def test_a_named_file_of_no_known_kind_stops_no_other(tmp_path):
    (tmp_path / "a.txt").write_text("Readable.")
    (tmp_path / "b.doc").write_bytes(b"PK")
    found, dropped = read([str(tmp_path / "a.txt"), str(tmp_path / "b.doc")])
    assert list(found) == [f"{tmp_path}/a.txt"]
    assert [(drop.origin, drop.reason) for drop in dropped] == [(f"{tmp_path}/b.doc", "unknown kind of file")]


def test_lines_and_paragraphs_are_documents_if_asked(tmp_path):
    (tmp_path / "x.txt").write_text("one\ntwo\n\nthree\n")
    found, _ = read(tmp_path / "x.txt", documents="line")
    assert [(name.rsplit("/")[-1], each.text) for name, each in found.items()] == [
        ("x.txt#1", "one"), ("x.txt#2", "two"), ("x.txt#3", "three"),
    ]  # fmt: skip
    found, _ = read(tmp_path / "x.txt", documents="paragraph")
    assert [each.text.strip() for each in found.values()] == ["one\ntwo", "three"]


def test_columns_can_be_named():
    rows = [{"key": "a", "body": "text", "head": "Title", "note": "x" * 1000, "n": 1}]
    found, _ = read(rows, id="key", text="body", title="head", metadata=("note",))
    assert found["a"] == Document("a", "Title\n\ntext", "rows", {"source": "rows", "note": "x" * 1000})
    found, _ = read(rows, text="body")
    assert dict(found["rows#1"].metadata) == {"source": "rows", "key": "a", "head": "Title", "n": 1}


def test_texts_from_python_and_the_embedded_corpus():
    found, _ = read(["no file" for _ in range(0)] or ({"text": text} for text in ("one", "two")))
    assert list(found) == ["rows#1", "rows#2"]
    found, _ = read("embedded")
    assert len(found) > 100


def test_a_source_that_is_not_there_is_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LangueError, match=r"holds no .*\.pdf, .* file"):
        read(tmp_path / "empty")
    with pytest.raises(LangueError, match="there is no file"):
        read(str(tmp_path / "missing.pdf"))
    (tmp_path / "x.doc").write_text("x")
    with pytest.raises(LangueError, match="of a kind that is not read"):
        read(str(tmp_path / "x.doc"))


def test_a_digest_changes_with_anything():
    one = Document("a", "text", "s", {"year": 1})
    others = [one._replace(text="Text"), one._replace(source="t"), one._replace(metadata={"year": 2})]
    assert len({one.digest(), *(other.digest() for other in others)}) == 4
    assert one.digest() == one._replace(metadata=json.loads('{"year": 1}')).digest()


def test_what_was_made_is_no_file_that_nobody_reads(tmp_path):
    datasets.Dataset.from_dict({"text": ["saved"]}).save_to_disk(tmp_path / "saved")
    index = Index.build(tmp_path / "saved", tmp_path / "saved" / "index", settings=IndexSettings(kind="memory"))
    assert index.change.added == 1
    assert not index.change.dropped
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Text.")
    index = Index.build(tmp_path / "docs", tmp_path / "docs" / "index", settings=IndexSettings(kind="memory"))
    index.add(tmp_path / "docs")
    assert not index.change.dropped


def test_of_a_benchmark_the_corpus_is_searched_and_not_its_questions(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "title": "", "text": "An answer."}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "A question?"}\n')
    assert [document.id for document in read_documents(tmp_path, IndexSettings())] == ["d"]
    assert [document.id for document in read_documents([str(tmp_path)], IndexSettings())] == ["d"]
    (tmp_path / "corpus.jsonl").rename(tmp_path / "other.jsonl")
    assert [document.id for document in read_documents(str(tmp_path), IndexSettings())] == ["d", "q"]
