"""--verify: every byte of what a verb opens is read, whatever is remembered of it."""

import re

import pytest

import langue
from langue import cli
from langue.files import digest
from langue.files.hashing import memory_file
from tiny import write_tiny


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose files count as large ones, with a memory that tells lies about them."""
    langue.train(write_tiny(tmp_path), tmp_path / "run", report=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setattr("langue.files.hashing.LARGE", 1)
    digest(tmp_path / "run" / "model" / "model.safetensors")
    known = memory_file().read_text()
    memory_file().write_text(re.sub(r'"[0-9a-f]{64}"', f'"{"0" * 64}"', known))
    return tmp_path / "run"


def test_what_is_remembered_counts_until_every_byte_is_to_be_read(run, capsys):
    assert cli.run(["generate", str(run), "the", "--max-tokens", "1"]) == 2
    assert "model.safetensors is not what manifest.json says" in capsys.readouterr().err
    assert cli.run(["generate", str(run), "the", "--max-tokens", "1", "--verify"]) == 0
    assert langue.load(run, verify=True).generate("the", max_tokens=1) is not None


def test_a_flag_behind_two_dashes_is_a_text(run, capsys):
    assert cli.run(["generate", str(run), "--max-tokens", "1", "--", "--verify"]) == 2
    assert "model.safetensors" in capsys.readouterr().err
