"""Each tutorial of the documentation, command by command, on small data; the trainings are shortened."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path

import pytest
import soundfile
from person import Person
from walk import TUTORIALS, commands_of, walk

import sentence_folder
import spoken_rows
from pair_rows import pairs
from ready_python import ready_python

PEOPLE = {
    "student": "STUDENT",
    "linguist": "LINGUIST",
    "engineer": "ENGINEER",
    "reader": "READER",
    "cluster_user": "CLUSTER_USER",
}
TEXT = "The quick brown fox jumps over the lazy dog, and {} of them sleep as long as the sun is up.\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder laid out as that of the real data is."""
    data = tmp_path_factory.mktemp("data")
    files = {
        "shakespeare/input.txt": "".join(TEXT.format(number) for number in range(300)),
        "python-docs/corpus.txt": "".join(TEXT.format(number) for number in range(400)),
    }
    for part in ("train", "dev"):
        seed = len(part)  # so that the two have no text in common
        rows = [f"{text} w{label}\t{label}" for label in (0, 1) for text in sentence_folder.texts(30, seed + label)]
        files[f"glue/SST-2/{part}.tsv"] = "\n".join(["sentence\tlabel", *rows]) + "\n"
    for part in ("train", "test"):
        rows = ["\t".join(pair) for pair in pairs(60 if part == "train" else 6)]
        files[f"translate-en-de/{part}.tsv"] = "\n".join(["source\ttarget", *rows]) + "\n"
    spoken = spoken_rows.texts(24)
    rows = [f"wav/{number}.wav\t{text}" for number, text in enumerate(spoken)]
    files["speech-asterisk-en/train.tsv"] = "\n".join(["audio\ttext", *rows]) + "\n"
    for name, content in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(content, encoding="utf-8")
    (data / "speech-asterisk-en" / "wav").mkdir()
    for number, text in enumerate(spoken):
        soundfile.write(data / "speech-asterisk-en" / "wav" / f"{number}.wav", spoken_rows.say(text), 16_000)
    sentence_folder.save_sentence_folder(data)
    return data


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """A folder of programs, `langue` among them."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "langue").write_text(f'#!/bin/sh\nexec {shlex.join(ready_python())} -m langue "$@"\n', encoding="utf-8")
    (folder / "langue").chmod(0o755)
    (folder / "torchrun").symlink_to(Path(sys.executable).with_name("torchrun"))
    return folder


@pytest.mark.parametrize("module", PEOPLE)
def test_a_tutorial_leads_to_its_end(module, data, programs, tmp_path, monkeypatch):
    monkeypatch.setenv("MINILM", str(data / "sentence"))
    person: Person = getattr(importlib.import_module(module), PEOPLE[module])
    person.prepare(tmp_path, data)
    steps = list(walk(person.page, tmp_path, programs, dict(os.environ), hurry=0.5))
    assert [(step.command, step.said) for step in steps if step.status] == []
    assert len(steps) == len(commands_of(person.page))


def test_every_tutorial_is_somebodys():
    people = [getattr(importlib.import_module(module), name) for module, name in PEOPLE.items()]
    assert sorted(person.page for person in people) == sorted(path.name for path in TUTORIALS.glob("*.md"))
