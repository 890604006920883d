"""Training a tokenizer takes its text as a stream."""

import subprocess
import sys

import pytest

from langue.text import TokenizerSettings, train_tokenizer
from langue.text.train import PIECE, _pieces


def test_long_texts_are_cut_where_a_word_ends():
    text = ("word " * 50_000).strip()
    pieces = list(_pieces([text, "", "short"]))
    assert "".join(pieces[:-1]) == text
    assert pieces[-1] == "short"
    assert all(len(piece) <= PIECE for piece in pieces)
    assert all(not piece.endswith("wor") and not piece.startswith("rd") for piece in pieces)
    assert "".join(_pieces(["x" * (3 * PIECE + 1)])) == "x" * (3 * PIECE + 1)


@pytest.mark.parametrize("kind", ["byte-bpe", "char"])
def test_an_iterator_is_read_once_and_to_its_end(kind):
    seen = []

    def texts():
        for number in range(50):
            seen.append(number)
            yield f"text number {number} of all\n"

    train_tokenizer(TokenizerSettings(kind=kind, vocab_size=300), texts())
    assert seen == list(range(50))


STREAM = """
import random, resource, sys
from langue.text import TokenizerSettings, train_tokenizer
draw = random.Random(0)
words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(200_000)]
def texts():
    for _ in range({megabytes}):
        yield " ".join(draw.choices(words, k=154_000))[: 1 << 20]
train_tokenizer(TokenizerSettings(kind={kind!r}, vocab_size=4096), texts())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak(kind: str, megabytes: int) -> int:
    """Kilobytes that a process of its own takes to learn from a stream of so many megabytes."""
    code = STREAM.format(kind=kind, megabytes=megabytes)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["byte-bpe", "wordpiece", "unigram"])
def test_two_gigabytes_of_text_take_less_than_two_of_memory(kind):
    assert _peak(kind, 2048) < 2 << 20
