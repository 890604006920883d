"""Small folders of sentence-transformers with random weights, and texts in their words."""

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


def _save_bert(model: Any, folder: Path) -> None:
    from transformers import BertTokenizerFast

    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)


def save_sentence_folder(folder: Path) -> Any:
    """Write one to folder/sentence, and give sentence-transformers' model of it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    _save_bert(BertModel(BertConfig(**BERT, initializer_range=0.5)), folder / "bert")
    trunk = Transformer(str(folder / "bert"), max_seq_length=32)
    theirs = SentenceTransformer(modules=[trunk, Pooling(32, "mean")], device="cpu")
    theirs.save(str(folder / "sentence"))
    return theirs


def save_cross_encoder(folder: Path, outputs: int) -> None:
    """Write a BERT that judges pairs by so many numbers."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(2)
    config = BertConfig(**BERT, initializer_range=0.5, num_labels=outputs)
    _save_bert(BertForSequenceClassification(config), folder)
