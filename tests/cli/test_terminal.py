"""A terminal gets no orders from a model's or a file's text; files and pipes get every byte."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from langue.console import visible

HOSTILE = "red \x1b[31m bell \x07 title \x1b]0;owned\x07 back\r erase \x9b2J tab\tend"

PROGRAM = """
import sys
from langue.console import guard_terminal, print_styled, progress, say, table
guard_terminal()
text = {text!r}
print(text)
sys.stdout.write(text + "\\n")
sys.stdout.writelines([text, "\\n"])
say(text)
with progress(text, 2.0, "texts") as advance:
    advance(1, text)
    print(text)
    say("between " + text)
table(text, [text], [[text]])
print("a name of no Unicode: \\udce4")
print_styled("\\033[1mbold\\033[0m")
print("end of it")
"""


def on_a_terminal(command: list[str]) -> bytes:
    """What a terminal gets of a program's stdout and stderr."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    found = b""
    while True:
        try:
            piece = os.read(leader, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        found += piece
    assert process.wait() == 0, found.decode(errors="replace")
    os.close(leader)
    return found


def test_nothing_that_is_printed_gives_orders() -> None:
    found = on_a_terminal([sys.executable, "-c", PROGRAM.format(text=HOSTILE)])
    assert b"end of it" in found
    for order in (b"\x1b[31m", b"\x1b]0;", b"\x07", "\x9b".encode(), b"back\r erase"):
        assert order not in found
    assert rb"\x1b[31m bell \x07" in found
    assert b"\x1b[2K" in found  # the bar is drawn
    assert rb"\x1b[2K" not in found
    assert b"between red " in found
    assert b"\x1b[1mbold\x1b[0m" in found  # our own
    assert rb"\udce4" in found


def test_a_pipe_gets_the_text_itself() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(text=HOSTILE)], capture_output=True, check=True)
    assert done.stdout.count(HOSTILE.encode()) == 4


def test_only_control_characters_are_changed() -> None:
    kept = "añ日本 🙂\n\t ⟦e\u0301⟧ ‏עברית"
    assert visible(kept) == kept
    assert visible("\x00\x1b\x7f\x85") == r"\x00\x1b\x7f\x85"


@pytest.mark.parametrize("prompts", [["a\x1b[31mb"], ["a\x1b[31mb", "b"]])
def test_generate_on_a_terminal(tmp_path: Path, prompts: list[str]) -> None:
    from langue.models import ModelConfig, build, save_model
    from langue.text import TokenizerSettings, train_tokenizer

    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["ab\x1b[31m\x07"])
    config = ModelConfig(vocab_size=tokenizer.vocab_size, width=8, layers=1, heads=1, context=16)
    save_model(build(config), tmp_path / "model")
    tokenizer.save(tmp_path)
    command = [sys.executable, "-m", "langue", "generate", str(tmp_path), *prompts, "--max-tokens", "60"]
    found = on_a_terminal(command)
    assert b"\x1b" not in found
    assert b"\x07" not in found
    assert rb"a\x1b[31mb" in found
