"""All that Langue writes and reads again, each in a small example: how it is made, and all that is read of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import embed_rows
import langue
from langue.cli import run as command
from langue.data import TokenStore
from langue.data.sounds import SoundStore, write_sounds
from langue.hub import read_published
from langue.hub.gguf import read_gguf
from langue.report.record import read_record
from langue.report.result import MemberResult, RaceResult, read_result, write_result
from langue.search import Index
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.training.checkpoint import latest
from tiny import text, write_tiny


@dataclass(frozen=True)
class Written:
    """One kind of folder.

    Attributes:
        make: writes it into a folder that does not exist yet, with what it needs beside it.
        read: everything that Langue reads of it, in a form that can be compared.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], Any]


def _weights(model: torch.nn.Module) -> dict[str, bytes]:
    return {name: parameter.detach().numpy().tobytes() for name, parameter in model.named_parameters()}


def _make_run(folder: Path) -> None:
    langue.train(write_tiny(folder.parent), folder, report=True)


def _read_run(folder: Path) -> Any:
    task, record, checkpoint = langue.load(folder, "cpu"), read_record(folder), latest(folder / "checkpoints")
    assert checkpoint is not None
    store = TokenStore.open(folder / "data" / "train")
    tensors = {file: sorted((k, v.numpy().tobytes()) for k, v in t.items()) for file, t in checkpoint.tensors.items()}
    return (
        task.generate("the ", max_tokens=6, seed=1),
        _weights(task.model),
        record,
        checkpoint.step,
        dict(checkpoint.state),
        tensors,
        store.read(0, store.tokens).tolist(),
        store.document_ends.tolist(),
    )


def _make_tokenizer(folder: Path) -> None:
    train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), [text(200)]).save(folder)


def _read_tokenizer(folder: Path) -> Any:
    tokenizer = Tokenizer.load(folder)
    return tokenizer.encode(text(50)), tokenizer.fingerprint, tokenizer.end


def _make_sounds(folder: Path) -> None:
    draws = np.random.default_rng(0)
    write_sounds(folder, [(draws.uniform(-1, 1, 90).astype(np.float32), word) for word in ("eins", "zwei")])


def _read_sounds(folder: Path) -> Any:
    store = SoundStore(folder)
    return [store[number].tolist() for number in range(len(store))], store.texts


_LLAMA = """\
task: generate
tokenizer: {kind: byte-bpe, vocab_size: 300}
model: {preset: llama-nano, layers: 1, width: 16, heads: 2, key_heads: 2, feedforward_width: 24, context: 16}
data: {train: text.txt, dev: 0.1}
training: {steps: 2, batch_size: 2, device: cpu}
samples: {max_tokens: 0}
"""


def _exported(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        run = folder.with_name("llama")
        langue.train(write_tiny(folder.parent, _LLAMA), run, report=False)
        assert command(["export", str(run), str(folder), "--format", kind]) == 0

    return make


def _read_hf(folder: Path) -> Any:
    checkpoint = read_published(folder)
    return _weights(checkpoint.model), checkpoint.tokenizer.encode(text(50)), checkpoint.model.config


def _read_gguf(folder: Path) -> Any:
    model, tokenizer = read_gguf(next(folder.glob("*.gguf")))
    return _weights(model), tokenizer.encode(text(50)), model.config


def _make_race(folder: Path) -> None:
    member = dict.fromkeys(MemberResult.model_fields, 1)
    member |= {"name": "gru-nano", "run": "gru-nano", "positions": (1.0, 2.0), "sample": "so"}
    fields = dict.fromkeys(RaceResult.model_fields, "x") | {"timed": True, "members": (member,)}
    write_result(folder, RaceResult.model_validate(fields))


def _made_index(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        embed_rows.learn(folder.parent, "pairs", out="embedder", training__steps=2)
        documents = folder.parent / "documents"
        documents.mkdir()
        for number, row in enumerate(embed_rows.rows("texts", 12)):
            (documents / f"{number}.txt").write_text(row["text"])
        made = ["index", "build", str(documents), "--model", str(folder.parent / "embedder"), "--out", str(folder)]
        assert command([*made, "--kind", kind]) == 0

    return make


def _read_index(folder: Path) -> Any:
    index = Index.open(folder, device="cpu")
    modes = ("dense", "text", "hybrid")
    return [
        [hit.as_json() for hit in index.search(word, k=5, mode=mode)]
        for word in ("boat", "the court")
        for mode in modes
    ]


WRITTEN: dict[str, Written] = {
    "run": Written(_make_run, _read_run),
    "tokenizer": Written(_make_tokenizer, _read_tokenizer),
    "sounds": Written(_make_sounds, _read_sounds),
    "hf": Written(_exported("hf"), _read_hf),
    "gguf": Written(_exported("gguf"), _read_gguf),
    "race": Written(_make_race, read_result),
    "memory index": Written(_made_index("memory"), _read_index),
    "lance index": Written(_made_index("lance"), _read_index),
}
