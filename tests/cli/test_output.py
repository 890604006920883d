"""Results that are written as they come."""

from pathlib import Path

import pytest

from langue.cli.output import Output
from langue.errors import LangueError

FULL = Path("/dev/full")


def test_a_file_is_made_with_its_folder_when_there_is_something_to_write(tmp_path):
    path = tmp_path / "new" / "texts.txt"
    with Output(path) as output:
        assert not output.begun
        assert not path.parent.exists()
        output.write("one\n")
        assert path.read_text() == "one\n"  # and not only in the end
        output.write("two\n")
    assert path.read_text() == "one\ntwo\n"


@pytest.mark.skipif(not FULL.exists(), reason="needs a disk that is always full")
def test_a_disk_that_is_full_is_told_with_the_name_of_the_file():
    sentence = "^/dev/full could not be written: the disk is full; make room and try again$"
    with pytest.raises(LangueError, match=sentence), Output(FULL) as output:
        output.write("a text")


def test_what_is_printed_goes_to_whoever_has_stdout_now(capsys):
    with Output(None) as output:
        output.write("a text\n")
    print("more")
    assert capsys.readouterr().out == "a text\nmore\n"
