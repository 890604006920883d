"""Sources of requests, as encoders read them: in groups that fit a processor's caches, padded on the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from langue.batch import Batch
from langue.engine.request import EncodedSource, Source
from langue.models import Model
from langue.nn.state import State

GROUP_POSITIONS = 2048
"""Positions, with padding, of sources that an encoder reads together on a CPU."""


def start(model: Model, sources: Sequence[Source]) -> State:
    """A state that has read sources, and nothing else."""
    first, *others = (source_batch(group, model.device) for group in in_groups(sources, model.device))
    state = model.start(first)
    for other in others:
        memory = model.start(other).memory
        assert state.memory is not None
        assert memory is not None
        state.memory.join(memory)
    return state


def in_groups(sources: Sequence[Source], device: torch.device) -> Iterator[Sequence[Source]]:
    """Sources in succession that are to be read together: on a CPU so few that their padding and its caches matter."""
    if device.type != "cpu" or isinstance(sources[0], EncodedSource):
        yield sources
        return
    begin = longest = 0
    for number, source in enumerate(sources):
        longest = max(longest, len(source))
        if number > begin and longest * (number + 1 - begin) > GROUP_POSITIONS:
            yield sources[begin:number]
            begin, longest = number, len(source)
    yield sources[begin:]


def source_batch(sources: Sequence[Source], device: torch.device) -> Batch:
    """A batch whose sources (B, S) or (B, S, features) are padded on the right; it has no target."""
    encoded = isinstance(sources[0], EncodedSource)
    tensors = [source.hidden if isinstance(source, EncodedSource) else torch.as_tensor(source) for source in sources]
    lengths = torch.tensor([len(source) for source in tensors])
    padded = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    valid = torch.arange(padded.shape[1]) < lengths[:, None]
    ids = torch.zeros(len(tensors), 0, dtype=torch.long)
    batch = Batch(ids, source_valid=None if bool(valid.all()) else valid)
    return replace(batch, **{"encoded" if encoded else "source": padded}).to(device)
