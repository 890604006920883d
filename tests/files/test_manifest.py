"""Manifests and stamps: every flipped bit is caught, and a kill between two files leaves a sound folder."""

import os
import stat

import pytest

from langue.errors import LangueError
from langue.files import (
    MANIFEST,
    STAMP,
    Manifest,
    check_file,
    check_folder,
    check_stamp,
    digest,
    every_byte,
    replacing_listed,
    seal,
    write_stamp,
    write_text,
)
from langue.files.hashing import LARGE, memory_file


@pytest.fixture
def folder(tmp_path):
    with replacing_listed(tmp_path / "model") as stage:
        (stage / "weights").write_bytes(bytes(range(64)))
        (stage / "config").write_text("{}\n")
    return tmp_path / "model"


def complaint(folder):
    try:
        check_folder(folder)
    except LangueError as error:
        return str(error)
    return None


def test_every_flipped_bit_is_caught_or_harmless(folder):
    check_folder(folder)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for bit in range(8 * len(whole)):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            message = complaint(folder)
            if message is None:
                # The manifest is taken for somebody else's: then the files that it would list are sound.
                assert path.name == MANIFEST
                assert Manifest.read(folder) is None
            else:
                assert path.name in message or MANIFEST in message
        path.write_bytes(whole)
    check_folder(folder)


def test_a_missing_file_is_named(folder):
    (folder / "config").unlink()
    with pytest.raises(LangueError, match=r"config, which manifest\.json lists, is missing"):
        check_folder(folder)


def test_files_of_somebody_else_do_not_disturb(folder):
    (folder / "notes.txt").write_text("mine")
    check_folder(folder)
    check_file(folder / "notes.txt")
    (folder.parent / MANIFEST).write_text('{"name": "my web page"}')
    check_folder(folder.parent)


@pytest.mark.parametrize("moves", range(4))
def test_a_kill_at_any_moment_of_a_replacement_leaves_a_sound_folder(folder, monkeypatch, moves):
    """Stop before the move with each number: the manifest that knows both, each file, the manifest of the new."""
    done, replace = 0, os.replace

    def stop(source, target):
        nonlocal done
        if done == moves:
            raise KeyboardInterrupt
        done += 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)

    def broken_off():
        with replacing_listed(folder) as stage:
            (stage / "weights").write_bytes(b"other")
            (stage / "config").write_text("[]\n")

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    check_folder(folder)
    assert (folder / "weights").read_bytes() in (bytes(range(64)), b"other")
    monkeypatch.setattr(os, "replace", replace)
    with replacing_listed(folder) as stage:
        (stage / "weights").write_bytes(b"third")
    check_folder(folder)
    assert (folder / "weights").read_bytes() == b"third"


def test_a_file_that_is_added_is_listed_beside_the_others(folder):
    with replacing_listed(folder) as stage:
        (stage / "labels").write_text("a\n")
    manifest = Manifest.read(folder)
    assert manifest is not None
    assert sorted(manifest.files) == ["config", "labels", "weights"]
    assert not manifest.coming


def test_sealing_lists_folders_too(tmp_path):
    write_text(tmp_path / "a" / "b", "x")
    seal(tmp_path)
    (tmp_path / "a" / "b").write_text("y")
    with pytest.raises(LangueError, match=r"a/b is not what manifest\.json says"):
        check_folder(tmp_path)


def test_a_large_file_is_read_once_and_again_when_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    path = tmp_path / "large"
    path.write_bytes(bytes(LARGE))
    first = digest(path)
    assert memory_file().is_file()
    known = memory_file().read_text()
    memory_file().write_text(known.replace(first, "f" * 64))
    assert digest(path) == "f" * 64
    with every_byte():
        assert digest(path) == first
    with path.open("r+b") as file:
        file.write(b"\1")
    assert digest(path) != first
    memory_file().write_text("[" * 100_000)
    assert len(digest(path)) == 64


def test_a_stamp_catches_every_flipped_bit_but_in_its_own_mark(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"head " + STAMP.encode() + b" " + bytes(range(40)))
    write_stamp(path)
    check_stamp(path)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            check_stamp(path)
        except LangueError:
            continue
        assert 5 <= bit // 8 < 5 + len(STAMP)  # the mark is gone, and the content around it is sound
    with pytest.raises(ValueError, match="no place"):
        write_stamp(tmp_path / "file")


def test_a_stamp_that_was_copied_into_another_file_says_nothing_of_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(STAMP.encode() + b" weights")
    write_stamp(path)
    path.write_bytes(path.read_bytes() + b", packed")
    check_stamp(path)
    assert b"packed" in path.read_bytes()


def test_a_file_in_a_folder_without_a_manifest_is_taken_as_it_is(tmp_path):
    (tmp_path / "file").write_text("x")
    assert check_file(tmp_path / "file") == tmp_path / "file"
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)
