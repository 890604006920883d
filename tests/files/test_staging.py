"""Writing beside a place: whole or not there, and nothing of anybody else's touched."""

import os
import subprocess
import sys
import textwrap

import pytest

from langue.errors import LangueError
from langue.files import claim, replacing, replacing_listed, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path):
    with replacing(tmp_path / "a" / "b.txt") as place:
        place.write_text("new")
        assert not (tmp_path / "a" / "b.txt").exists()
    assert (tmp_path / "a" / "b.txt").read_text() == "new"
    assert names(tmp_path / "a") == ["b.txt"]


def test_an_exception_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    (tmp_path / "b.txt").write_text("old")

    def broken_off():
        with replacing(tmp_path / "b.txt") as place:
            place.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert (tmp_path / "b.txt").read_text() == "old"
    assert names(tmp_path) == ["b.txt"]


def test_folders_that_were_made_on_the_way_are_gone_after_an_exception(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="half"), replacing(tmp_path / "mine" / "x" / "y" / "z.txt"):
        raise ValueError("half")
    assert names(tmp_path / "mine") == []


def test_a_folder_takes_an_empty_place_and_no_other(tmp_path):
    (tmp_path / "empty").mkdir()
    with replacing(tmp_path / "empty") as place:
        place.mkdir()
        (place / "file").write_text("x")
    assert names(tmp_path / "empty") == ["file"]
    with pytest.raises(LangueError, match="already exists"), replacing(tmp_path / "empty") as place:
        place.mkdir()
    assert (tmp_path / "empty" / "file").read_text() == "x"


def test_modes_follow_the_umask_or_the_file_that_is_replaced(tmp_path):
    old = os.umask(0o027)
    try:
        with replacing(tmp_path / "new") as place:
            place.touch(mode=0o600)  # as some libraries do
        (tmp_path / "kept").touch(mode=0o600)
        write_text(tmp_path / "kept", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_protected_stays(tmp_path):
    (tmp_path / "mine").write_text("old")
    (tmp_path / "link").symlink_to("mine")
    (tmp_path / "mine").chmod(0o444)
    for name in ("mine", "link"):
        with pytest.raises(LangueError, match="mine is protected against writing; choose another name, or allow it"):
            write_text(tmp_path / name, "new")

    def list_two():
        with replacing_listed(tmp_path) as stage:
            (stage / "other").write_text("new")
            (stage / "mine").write_text("new")

    with pytest.raises(LangueError, match="mine is protected"):
        list_two()
    assert (tmp_path / "mine").read_text() == "old"
    assert names(tmp_path) == ["link", "mine"]


def test_what_is_protected_in_a_folder_that_is_held_is_ones_own(tmp_path):
    with claim(tmp_path / "run", lambda: True, busy="busy", taken="taken"):
        write_text(tmp_path / "run" / "report", "old")
        (tmp_path / "run" / "report").chmod(0o444)
        write_text(tmp_path / "run" / "report", "new")
    with pytest.raises(LangueError, match="report is protected"):
        write_text(tmp_path / "run" / "report", "newer")
    assert (tmp_path / "run" / "report").read_text() == "new"


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_in_place():
    write_text("/dev/null", "x")
    assert not os.path.isfile("/dev/null")


def killed_while_writing(folder):
    """Run a writer that is killed in the middle."""
    code = f"""
        import os, signal
        from pathlib import Path
        from langue.files import replacing
        with replacing(Path({str(folder)!r}) / "b.txt") as place:
            place.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == -9


def test_the_next_writer_removes_what_a_kill_left(tmp_path):
    killed_while_writing(tmp_path)
    left = names(tmp_path)
    assert len(left) == 1
    assert left[0].endswith(".writing")
    write_text(tmp_path / "b.txt", "whole")
    assert names(tmp_path) == ["b.txt"]


@pytest.mark.parametrize("mark", ["", "Langue writes"])
def test_a_mark_that_a_kill_has_cut_short_is_one(tmp_path, mark):
    left = tmp_path / ".b.txt.0123abcd.writing"
    left.mkdir()
    (left / ".langue.mark").write_text(mark)
    write_text(tmp_path / "b.txt", "whole")
    assert names(tmp_path) == ["b.txt"]


def test_a_folder_whose_mark_says_something_else_is_somebodys(tmp_path):
    mine = tmp_path / ".b.txt.0123abcd.writing"
    mine.mkdir()
    (mine / ".langue.mark").write_text("Langue is a word of mine")
    write_text(tmp_path / "b.txt", "whole")
    assert (mine / ".langue.mark").read_text() == "Langue is a word of mine"


def test_a_folder_with_such_a_name_and_without_our_mark_is_somebodys(tmp_path):
    mine = tmp_path / ".b.txt.0123abcd.writing"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    (tmp_path / ".b.txt.writing").write_text("mine too")
    write_text(tmp_path / "b.txt", "whole")
    assert (mine / "thesis.tex").read_text() == "years"
    assert (tmp_path / ".b.txt.writing").read_text() == "mine too"


def test_a_writer_that_still_writes_keeps_its_staging_folder(tmp_path):
    with replacing(tmp_path / "b.txt") as place:
        place.write_text("slow")
        write_text(tmp_path / "b.txt", "fast")
    assert (tmp_path / "b.txt").read_text() == "slow"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    code = f"""
        import resource, signal
        from pathlib import Path
        from langue.errors import LangueError
        from langue.files import write_text
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_text(Path({str(tmp_path)!r}) / "b.txt", "x" * 5000)
        except LangueError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.stdout.strip().endswith("b.txt could not be written: the disk is full; make room and try again")
    assert names(tmp_path) == []


def test_an_error_about_another_file_is_not_called_an_error_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "b.txt"):
        (tmp_path / "input.txt").read_text()


def test_long_names_fit(tmp_path):
    write_text(tmp_path / ("ü" * 120), "x")
    assert len(names(tmp_path)) == 1
