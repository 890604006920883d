"""Environments and models small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from langue.environments import Outcome, Reply, Scene, TextEnvironment
from langue.models import ModelConfig, build, save_model
from langue.tasks.generate.predict import Generate
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz 0123456789.,"
PAIRS = [
    {"source": "ein Haus am Meer", "target": "a house by the sea"},
    {"source": "guten Morgen, Welt", "target": "good morning, world"},
    {"source": "éin Boot", "target": "a boat"},
    {"source": "der alte König schlief lange", "target": "the old king slept for a long time"},
]


def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="char"), [LETTERS])


def decoder() -> Generate:
    """A decoder with its first weights."""
    letters = tokenizer()
    size: dict[str, Any] = {"vocab_size": letters.vocab_size, "layers": 1, "width": 16, "heads": 2, "context": 64}
    return Generate(build(ModelConfig(**size)), letters)


class Guess(TextEnvironment):
    """A digit is to be guessed, keyed; the environment says which way it lies."""

    name = "tests:Guess"

    def scene(self, seed: int, episode: int) -> Scene:
        digit = int(np.random.default_rng([seed, episode]).integers(10))

        def answer(text: str) -> Outcome:
            guess = int(text) if text.isdecimal() and text.isascii() else -1
            if guess == digit:
                return Outcome(1.0)
            return Outcome(0.0, "more" if guess < digit else "less", ended=False)

        return Scene("guess", answer)


def save_writer(folder: Path, context: int) -> None:
    """Put a decoder of bytes with its first weights into a folder, as `langue import` leaves one."""
    bytes_ = train_tokenizer(TokenizerSettings(kind="byte"), [])
    bytes_.save(folder)
    size: dict[str, Any] = {"vocab_size": bytes_.vocab_size, "layers": 1, "width": 16, "heads": 2, "context": context}
    save_model(build(ModelConfig(**size)), folder / "model")


def count_up(observations: Any, infos: Any) -> list[Reply]:
    """A policy that tries 0, 1, 2, …"""
    return [Reply(str(info["turn"])) for info in infos]
