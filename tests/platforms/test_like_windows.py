"""Langue where POSIX is not: a walk by the command line under a Python that lacks what Windows lacks.

What this is and is not: `like_windows/sitecustomize.py`. No Windows and no macOS stood at hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import langue

LIKE_WINDOWS = Path(__file__).with_name("like_windows")
TEXT = "The quick brown fox jumps over the lazy dog, and „the dog“ sleeps – as ever. "

GENERATE = """
task: generate
tokenizer: {kind: byte-bpe, vocab_size: 300}
model: {preset: llama-nano, layers: 1, width: 32, heads: 2, context: 32}
data: {train: "mein text.txt", dev: 0.1}
training: {steps: 6, batch_size: 4, evaluate_every: 3, checkpoint_every: 3}
"""
CLASSIFY = """
task: classify
tokenizer: {kind: byte-bpe, vocab_size: 300}
model: {layers: 1, width: 32, heads: 2, context: 32}
data: {train: tabelle.csv, dev: 0.2}
training: {steps: 4, batch_size: 8, evaluate_every: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a space and letters beyond ASCII in its name, and files in it as people call theirs."""
    folder = tmp_path_factory.mktemp("win") / "Daten für mich"
    folder.mkdir()
    (folder / "mein text.txt").write_text(TEXT * 200, encoding="utf-8")
    rows = "".join(f"gut {number},ja\nschlecht {number},nein\n" for number in range(20))
    (folder / "tabelle.csv").write_text("text,label\n" + rows, encoding="utf-8")
    (folder / "g.yaml").write_text(GENERATE, encoding="utf-8")
    (folder / "c.yaml").write_text(CLASSIFY, encoding="utf-8")
    return folder


def like_windows(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command with a console of Windows's old code page."""
    source = Path(langue.__file__).parents[1]
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(LIKE_WINDOWS), str(source)]), "PYTHONIOENCODING": "cp1252",
        "PYTHONUTF8": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "langue", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=240, check=False)


def test_a_model_is_trained_gone_on_with_measured_and_sent_out(folder):
    for words in (
        ("train", "g.yaml", "--out", "läufe/eins"),
        ("train", "g.yaml", "--out", "läufe/eins", "--resume"),
        ("evaluate", "läufe/eins", "--data", "mein text.txt", "--json"),
        ("generate", "läufe/eins", "The dog", "--max-tokens", "4"),
        ("export", "läufe/eins", "hf", "--format", "hf"),
        ("import", "hf", "imported"),
        ("shrink", "läufe/eins", "--to", "int8", "--out", "klein", "--calibrate", "mein text.txt"),
    ):
        done = like_windows(folder, *words)
        assert done.returncode == 0, done.stderr.decode("cp1252", "replace")
    assert {path.name for path in (folder / "läufe" / "eins").iterdir()} >= {"report.html", "README.md", "model"}
    assert not list(folder.rglob("*.writing"))


def test_a_table_is_learnt_and_judged(folder):
    for words in (("train", "c.yaml", "--out", "klasse"), ("classify", "klasse", "gut 3"), ("doctor",)):
        done = like_windows(folder, *words)
        assert done.returncode == 0, done.stderr.decode("cp1252", "replace")


def test_a_store_of_tokens_is_made_and_verified(folder):
    for words in (
        ("tokenizer", "train", "mein text.txt", "--kind", "byte-bpe", "--vocab-size", "300", "--out", "wörter"),
        ("data", "prepare", "mein text.txt", "--tokenizer", "wörter", "--out", "speicher"),
        ("data", "verify", "speicher"),
    ):
        done = like_windows(folder, *words)
        assert done.returncode == 0, done.stderr.decode("cp1252", "replace")


def test_an_index_is_made_changed_and_searched(folder):
    for words in (
        ("index", "build", "mein text.txt", "--out", "verzeichnis"),
        ("index", "add", "verzeichnis", "tabelle.csv"),
        ("index", "search", "verzeichnis", "dog", "--json"),
    ):
        done = like_windows(folder, *words)
        assert done.returncode == 0, done.stderr.decode("cp1252", "replace")


def test_a_console_that_lacks_letters_is_no_fault(folder):
    (folder / "griechisch.txt").write_text("λόγος " * 300, encoding="utf-8")
    like_windows(folder, "index", "build", "griechisch.txt", "--out", "griechen")
    done = like_windows(folder, "index", "search", "griechen", "λόγος")
    assert done.returncode == 0, done.stderr.decode("cp1252", "replace")
    assert b"\\u03bb" in done.stdout


def test_the_stand_in_refuses_what_windows_refuses(tmp_path):
    program = """
import os, mmap, pathlib, sys, types
code = '''
import os, pathlib, signal
def look(place):
    file = open(place, "rb")
    found = []
    for act in (lambda: os.replace(place + "2", place), lambda: pathlib.Path(place).unlink(), lambda: os.open(".", 0),
                lambda: os.fsync(file.fileno()), lambda: signal.SIGALRM, lambda: exec("import fcntl", globals())):
        try:
            act()
        except (OSError, AttributeError, ModuleNotFoundError) as error:
            found.append(type(error).__name__)
    return [os.name, *found]
'''
module = types.ModuleType("langue.looking")
exec(code, module.__dict__)
print(*module.look(sys.argv[1]))
"""
    for name in ("file", "file2"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "file")],
        env={**os.environ, "PYTHONPATH": str(LIKE_WINDOWS)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [
        "nt", "PermissionError", "PermissionError", "PermissionError", "OSError", "AttributeError",
        "ModuleNotFoundError",
    ]  # fmt: skip
