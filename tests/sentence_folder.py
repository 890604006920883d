"""A small folder of sentence-transformers with random weights, and texts in its words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.hub.published import BERT, VOCABULARY

os.environ["HF_HUB_OFFLINE"] = "1"

WORDS = [f"w{number}" for number in range(VOCABULARY - 5)]


def texts(count: int, seed: int = 0, longest: int = 18) -> list[str]:
    """Different texts of a few words."""
    draws = np.random.default_rng(seed)
    return [" ".join(draws.choice(WORDS, draws.integers(4, longest))) for _ in range(count)]


def changed(text: str, words: int, seed: int = 0) -> str:
    """A text with some of its words exchanged, so that it is more or less like the text."""
    draws = np.random.default_rng(seed)
    found = text.split()
    for place in draws.permutation(len(found))[:words]:
        found[place] = str(draws.choice(WORDS))
    return " ".join(found)


def save_sentence_folder(folder: Path) -> Any:
    """Write it, and give sentence-transformers' model of it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(1)
    bert = folder / "bert"
    BertModel(BertConfig(**BERT, initializer_range=0.5)).save_pretrained(bert)
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=32).save_pretrained(bert)
    trunk = Transformer(str(bert), max_seq_length=32)
    theirs = SentenceTransformer(modules=[trunk, Pooling(32, "mean")], device="cpu")
    theirs.save(str(folder / "sentence"))
    return theirs
