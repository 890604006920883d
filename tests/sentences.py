"""A small BERT of sentence-transformers, and texts of its few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.hub.published import BERT, VOCABULARY

WORDS = [f"w{number}" for number in range(VOCABULARY - 5)]


def texts(count: int, seed: int = 0) -> list[str]:
    draws = np.random.default_rng(seed)
    return [" ".join(draws.choice(WORDS, draws.integers(1, 40))) for _ in range(count)]


def save_bert(folder: Path) -> None:
    """A BERT with a WordPiece tokenizer, as Transformers lays it out."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(1)
    BertModel(BertConfig(**BERT, initializer_range=0.5)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)


def sentence_model(bert: Path, pooling: str = "mean", *more: Any, **settings: Any) -> Any:
    """The same as a model of sentence-transformers, with further modules after pooling."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    trunk = Transformer(str(bert), max_seq_length=settings.pop("max_seq_length", 20))
    return SentenceTransformer(modules=[trunk, Pooling(32, pooling), *more], device="cpu", **settings)


def normalize() -> Any:
    from sentence_transformers.base.modules import Normalize

    return Normalize()


def dense(outputs: int, activation: Any = None, bias: bool = True, inputs: int = 32) -> Any:
    from sentence_transformers.base.modules import Dense

    return Dense(inputs, outputs, bias=bias, activation_function=activation)
