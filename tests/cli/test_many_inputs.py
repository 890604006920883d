"""What verbs with many inputs have in common: what is sound is done, what is not is named, counted, and told apart."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from langue.cli.inputs import (
    Input,
    Inputs,
    check_out,
    json_line,
    on_command_line,
    one_line,
    read_inputs,
    text_in,
)
from langue.cli.subtitles import TranscriptWriter, file_names, render
from langue.content import write_json
from langue.data.recordings import Recording
from langue.errors import LangueError
from langue.extra import need_package
from langue.files import seal
from langue.tasks.transcribe.predict import Segment, Transcript, Word


def check(value: str, place: str) -> None:
    if "bad" in value:
        raise LangueError(f"{value} is bad")


def test_results_stand_where_their_inputs_do(capsys):
    inputs = Inputs("text", on_command_line(["a", "bad", "b"]))
    inputs.check(check)
    assert inputs.sound_values == ["a", "b"]
    assert list(inputs.results(["A", "B"])) == [("a", "A", ""), ("bad", None, "text 2: bad is bad"), ("b", "B", "")]
    assert inputs.end() == 1
    told = capsys.readouterr().err
    assert "text 2: bad is bad" in told
    assert "1 of 3 texts could not be used" in told


def test_all_that_failed_is_a_mistake_and_one_is_told_as_it_is():
    with pytest.raises(LangueError, match=r"^none of the 2 texts can be used; text 1: bad is bad$"):
        Inputs("text", on_command_line(["bad", "bad too"])).check(check)
    with pytest.raises(LangueError, match=r"^text 1: bad is bad$"):
        Inputs("text", on_command_line(["bad"])).check(check)
    with pytest.raises(LangueError, match="there is no text; give one"):
        Inputs("text", [])


def test_a_library_that_all_inputs_need_is_told_of_once():
    with pytest.raises(LangueError, match=r"^reading needs absent: pip install absent adds it$"):
        Inputs("text", on_command_line(["a", "b"])).check(lambda *_: need_package("absent", "absent", "reading"))


def test_columns_that_many_rows_lack_are_told_of_once(capsys):
    rows = [Input(f"row {number}", {"body": "a"} if number != 2 else {"text": "b"}, "") for number in range(5)]
    inputs = Inputs("text", [*rows, Input("row 5", {"title": "c"})])
    assert inputs.change(lambda value, place: text_in(value, place, "text")).end() == 1
    assert capsys.readouterr().err.splitlines() == [
        "row 0 has no column text; it has body; rename the column that holds it (and so for 3 more)",
        "row 5 has no column text; it has title; rename the column that holds it",
        "5 of 6 texts could not be used; the others are done",
    ]


def test_all_sound_says_nothing(capsys):
    inputs = Inputs("text", on_command_line(["a"])).check(check)
    assert inputs.end() == 0
    assert capsys.readouterr().err == ""


def test_a_line_that_cannot_be_read_is_one_input(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\n\xff\xfe two\n\nfour\n")
    found = list(read_inputs(tmp_path / "a.txt"))
    assert [each.value for each in found] == ["one", None, "", "four"]
    assert found[1] == Input(f"{tmp_path}/a.txt, line 2", None, "invalid UTF-8")
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": \n{"text": "\\ud800"}\n{"text": "four"}\n')
    found = list(read_inputs(tmp_path / "a.jsonl"))
    assert [each.value for each in found] == [{"text": "one"}, None, None, {"text": "four"}]
    assert [each.fault for each in found] == ["", "invalid JSON", "invalid UTF-8", ""]


def test_what_the_terminal_could_not_decode_has_failed():
    assert [each.fault for each in on_command_line(["a", "\udcff"])] == ["", "it is not in the terminal's encoding"]


def test_lines_stay_lines():
    assert one_line("a\nb\r\nc\td\u2028e\x85f\x0bg") == "a b c d e f g"
    assert one_line("全角\u3000と\u00a0ここ") == "全角\u3000と\u00a0ここ"
    found = json_line({"a": float("nan"), "b": [1.5, float("-inf")], "c": "\ud800", "d": {"e": float("inf")}})
    assert json.loads(found) == {"a": None, "b": [1.5, None], "c": "\ud800", "d": {"e": None}}
    assert found.encode()


def transcript(text: str, start: float = 0.0, end: float = 1.0, words: list[Word] | None = None) -> Transcript:
    return Transcript(text, 1.0, [Segment(text, start, end, words or [])], -1.0)


RECORDING = Recording("a.wav", Path("a.wav"), 0.0, None)


def test_no_text_breaks_out_of_its_cue():
    heard = transcript("a --> b\n\n2\n00:00 <i>&\tc")
    assert render("srt", RECORDING, heard) == "1\n00:00:00,000 --> 00:00:01,000\na -> b 2 00:00 <i>& c\n"
    cue = "a --&gt; b 2 00:00 &lt;i&gt;&amp; c"
    assert render("vtt", RECORDING, heard) == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{cue}\n"
    assert render("tsv", RECORDING, heard) == "start\tend\ttext\n0\t1000\ta --> b 2 00:00 <i>& c\n"
    assert render("text", RECORDING, heard).count("\n") == 1
    marked = transcript("a <b", words=[Word("a", 0.0, 0.5), Word("<b", 0.5, 1.0)])
    assert render("vtt", RECORDING, marked).endswith("\na <00:00:00.500>&lt;b\n")


def test_times_that_are_no_numbers_are_refused_where_times_are_needed():
    heard = transcript("a b", float("nan"), 1.0)
    for kind in ("srt", "vtt", "tsv"):
        with pytest.raises(LangueError, match=r"a\.wav: 'a b' has no times"):
            render(kind, RECORDING, heard)
    assert json.loads(render("json", RECORDING, heard))["segments"] == [{"text": "a b", "start": None, "end": 1.0}]
    words = [Word("a", 0.0, 0.5), Word("b", float("nan"), float("nan"))]
    assert render("vtt", RECORDING, transcript("a b", words=words)).endswith("\na b\n")


@pytest.mark.parametrize("kind", ["text", "json"])
def test_failures_keep_their_line_and_what_stood_there_goes_only_for_something(kind, tmp_path):
    out = tmp_path / "out"
    out.write_text("before")
    with TranscriptWriter(kind, out) as writer:
        writer.fail("a.wav", "a.wav is damaged")
        assert out.read_text() == "before"
        writer.write(render(kind, RECORDING, transcript("said")))
        writer.fail("c.wav", "c.wav is damaged")
    lines = out.read_text().split("\n")
    if kind == "text":
        assert lines == ["", "said", "", ""]
    else:
        assert json.loads(lines[0]) == {"audio": "a.wav", "error": "a.wav is damaged"}
        assert json.loads(lines[2])["audio"] == "c.wav"


def test_subtitles_of_what_failed_are_not_written(tmp_path):
    with TranscriptWriter("srt", tmp_path / "out", ["a.srt"]) as writer:
        writer.fail("a.wav", "damaged")
        assert not (tmp_path / "out").exists()
        writer.write("said", "a.srt")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.srt"]


def test_subtitles_replace_nothing_but_what_a_kill_left(tmp_path):
    def write_two(fault: type[BaseException] | None) -> None:
        with TranscriptWriter("srt", tmp_path, ["a.srt", "b.srt"]) as writer:
            writer.write("new", "a.srt")
            if fault is not None:
                raise fault
            writer.write("new", "b.srt")

    (tmp_path / "b.srt").write_text("mine")
    with pytest.raises(LangueError, match=r"b\.srt is there already; remove it, or write into another folder"):
        write_two(None)
    assert [path.name for path in tmp_path.iterdir()] == ["b.srt"]
    (tmp_path / "b.srt").rename(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        write_two(KeyboardInterrupt)
    write_two(None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.srt", "b.srt", "other"]
    with pytest.raises(LangueError, match=r"a\.srt is there already"):
        write_two(None)


def test_files_of_recordings_of_one_name_are_told_apart():
    recordings = [RECORDING, RECORDING, RECORDING._replace(audio="x/a-2.mp3"), RECORDING._replace(audio=b"RIFF")]
    assert file_names("vtt", recordings) == ["a.vtt", "a-2.vtt", "a-2-2.vtt", "recording.vtt"]


def test_what_a_segment_lacks_changes_nothing():
    heard = SimpleNamespace(text="", seconds=float("nan"), score=float("-inf"), language=None, segments=[])
    assert json.loads(render("json", RECORDING, heard))["score"] is None


def test_nothing_is_written_over_what_is_read(tmp_path):
    (tmp_path / "in.txt").write_text("mine")
    (tmp_path / "link.txt").symlink_to(tmp_path / "in.txt")
    check_out(tmp_path / "out.txt", tmp_path / "in.txt", None)
    check_out(None, tmp_path / "in.txt")
    for out in ("in.txt", "link.txt"):
        for source in (tmp_path / "in.txt", tmp_path):
            with pytest.raises(LangueError, match=f"{out} is read as well, and would be lost"):
                check_out(tmp_path / out, None, source)
    check_out(tmp_path / "new.txt", tmp_path)
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "in.txt")
    with pytest.raises(LangueError, match=r"hard\.txt is read as well, and would be lost"):
        check_out(tmp_path / "hard.txt", tmp_path / "in.txt")


def test_nothing_is_written_over_what_is_protected(tmp_path):
    (tmp_path / "mine.txt").touch(mode=0o444)
    with pytest.raises(LangueError, match=r"mine\.txt is protected against writing; choose another name, or allow it"):
        check_out(tmp_path / "mine.txt")


def test_a_part_of_a_folder_of_ours_is_never_written_over(tmp_path):
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    seal(model)
    (model / "note.txt").write_text("mine")
    (tmp_path / "index" / "passages").mkdir(parents=True)
    (tmp_path / "index" / "passages" / "texts.bin").write_text("")
    write_json(tmp_path / "index" / "manifest.json", {"format": "langue index", "version": 2})
    (tmp_path / "manifest.json").write_text('{"name": "somebody else\'s"}')
    for place in (model / "config.json", model / "manifest.json", tmp_path / "index" / "passages" / "texts.bin"):
        with pytest.raises(LangueError, match=r" belongs to .*, and would be lost; choose another name"):
            check_out(place)
    for place in (model / "note.txt", model / "new.txt", tmp_path / "run" / "texts.txt", tmp_path / "manifest.json"):
        check_out(place)


def test_a_cell_that_is_no_text_is_none():
    assert text_in({"text": None}, "here", "text") == text_in({"text": float("nan")}, "here", "text") == ""
    for cell in (5, 0, b"a", ["a"]):
        with pytest.raises(LangueError, match=r"^here: text should be text, got "):
            text_in({"text": cell}, "here", "text")
