"""A recipe of every task, with data that a tiny model reads within a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from labelled_rows import sentences as judged
from langue.experiment import train
from langue.tasks.recipes import read_recipe
from pair_rows import pairs
from spoken_rows import write_spoken
from tiny import text

TRAINING = {"steps": 1, "batch_size": 4, "warmup_steps": 0, "device": "cpu"}
MODEL = {"layers": 2, "width": 16, "heads": 2, "context": 32, "feedforward_width": 24}


def table(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def texts(folder: Path, **model: Any) -> dict[str, Any]:
    (folder / "text.txt").write_text(text(1600), encoding="utf-8")
    tokenizer = {"kind": "byte-bpe", "vocab_size": 300}
    return {"tokenizer": tokenizer, "data": {"train": str(folder / "text.txt"), "dev": 0.3}, "model": model}


def rows(folder: Path, some: list[dict[str, Any]], **model: Any) -> dict[str, Any]:
    return {"data": {"train": table(folder, some), "dev": 0.4}, "model": {"form": "encoder", **model}}


def tagged(folder: Path) -> dict[str, Any]:
    some = [row["text"].split() for row in judged(60)]
    return rows(folder, [{"tokens": words, "tags": [word[0] for word in words]} for words in some])


def asked(folder: Path) -> dict[str, Any]:
    some = [row["text"] for row in judged(60)]
    return rows(folder, [{"question": "who", "context": text, "answer": text.split()[-1]} for text in some])


def paired(folder: Path, names: tuple[str, str]) -> dict[str, Any]:
    some = [dict(zip(names, pair, strict=True)) for pair in pairs(80)]
    return {"data": {"train": table(folder, some), "dev": 0.4}, "model": {"form": "seq2seq"}}


def spoken(folder: Path, **model: Any) -> dict[str, Any]:
    content = yaml.safe_load(write_spoken(folder / "spoken").read_text())
    data = {"train": str(folder / "spoken" / "train.jsonl"), "dev": 0.4}
    return {"data": data, "tokenizer": content["tokenizer"], "model": {"audio": {"bins": 24}, "context": 256, **model}}


RECIPES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "generate": lambda folder: texts(folder, mixer="lstm", position="none"),
    "fill": lambda folder: texts(folder, form="encoder"),
    "denoise": lambda folder: texts(folder, form="seq2seq"),
    "classify": lambda folder: rows(folder, judged(80)),
    "tag": tagged,
    "answer": asked,
    "translate": lambda folder: paired(folder, ("source", "target")),
    "summarize": lambda folder: paired(folder, ("text", "summary")),
    "embed": lambda folder: rows(folder, [{"anchor": a, "positive": b} for a, b in pairs(80)]),
    "transcribe": lambda folder: spoken(folder, form="seq2seq"),
    "spell": lambda folder: {"task": "transcribe", **spoken(folder, form="encoder", tie_embeddings=False)},
}


def train_one(name: str, folder: Path) -> Path:
    """The run of a recipe, whose data are written into a folder, after one step."""
    recipe = RECIPES[name](folder)
    fields = {"task": name, "tokenizer": {"kind": "byte"}, **recipe, "model": {**MODEL, **recipe["model"]}}
    if name != "embed":
        fields["samples"] = {"max_tokens": 0}
    return train(read_recipe({**fields, "training": TRAINING}), folder / "run", report=False).folder.path
