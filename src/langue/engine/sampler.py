"""Sampling: each row draws its next token, or takes the likeliest at temperature 0."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from langue.engine.batch import DecodingBatch
from langue.engine.group import Choice, Group
from langue.engine.request import Event
from langue.models.finite import refuse_not_finite
from langue.randomness import coins


def sample(group: Group, batch: DecodingBatch) -> tuple[Choice, list[Event]]:
    """Choose for all rows of a group, of which those that have ended leave.

    A draw for a row is a pure function of the seed, the request's key, which of its samples it is, and the position; so
    a text depends on nothing that is written beside it.
    """
    logits = group.logits(batch)
    tokens = logits.argmax(-1) if group.settings.temperature == 0 else _draw(logits, _draws(group))
    if group.settings.draw_log_probabilities:
        _keep_draws(group, logits, tokens)
    logs = (batch.logs if group.rows is None else batch.logs.index_select(0, group.rows)).gather(1, tokens[:, None])
    tokens, logs = tokens.cpu(), logs[:, 0].cpu()
    refuse_not_finite(logs)
    parents = None if group.rows is None else group.rows.cpu()
    scores = (batch.scores if parents is None else batch.scores[parents]) + logs
    rows, events = _left(group, tokens.tolist())
    ended = [row for row, left in enumerate(rows) if not left]
    if ended:
        _end(group, batch, ended, parents, Choice([], None, tokens, logs, scores))
    counts = _leave(group, rows)
    if not ended:
        return Choice(counts, parents, tokens, logs, scores), events
    left = torch.tensor(rows).nonzero()[:, 0]
    return Choice(counts, left if parents is None else parents[left], tokens[left], logs[left], scores[left]), events


def _keep_draws(group: Group, logits: Tensor, tokens: Tensor) -> None:
    """Keep the log-probability that each row's token was drawn with, which is 0 where nothing was drawn."""
    logs = torch.zeros(len(tokens))
    if group.settings.temperature > 0:
        logs = _precise(logits).log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    rows = iter(logs.tolist())
    for running in group.running:
        for number in running.samples:
            running.draws.setdefault(number, []).append(next(rows))


def _left(group: Group, tokens: list[int]) -> tuple[list[bool], list[Event]]:
    """Rows that go on behind their tokens, and what is to be told."""
    rows, events, choices = [], [], iter(tokens)
    for running in group.running:
        request, full = running.request, running.written + 1 >= running.request.max_tokens
        for number in running.samples:
            token = next(choices)
            is_end = token in group.ends
            if not is_end:
                events.append(Event(request, number, token))
            stopped = not is_end and request.stop is not None and request.stop(number, token)
            rows.append(not (is_end or full or stopped))
    return rows, events


def _end(group: Group, batch: DecodingBatch, ended: list[int], parents: Tensor | None, choice: Choice) -> None:
    """Keep the texts of some rows of a group."""
    owners = [(running, number) for running in group.running for number in running.samples]
    at = torch.tensor(ended)
    texts, logs, attention = batch.texts_of(at if parents is None else parents[at])
    for place, row in enumerate(ended):
        running, number = owners[row]
        text, own = [*texts[place], int(choice.tokens[row])], [*logs[place], float(choice.logs[row])]
        count = running.written + 1
        look = None if attention is None else attention[place][-count:]
        running.end(text[-count:], float(choice.scores[row]), own[-count:], look, number)


def _leave(group: Group, rows: list[bool]) -> list[int]:
    """Count one more token of each request, and the rows that it has left."""
    left = iter(rows)
    for running in group.running:
        running.samples = [number for number in running.samples if next(left)]
        running.written += 1
    return [len(running.samples) for running in group.running]


def _draws(group: Group) -> np.ndarray:
    """(rows,) float64, a number from [0, 1) for each row, which decides its next token."""
    states = [running.draw_states[number] for running in group.running for number in running.samples]
    written = group.per_row(running.written for running in group.running)
    return coins(np.array(states, np.uint64), np.array(written))


def _draw(logits: Tensor, draws: np.ndarray) -> Tensor:
    """(rows,) the token in whose share of the probability each draw from [0, 1) lies."""
    cumulated = _precise(logits).softmax(-1).cumsum(-1)
    # A draw just below 1 must not land behind the last token that can be chosen.
    drawn = torch.from_numpy(draws).to(logits.device, cumulated.dtype)[:, None] * cumulated[:, -1:]
    return torch.searchsorted(cumulated, drawn, right=True).clamp_(max=logits.shape[-1] - 1)[:, 0]


def _precise(logits: Tensor) -> Tensor:
    """Logits in float64: float32 would lose the least likely tokens where shares are summed. MPS has nothing better."""
    return logits.float() if logits.device.type == "mps" else logits.double()
