"""Holding a folder: neighbours live on, and what somebody else put there stays."""

import subprocess
import sys
import textwrap

import pytest

from langue.errors import LangueError
from langue.files import claim, discard_pieces, is_unfinished, piece_of, replacing, write_text


def hold(folder):
    return claim(folder, (folder / "whole").exists, busy="it is busy", taken="it is taken")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_removes_what_was_written_and_the_folders_that_were_made(tmp_path):

    def broken_off():
        with hold(tmp_path / "runs" / "a"):
            write_text(tmp_path / "runs" / "a" / "part", "x")
            with replacing(tmp_path / "runs" / "a" / "data") as place:
                (place / "deep").mkdir(parents=True)
                (place / "deep" / "file").write_text("x")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken_off()
    assert names(tmp_path) == []


def test_neighbours_that_came_meanwhile_stay(tmp_path):

    def broken_off():
        with hold(tmp_path / "runs" / "a"):
            write_text(tmp_path / "runs" / "a" / "part", "x")
            write_text(tmp_path / "runs" / "b" / "whole", "days of work")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert names(tmp_path / "runs") == ["b"]
    assert (tmp_path / "runs" / "b" / "whole").read_text() == "days of work"


def test_files_that_somebody_else_put_into_the_folder_stay(tmp_path):

    def broken_off():
        with hold(tmp_path / "a"):
            with replacing(tmp_path / "a" / "data") as place:
                place.mkdir()
                (place / "ours").write_text("x")
            (tmp_path / "a" / "data" / "notes.txt").write_text("mine")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken_off()
    assert names(tmp_path / "a") == ["data"]
    assert names(tmp_path / "a" / "data") == ["notes.txt"]


def test_what_became_whole_stays(tmp_path):
    with hold(tmp_path / "a"):
        write_text(tmp_path / "a" / "part", "x")
        write_text(tmp_path / "a" / "whole", "x")
    assert {"part", "whole"} <= set(names(tmp_path / "a"))
    assert not is_unfinished(tmp_path / "a")

    def broken_off():
        with hold(tmp_path / "a"):
            write_text(tmp_path / "a" / "more", "x")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken_off()
    assert {"part", "whole", "more"} <= set(names(tmp_path / "a"))


@pytest.mark.parametrize("name", ["lock", ".lock", ".langue.lock", "thesis.tex"])
def test_a_folder_of_somebody_elses_is_refused_untouched(tmp_path, name):
    (tmp_path / name).write_text("mine")
    (tmp_path / "other").write_text("mine as well")
    with pytest.raises(LangueError, match="taken"), hold(tmp_path):
        raise AssertionError
    assert names(tmp_path) == sorted([name, "other"])
    assert (tmp_path / name).read_text() == "mine"


def test_a_second_process_is_refused_and_removes_nothing(tmp_path):
    with hold(tmp_path / "a"):
        write_text(tmp_path / "a" / "part", "x")
        code = f"""
            from pathlib import Path
            from langue.errors import LangueError
            from langue.files import claim
            folder = Path({str(tmp_path / "a")!r})
            try:
                with claim(folder, (folder / "whole").exists, busy="it is busy", taken="it is taken"):
                    print("let in")
            except LangueError as error:
                print(error)
        """
        for _ in range(2):
            told = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True).stdout
            assert told.strip() == "it is busy"
        assert (tmp_path / "a" / "part").read_text() == "x"
        write_text(tmp_path / "a" / "whole", "x")
    assert {"part", "whole"} <= set(names(tmp_path / "a"))


def killed_in_setup(folder):
    code = f"""
        import os, signal
        from pathlib import Path
        from langue.files import claim, replacing, write_text
        folder = Path({str(folder)!r})
        with claim(folder, (folder / "whole").exists, busy="it is busy", taken="it is taken"):
            write_text(folder / "part", "x")
            with replacing(folder / "data") as place:
                place.mkdir()
                (place / "rows").write_text("x")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == -9


def test_what_a_kill_left_is_removed_by_the_next(tmp_path):
    killed_in_setup(tmp_path / "a")
    assert is_unfinished(tmp_path / "a")
    with hold(tmp_path / "a"):
        assert not (tmp_path / "a" / "part").exists()
        assert not (tmp_path / "a" / "data").exists()
        write_text(tmp_path / "a" / "whole", "x")
    assert (tmp_path / "a" / "whole").exists()


def test_what_somebody_put_beside_what_a_kill_left_stays_and_is_said(tmp_path):
    killed_in_setup(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(LangueError, match="taken"), hold(tmp_path / "a"):
        raise AssertionError
    assert (tmp_path / "a" / "notes.txt").read_text() == "mine"


def test_a_damaged_line_of_the_list_removes_nothing(tmp_path):
    killed_in_setup(tmp_path / "a")
    (tmp_path / "a" / "pbrt").write_text("mine")
    path = tmp_path / "a" / ".langue.unfinished"
    path.write_bytes(path.read_bytes().replace(b'"part"', b'"pbrt"'))
    with pytest.raises(LangueError, match="taken"), hold(tmp_path / "a"):
        raise AssertionError
    assert (tmp_path / "a" / "pbrt").read_text() == "mine"


def test_a_list_that_leads_out_of_the_folder_removes_nothing_there(tmp_path):
    from langue.files import remove_files

    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("mine")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d").write_text("mine")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "c")
    remove_files(tmp_path / "a", ["../b", str(tmp_path / "b"), "link/d", "."])
    assert (tmp_path / "b").read_text() == (tmp_path / "c" / "d").read_text() == "mine"


def test_pieces_of_long_work_outlive_a_failure_until_the_whole_is_there(tmp_path):

    def broken_off():
        with hold(tmp_path / "a"):
            write_text(piece_of(tmp_path / "a", "0f"), "hours of work")
            write_text(tmp_path / "a" / "part", "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert names(tmp_path / "a") == [".langue.kept"]
    with hold(tmp_path / "a"):
        assert piece_of(tmp_path / "a", "0f").read_text() == "hours of work"
        (tmp_path / "a" / ".langue.kept" / "notes.txt").write_text("mine")
        write_text(tmp_path / "a" / "whole", "x")
        discard_pieces(tmp_path / "a")
    assert names(tmp_path / "a" / ".langue.kept") == ["notes.txt"]
