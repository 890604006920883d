"""Whoever encodes a text, the tokens are the engine's."""

import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from tokenizers import Tokenizer as Engine

from langue import machine
from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text import encoder as module
from langue.text.encoder import Encoders, LocalEncoder, ProcessEncoder

TEXT = ["The quick brown fox jumps over the lazy dog. Zwölf! <|end|> 😀\n" * 50, "", "again and again " * 30, "x"]
U2 = np.dtype("<u2")


@pytest.fixture(scope="module", params=["byte-bpe", "unigram", "wordpiece", "char", "byte"])
def tokenizer(request):
    return train_tokenizer(TokenizerSettings(kind=request.param, vocab_size=400), TEXT)


@pytest.fixture
def process(tokenizer):
    process = ProcessEncoder(tokenizer, U2)
    yield process
    process.close()


def test_a_process_gives_the_tokens_of_the_engine(tokenizer, process):
    expected = tokenizer.encode_batch(TEXT)
    for encoder in (LocalEncoder(tokenizer, U2), process):
        for texts, ids in ((TEXT, expected), ([], []), ([""], [[]]), (TEXT[2:], expected[2:])):
            tokens, lengths = encoder.encode(texts)
            assert tokens.dtype == U2
            assert lengths.tolist() == [len(each) for each in ids]
            assert tokens.tolist() == list(itertools.chain.from_iterable(ids))


def test_a_process_that_was_ended_is_a_sentence(byte_bpe):
    process = ProcessEncoder(byte_bpe, U2)
    process.encode(["still there"])
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(LangueError, match="a process that encodes text was ended from outside"):
        process.encode(["x" * 1_000_000])
    process.close()


def test_a_process_says_what_its_tokenizer_fails_on_and_goes_on(byte_bpe, capfd):
    content = json.loads(byte_bpe.engine.to_str())
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    content["pre_tokenizer"] = split
    tokenizer = Tokenizer(Engine.from_str(json.dumps(content)))
    process = ProcessEncoder(tokenizer, U2)
    with pytest.raises(LangueError, match="the tokenizer's own rules fail on it"):
        process.encode(["sound", "a" * 200 + "!"])
    assert process.encode(["sound"]).tokens.tolist() == tokenizer.encode("sound")
    process.close()
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def byte_bpe():
    return train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=400), TEXT)


def test_processes_come_after_much_text_and_go(byte_bpe, monkeypatch):
    monkeypatch.setattr(module, "MUCH", 10)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    begun: list[subprocess.Popen] = []
    really = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **o: begun.append(really(*a, **o)) or begun[-1])
    encoders = Encoders(byte_bpe, U2)
    assert encoders.encode(["0123456789"]).tokens.tolist() == byte_bpe.encode("0123456789")
    assert not begun
    assert encoders.encode(["0"]).tokens.tolist() == byte_bpe.encode("0")
    assert encoders.encode(["01"]).tokens.tolist() == byte_bpe.encode("01")
    assert 1 <= len(begun) <= 2
    assert all(process.poll() is None for process in begun)
    encoders.close()
    assert all(process.poll() is not None for process in begun)


ORPHANED = """
import os, sys
import numpy as np
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.encoder import ProcessEncoder
process = ProcessEncoder(train_tokenizer(TokenizerSettings(kind="byte"), []), np.dtype("<u2"))
process.encode(["x"])
print(process._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_process_does_not_outlive_a_kill():
    """Its error stream is the last that holds ours open: it ends when the process does."""
    found = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, text=True, timeout=30)
    assert found.returncode == -signal.SIGKILL
    assert int(found.stdout)
    assert found.stderr == ""
