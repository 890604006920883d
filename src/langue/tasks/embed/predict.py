"""The embed task: texts in, vectors out, near each other where texts mean the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from langue.account import reported
from langue.batch import Batch, Loss
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.models import Model, evaluating
from langue.models.config import EmbedderConfig
from langue.models.finite import refuse_not_finite
from langue.models.model import make_embedder
from langue.nn.heads import Embedder
from langue.objectives.padding import by_length, padded
from langue.tasks import framing
from langue.tasks.embed.settings import EmbedRecipe
from langue.tasks.inputs import as_list, check_type, several
from langue.tasks.losses import RowLosses
from langue.tasks.task import Task
from langue.text import Tokenizer
from langue.text.reading import Reading

POOL, POOL_CHARACTERS = 1 << 13, 1 << 23
"""Texts, and characters, that are sorted by length together; so any number of texts needs no more memory."""

OTHERS = {"classifier", "dropout", "initializer_range", "tie_embeddings", "head_bias", "head_dense", "head_norm"}
"""Fields of a model's configuration that its vectors do not depend on."""


class VectorDistance:
    """The squared distance of vectors of length 1 from those of another model; twice what their cosine lacks to 1.

    Args:
        embedder: the head that makes the vectors.
    """

    def __init__(self, embedder: Embedder):
        self.embedder = embedder

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over texts."""
        assert batch.targets is not None
        vectors = (model.embedder or self.embedder)(model.read(batch), batch.valid).float()
        return Loss((F.normalize(vectors, dim=-1) - batch.targets).square().sum(), torch.tensor(len(batch.ids)))


class Embed(Task):
    """A model that represents texts by vectors.

    A model without a head of its own for this gives the mean of its hidden vectors.

    Args:
        model: of any form and mixer; of an encoder–decoder, the encoder is asked.
        tokenizer: the one it was trained with.
        reading: what it was taught to expect of a text; None expects nothing.

    Raises:
        LangueError: the model hears and does not read.
    """

    name = "embed"
    measured_on = "vectors"
    measure_options = ("columns", "predictions", "benchmark", "split", "rerank", "rerank_depth")
    loss_unit = "text"

    def __init__(self, model: Model, tokenizer: Tokenizer, reading: Reading | None = None):
        if model.config.audio is not None:
            raise LangueError("the model hears recordings, but vectors are made of texts")
        self.model, self.tokenizer, self.reading = model.eval(), tokenizer, reading or Reading()
        plain = EmbedderConfig(normalise=False)
        self.embedder = model.embedder or make_embedder(plain, model.config.read_width)

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: EmbedRecipe | None = None) -> Embed:
        return cls(pretrained.model, tokenizer, pretrained.reading)

    def row_losses(self, rows: Sequence[str]) -> RowLosses:
        """Texts, each with the vector that this model gives it, from which another's differs: the squared distance of
        both as long as 1."""
        targets = self.embed(list(rows))
        encoded = self.reading.encode(self.tokenizer, list(rows), self.model.config.context)
        targets /= np.linalg.norm(targets, axis=1, keepdims=True).clip(min=1e-30)
        batches = [
            replace(padded([np.array(ids)]), targets=torch.from_numpy(target[None]))
            for ids, target in zip(encoded, targets, strict=True)
        ]
        return RowLosses(VectorDistance(self.embedder), batches, self.loss_unit)

    @property
    def size(self) -> int:
        """The numbers of a vector."""
        return self.embedder.size

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of all that decides about vectors: weights, architecture, tokenizer, prompts."""
        config = {name: value for name, value in self.model.config.model_dump().items() if name not in OTHERS}
        facts = {"config": config, "tokenizer": self.tokenizer.fingerprint, "reading": self.reading.model_dump()}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for name, parameter in sorted(self.model.named_parameters()):
            if not name.startswith(("head.", "classifier.")):
                digest.update(name.encode())
                digest.update(parameter.detach().float().cpu().contiguous().numpy().data)
        return digest.hexdigest()[:16]

    @reported()
    def embed(
        self,
        texts: str | Sequence[str],
        *,
        prompt: str | None = None,
        size: int | None = None,
        special: bool = False,
        batch_tokens: int | None = None,
        advance: Callable[[int], Any] | None = None,
    ) -> np.ndarray:
        """Vectors of one text or many.

        Args:
            texts: a text, or a list of such.
            prompt: what they are for: "query", "document", or the name of another prompt of the model; None takes the
                one that the model takes where nothing is said.
            size: take the first numbers of each vector alone, see `Embedder.finish`; None takes all.
            special: let the names of special tokens in a text be these tokens; otherwise they are letters.
            batch_tokens: tokens of one forward pass, padding included; None takes what is fastest on most machines.
            advance: called with how many texts are done.

        Returns:
            (texts, size) float32, in the order of the texts; (size,) for one text.

        Raises:
            LangueError: there is no such prompt or size.
        """
        if isinstance(texts, str):
            return self.embed([texts], prompt=prompt, size=size, special=special)[0]
        texts = as_list(texts, "a text")
        result = np.zeros((len(texts), self._checked(size)), np.float32)
        done = 0
        how: dict[str, Any] = {"prompt": prompt, "size": size, "special": special, "batch_tokens": batch_tokens}
        for vectors in self.embed_stream(texts, **how):
            result[done : done + len(vectors)] = vectors
            done += len(vectors)
            if advance is not None:
                advance(len(vectors))
        return result

    def embed_stream(
        self,
        texts: Iterable[str],
        *,
        prompt: str | None = None,
        size: int | None = None,
        special: bool = False,
        batch_tokens: int | None = None,
    ) -> Iterator[np.ndarray]:
        """The same for texts of any number, which are asked for as they are needed.

        Returns:
            Arrays (some, size) float32, whose rows are the texts' vectors in their order.

        Raises:
            LangueError: there is no such prompt or size.
        """
        self._checked(size)
        tokenizer = self.tokenizer.reading_specials(special)
        for pool in _pools(several([texts] if isinstance(texts, str) else texts, "a text")):
            with reported():
                rows = self.reading.encode(tokenizer, pool, self.model.config.context, prompt)
            yield self._vectors(rows, size, batch_tokens)

    @torch.inference_mode()
    def _vectors(self, rows: Sequence[Sequence[int]], size: int | None, batch_tokens: int | None) -> np.ndarray:
        result = np.zeros((len(rows), size or self.size), np.float32)
        tokens = batch_tokens or framing.batch_tokens(self.model)
        with evaluating(self.model):
            for numbers in by_length([len(ids) for ids in rows], tokens):
                most = max(1, tokens // max(1, len(rows[numbers[0]])))
                batch = padded([np.array(rows[number]) for number in _filled(numbers, most)]).to(self.model.device)
                vectors = self.embedder(self.model.read(batch), batch.valid)[: len(numbers)]
                result[numbers] = self.embedder.finish(vectors, size).float().cpu().numpy()
                refuse_not_finite(result[numbers])
        return result

    def _checked(self, size: int | None) -> int:
        if size is not None and not 1 <= size <= self.size:
            raise LangueError(f"vectors have {self.size} numbers, of which {size} cannot be taken")
        return size or self.size


def _filled(numbers: np.ndarray, most: int) -> np.ndarray:
    """The rows of a batch, of which the last comes again until they are as many as a batch holds, or a power of two.

    oneDNN keeps a program for each number of rows that it meets, of which most are half a megabyte; what a pool leaves
    for its last batch could be any number, so that memory grew with the texts.
    """
    count = min(most, 1 << (len(numbers) - 1).bit_length())
    return np.pad(numbers, (0, count - len(numbers)), mode="edge")


def _pools(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in their order, some at a time."""
    pool: list[str] = []
    characters = 0
    for number, text in enumerate(texts, 1):
        check_type(text, f"input {number}", "a text")
        pool.append(text)
        characters += len(text)
        if len(pool) == POOL or characters >= POOL_CHARACTERS:
            yield pool
            pool, characters = [], 0
    if pool:
        yield pool
