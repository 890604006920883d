"""Forced alignment: the exact best way, by trying all, and lines found where they were said."""

import itertools

import numpy as np
import pytest
import soundfile

import langue
from langue.cli import run
from langue.data.labelled import read_labelled
from langue.data.playback import Playback
from langue.data.settings import TableDataSettings
from langue.errors import LangueError
from langue.tasks.transcribe.forced_alignment import ANYTHING, Lattice, _skips, _states, align, best_path
from spoken_rows import say, write_spoken

BLANK = 0


def lattice_of(lines, costs):
    labels, _ = _states(lines, BLANK)
    names, columns = np.unique(labels, return_inverse=True)
    return Lattice(columns, _skips(labels), np.flatnonzero(labels == ANYTHING), np.array(costs)), labels, len(names)


def exhaustive(emissions, lattice, labels):
    """The best way of all, by trying each."""
    count, states, best = len(emissions), len(labels), (-np.inf, ())
    leaps = dict(zip(itertools.pairwise(lattice.borders.tolist()), lattice.costs, strict=True))
    for path in itertools.product(range(states), repeat=count):
        if path[0] > 1 or path[-1] < states - 2:
            continue
        score = emissions[np.arange(count), lattice.columns[list(path)]].sum()
        for before, after in itertools.pairwise(path):
            if after - before in (0, 1) or (after - before == 2 and after % 2 and labels[after] != labels[before]):
                continue
            score -= leaps.get((before, after), np.inf)
        best = max(best, (score, path))
    return best


@pytest.mark.parametrize("lines", [[[1]], [[1, 2]], [[1, 1]], [[1], [1]], [[1], [], [2, 1]], [[1], [2], [1]]])
@pytest.mark.parametrize("count", [2, 4, 5])
def test_the_best_way_is_that_of_an_exhaustive_search(lines, count):
    for seed in range(6):
        costs = np.random.default_rng(seed).uniform(0, 6, sum(map(bool, lines)))
        lattice, labels, width = lattice_of(lines, costs)
        emissions = np.log(np.random.default_rng(seed).dirichlet(np.ones(width), count))
        score, path = exhaustive(emissions, lattice, labels)
        if score == -np.inf:
            with pytest.raises(LangueError, match="too short for its transcript"):
                best_path(emissions, lattice)
        else:
            assert tuple(best_path(emissions, lattice)) == path


def test_what_is_worked_out_anew_on_the_way_back_is_what_it_was():
    lines = [list(draw) for draw in np.random.default_rng(1).integers(1, 5, (6, 7))]
    lattice, labels, width = lattice_of(lines, [9.0, 1.0, 9.0, 0.5, 9.0, 2.0])
    emissions = np.log(np.random.default_rng(2).dirichlet(np.ones(width), 211))
    scores, came = np.full((211, len(labels)), -np.inf), np.zeros((211, len(labels)), int)
    scores[0, :2] = emissions[0, lattice.columns[:2]]
    leaps = {
        int(after): (int(before), cost)
        for before, after, cost in zip(lattice.borders, lattice.borders[1:], lattice.costs, strict=False)
    }
    for place, state in itertools.product(range(1, 211), range(len(labels))):
        last = scores[place - 1]
        ways = {state: last[state], state - 1: last[state - 1] if state else -np.inf}
        ways[state - 2] = last[state - 2] if lattice.skips[state] else -np.inf
        if state in leaps:
            ways[leaps[state][0]] = last[leaps[state][0]] - leaps[state][1]
        came[place, state] = max(ways, key=ways.get)
        scores[place, state] = ways[came[place, state]] + emissions[place, lattice.columns[state]]
    path = [len(labels) - 2 + int(scores[-1, -2:].argmax())]
    for place in range(210, 0, -1):
        path.append(int(came[place, path[-1]]))
    assert best_path(emissions, lattice).tolist() == path[::-1]


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoken")
    langue.train(write_spoken(folder), folder / "run")
    return folder / "run"


LINES = ["ab da", "cad", "b a", "dd ca"]


def spoken(lines, between: float = 0.7):
    """Lines with silence around them, and when each begins and ends in seconds."""
    parts, times, place = [], [], 0
    for line in lines:
        for samples in (np.zeros(int(between * 16_000), np.float32), say(line)):
            parts.append(samples)
            place += len(samples)
        times.append(((place - len(samples)) / 16_000, place / 16_000))
    parts.append(np.zeros(int(between * 16_000), np.float32))
    return np.concatenate(parts), times


@pytest.mark.parametrize("longest", [3, 30])
def test_lines_are_found_where_they_are_said(taught, monkeypatch, longest):
    monkeypatch.setattr("langue.tasks.transcribe.ctc_transcriber.PIECE_SAMPLES", longest * 16_000)
    samples, times = spoken(LINES)
    task, heard = langue.load(taught), []
    found = align(task, Playback([samples]), ["AB da!", *LINES[1:]], heard.append)
    assert sum(heard) == pytest.approx(len(samples) / 16_000)
    for line, (start, end) in zip(found, times, strict=True):
        assert start - 0.25 < line.start < start + 0.1
        assert end - 0.15 < line.end < end + 0.25
        assert line.score > -1.0


def test_what_nobody_wrote_down_and_what_nobody_said_disturb_no_other_line(taught):
    samples, times = spoken(["ab da", "bbb dd", "cad"])
    found = align(langue.load(taught), Playback([samples]), ["ab da", "cad", "???"], lambda seconds: None)
    for line, (start, end) in zip(found[:2], (times[0], times[2]), strict=True):
        assert abs(line.start - start) < 0.25
        assert abs(line.end - end) < 0.25
    assert found[2].score is None
    unsaid = align(langue.load(taught), Playback([samples]), ["ab da", "acac bdbd", "cad"], lambda seconds: None)
    assert unsaid[1].score == -np.inf
    assert [unsaid[0], unsaid[2]] == found[:2]


def test_the_verb_writes_a_table_that_a_training_takes(taught, tmp_path, capsys):
    samples, _ = spoken(LINES)
    soundfile.write(tmp_path / "long.wav", samples, 16_000)
    (tmp_path / "long.txt").write_text("ab da.\n cad.\n\nb a.\nacacac bdbd.\n???\ndd ca.\n")
    command = ["data", "align", str(tmp_path / "long.wav"), str(tmp_path / "long.txt"), "--model", str(taught)]
    assert run([*command, "--out", str(tmp_path / "cut")]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path}/cut/segments.tsv: 4 stretches" in said
    assert f"left out, not heard, or badly: 1 (see {tmp_path}/cut/left-out.tsv)" in said
    assert "left out, nothing that could be said: 1" in said
    data = TableDataSettings(train=str(tmp_path / "cut" / "segments.tsv"))
    rows = list(read_labelled(data.train, data))
    assert [row.values["text"] for row in rows] == ["ab da.", "cad.", "b a.", "dd ca."]
    scores, _ = langue.load(taught).evaluate(rows)
    assert scores["cer"] < 0.2
    left = (tmp_path / "cut" / "left-out.tsv").read_text().splitlines()
    assert [line.split("\t")[3::2] for line in left[1:]] == [
        ["acacac bdbd.", "not heard, or badly"],
        ["???", "nothing that could be said"],
    ]
    assert run([*command, "--out", str(tmp_path / "cut"), "--json", "--least", "5"]) == 2
    assert "nothing of the 6 sentences" in capsys.readouterr().err


def test_mistakes_are_one_sentence(taught, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", say("ab"), 16_000)
    (tmp_path / "a.txt").write_text("abcd " * 50)
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bad.wav").write_bytes(b"RIFFxxxx")
    for sound, text, message in (
        ("a.wav", "a.txt", "nothing of the 1 sentence of"),
        ("a.wav", "empty.txt", "is empty; write down in it what is said"),
        ("bad.wav", "a.txt", "bad.wav cannot be read as a recording"),
        ("none.wav", "a.txt", "there is no recording"),
    ):
        command = ["data", "align", str(tmp_path / sound), str(tmp_path / text), "--model", str(taught)]
        assert run([*command, "--out", str(tmp_path / "cut")]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert len(told.splitlines()) == 1
    assert not (tmp_path / "cut").exists()
