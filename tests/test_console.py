"""What is shown while something takes long: lines for a log, a bar for a person, and nothing on stdout."""

import contextlib
import os
import pty
import sys

import pytest

from langue import console


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    with console.progress("preparing text", 4e6, "bytes") as advance:
        for second in (10, 31, 40, 62):
            clock[0] = second
            advance(1e6, note=f"at {second}")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "preparing text: 50% 2.0 MB after 31 s at 31",
        "preparing text: 100% 4.0 MB after 62 s at 62",
    ]


def test_what_is_quick_says_nothing(capsys):
    with console.progress("quick", None, "steps") as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_lines_do_without_a_total(capsys, monkeypatch):
    monkeypatch.setattr(console, "EVERY", 0.0)
    with console.progress("counting", None, "steps") as advance:
        advance(1234)
    assert capsys.readouterr().err == "counting: 1,234 steps after 0 s\n"


@pytest.mark.parametrize("total", [10, None])
def test_a_terminal_gets_a_bar_on_stderr(capsys, monkeypatch, total):
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with console.progress("working", total, "steps") as advance:
            advance(5, note="loss 1.5")
    monkeypatch.undo()
    shown = b""
    with contextlib.suppress(OSError):  # what Linux says at a terminal's end
        while part := os.read(leader, 65536):
            shown += part
    os.close(leader)
    assert b"working" in shown
    assert (b"50%" in shown) == (total is not None)
    assert capsys.readouterr().out == ""


def test_a_table_names_rows_left_and_sets_numbers_right(capsys):
    console.table("Race", ["model", "loss"], [["gru", "1.5"], ["attention", "12.25"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Race"
    rows = [line for line in lines if "gru" in line or "attention" in line]
    assert [row.replace("│", "").replace("|", "").split() for row in rows] == [["gru", "1.5"], ["attention", "12.25"]]
    assert rows[0].index("1.5") + 3 == rows[1].index("12.25") + 5


def test_words_go_to_stderr(capsys):
    console.say("done")
    assert capsys.readouterr() == ("", "done\n")


def test_remarks_are_left_out_where_asked_and_come_back(capsys):
    console.remark("one")
    with console.no_remarks():
        console.remark("two")
        console.say("three")
    console.remark("four")
    assert capsys.readouterr().err.splitlines() == ["one", "three", "four"]


def test_brackets_in_a_name_are_no_markup(capsys):
    console.table("[bold]runs[/bold]", ["[red]model"], [["[/nothing]"], ["[link=x]y"]])
    said = "".join(capsys.readouterr().out.split())  # a long title goes on in the next line
    assert all(name in said for name in ("[bold]runs[/bold]", "[red]model", "[/nothing]", "[link=x]y"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("encoder", "an encoder"), ("decoder", "a decoder"), ("LSTM", "an LSTM"), ("RobertaModel", "a RobertaModel")],
)
def test_articles(name, said):
    assert console.with_article(name) == said
