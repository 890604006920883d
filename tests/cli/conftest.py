"""A folder with models and with data too much of which cannot be used, for all verbs that read such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import langue
from langue.tasks.recipes import read_recipe
from writers import save_writer

WRITE = """\
task: generate
tokenizer: {kind: byte}
model: {layers: 1, width: 16, heads: 2, context: 16}
data: {train: bad.txt, documents: line}
training: {batch_size: 2, device: cpu}
"""
SUMMARIZE = """\
task: summarize
tokenizer: {kind: byte}
model: {form: seq2seq, layers: 1, width: 16, heads: 2, context: 16}
data: {train: pairs.jsonl, dev: null}
training: {steps: 1, device: cpu}
"""
TOO_LONG = "x" * (1 << 21)


@pytest.fixture(scope="session")
def losing(tmp_path_factory) -> Path:
    """A writer, a summariser, and for both data and recipes."""
    folder = tmp_path_factory.mktemp("losing")
    save_writer(folder / "writer", context=16)
    (folder / "bad.txt").write_bytes(b"a line\n\xff\xfe\n" * 30 + f"{TOO_LONG}\n".encode())
    (folder / "bad.jsonl").write_text('{"text": "a line of words"}\n{"text": 1}\n' * 9)
    rows = [{"text": "a", "summary": "b"}, {"text": "a", "summary": ""}]
    lines = [json.dumps(row) for row in rows] * 9 + [json.dumps({**rows[0], "more": TOO_LONG})]
    (folder / "good.jsonl").write_text((json.dumps(rows[0]) + "\n") * 20)
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "write.yaml").write_text(WRITE)
    (folder / "pairs.yaml").write_text(SUMMARIZE)
    recipe = read_recipe(folder / "pairs.yaml", {"data.train": str(folder / "good.jsonl")})
    langue.train(recipe, folder / "rewriter", report=False)
    return folder
