"""Archives are judged by their table of contents, before anything is unpacked."""

import tracemalloc
import zipfile

import pytest

from langue.pages import package
from langue.pages.package import open_package
from langue.pages.page import PageError
from zipped import OLE, write_bomb, write_encrypted, write_zip


def fault(path):
    with pytest.raises(PageError) as error:
        open_package(path, "DOCX")
    return str(error.value)


def test_a_bomb_is_named_and_nothing_of_it_unpacked(tmp_path):
    bomb = write_bomb(tmp_path / "a.docx")
    tracemalloc.start()
    assert fault(bomb) == "zip bomb (unpacks to more than 100 times its size)"
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_what_unpacks_to_a_hundred_times_its_size_is_read(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "a.docx", {"a": bytes(50_000)})
    packed = path.stat().st_size
    monkeypatch.setattr(package, "FREE", 0)
    assert 50_000 % packed
    monkeypatch.setattr(package, "RATIO", 50_000 // packed + 1)
    open_package(path, "DOCX").close()
    monkeypatch.setattr(package, "RATIO", 50_000 // packed)
    assert fault(path).startswith("zip bomb")


def test_encrypted_files_are_told_from_damaged_ones(tmp_path):
    assert fault(write_encrypted(tmp_path / "a.docx")) == "encrypted DOCX"
    locked = write_zip(tmp_path / "b.docx", {"a": "text"})
    content = bytearray(locked.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag that an entry is encrypted (APPNOTE, § 4.4.4)
    locked.write_bytes(content)
    assert fault(locked) == "encrypted DOCX"
    (tmp_path / "c.docx").write_bytes(OLE)
    with pytest.raises(zipfile.BadZipFile):
        open_package(tmp_path / "c.docx", "DOCX")
