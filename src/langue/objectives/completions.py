"""Texts behind prompts: rows in which the tokens of a text are targets, and those of its prompt are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from langue import kernels
from langue.batch import IGNORE, Batch
from langue.models import Model
from langue.nn.state import EncoderOutput
from langue.objectives.branches import Branches, side_by_side, trees_of
from langue.objectives.cross_entropy import log_probabilities
from langue.objectives.padding import PIECE_TOKENS, by_length, in_step, padded


class Completion(NamedTuple):
    """One text behind its prompt.

    Attributes:
        ids: (T,) the decoder's tokens: prompt, or what a target begins with, and text.
        first: the place of the text's first token.
        source: (S,) the encoder's tokens, of an encoder–decoder.
    """

    ids: np.ndarray
    first: int
    source: np.ndarray | None = None

    @classmethod
    def of(cls, prompt: Sequence[int], text: Sequence[int], source: Sequence[int] | None = None) -> Completion:
        """A text behind its prompt, from their tokens."""
        ids = np.array([*prompt, *text], np.int64)
        return cls(ids, len(prompt), None if source is None else np.array(source, np.int64))


def completion_batch(rows: Sequence[Completion], together: int = 1) -> Batch:
    """A batch (B, T) whose targets are the tokens of each text.

    Padding stands behind a row, where no decoder looks, so that no `valid` is needed.

    Args:
        rows: of which so many in a row have the same source, which stands in the batch once.
        together: how many.
    """
    lengths = [len(row.ids) - 1 for row in rows]
    ids = np.zeros((len(rows), max(lengths)), np.int64)
    targets = np.full(ids.shape, IGNORE, np.int64)
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        ids[number, :length] = row.ids[:-1]
        targets[number, row.first - 1 : length] = row.ids[row.first :]
    sources = [row.source for row in rows[::together] if row.source is not None]
    source = padded(sources) if sources else None
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(targets),
        source=None if source is None else source.ids,
        source_valid=None if source is None else source.valid,
    )


def target_log_probabilities(
    model: Model,
    batch: Batch,
    owners: Tensor | None = None,
    *,
    temperature: float = 1.0,
    suppressed: Tensor | None = None,
) -> Tensor:
    """(B, T) log-probability of each target in nats, and 0 where there is none.

    Rows are sorted by length and cut into pieces, so that little is padding and caches suffice; sources are read once,
    and so are prompts that rows have in common; what is only read is not foretold.

    Args:
        model: a decoder or an encoder–decoder.
        batch: with targets.
        owners: (B,) the number of each row's source, where several rows share one.
        temperature: divides the logits.
        suppressed: numbers of tokens that have no probability.
    """
    assert batch.targets is not None
    own, places = batch.targets != IGNORE, torch.arange(batch.targets.shape[1], device=batch.targets.device)
    lengths = ((places + 1) * own).amax(1).clamp(min=1).cpu().numpy()
    memory = None if batch.source is None else model.start(batch).memory
    if memory is None and model.config.shares_trunks and not (model.training and model.config.dropout):
        trunks = own.byte().argmax(1).cpu().numpy() + 1
        return _along_branches(model, batch, own, trunks, lengths, temperature, suppressed)
    parts, order = [], []
    for numbers, counts in in_step(by_length(lengths.tolist(), _piece(batch))):
        chosen, longest = torch.from_numpy(numbers).to(batch.ids.device), lengths[numbers[0]]
        read = {} if memory is None else _sources(memory, chosen if owners is None else owners[chosen])
        piece = Batch(batch.ids[chosen, :longest], **read)
        targets, counted = batch.targets[chosen, :longest], own[chosen, :longest]
        hidden = kernels.of_rows(numbers, model.hidden)(piece)[counted]
        logs = log_probabilities(hidden, model.head, targets[counted], temperature, suppressed)
        whole = logs.new_zeros(own[chosen].shape)
        parts.append(whole.masked_scatter(own[chosen], logs) * counts)
        order.append(chosen)
    return _of_rows(own, order, parts)


def _along_branches(
    model: Model,
    batch: Batch,
    own: Tensor,
    trunks: np.ndarray,
    lengths: np.ndarray,
    temperature: float,
    suppressed: Tensor | None,
) -> Tensor:
    """The same where texts with the same prompt stand behind it in one row, so that it is read once, as is a text that
    stands there several times.

    Args:
        model: a decoder whose layers all attend.
        batch: with targets.
        own: (B, T) bool, True at these.
        trunks: (B,) tokens of each prompt.
        lengths: (B,) tokens of each row.
        temperature: and `suppressed`, as of `target_log_probabilities`.
    """
    assert batch.targets is not None
    ids, device = batch.ids.cpu().numpy(), batch.ids.device
    rows, parts, order = side_by_side(trees_of(ids, trunks, lengths)), [], []
    for numbers, counts in in_step(by_length([sum(tree.length for tree in row) for row in rows], _piece(batch))):
        branches = Branches.of(ids, lengths, [rows[number] for number in numbers])
        chosen, packed, valid, documents, places = (torch.from_numpy(x).to(device) for x in branches)
        counted = own[chosen]
        read = Batch(packed, valid=None if branches.valid.all() else valid, documents=documents)
        hidden = model.hidden(read).flatten(0, 1)[places[counted]]
        logs = log_probabilities(hidden, model.head, batch.targets[chosen][counted], temperature, suppressed)
        parts.append(logs.new_zeros(counted.shape).masked_scatter(counted, logs) * counts)
        order.append(chosen)
    return _of_rows(own, order, parts)


def _of_rows(own: Tensor, order: list[Tensor], parts: list[Tensor]) -> Tensor:
    """(B, T) of parts (n, T) of rows (n,), of which those that stand for none are zeros."""
    logs = torch.cat(parts)
    return logs.new_zeros(own.shape).index_add(0, torch.cat(order), logs)


def _piece(batch: Batch) -> int:
    """Tokens of one piece of a batch."""
    return PIECE_TOKENS.get(batch.ids.device.type, 1 << 14)


def _sources(memory: EncoderOutput, rows: Tensor) -> dict[str, Tensor | None]:
    """The encoder's output of some rows' sources, without padding that all of them have."""
    if memory.valid is None:
        return {"encoded": memory.hidden[rows]}
    valid = memory.valid[rows]
    longest = int(valid.sum(1).max())
    return {"encoded": memory.hidden[rows, :longest], "source_valid": valid[:, :longest]}


def text_log_probabilities(model: Model, batch: Batch, owners: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(B,) log-probability of each row's targets together, in nats, and (B,) how many they are."""
    assert batch.targets is not None
    return target_log_probabilities(model, batch, owners).sum(1), (batch.targets != IGNORE).sum(1)
