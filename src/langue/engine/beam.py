"""Beam search of many requests at once: follow the likeliest few beginnings of each, until nothing better can come.

Log-probabilities only fall, so once enough ended hypotheses beat the best rank that any live one could reach, a request
is done: what was found for it is what searching on would have found.
"""

from __future__ import annotations

import torch
from torch import Tensor

from langue.engine.batch import DecodingBatch
from langue.engine.constraints import Constraint, constrained, with_wanted
from langue.engine.continuations import Chosen, Continuations, Step, best_tokens, diverse, likeliest
from langue.engine.group import Choice, Group, Running
from langue.engine.hypothesis import length_norm
from langue.models.finite import refuse_not_finite


def search(group: Group, batch: DecodingBatch) -> Choice:
    """Extend every live beginning by every token, and choose the best; requests that are done leave."""
    step = _choose(group, _continuations(group, batch))
    for running in group.running:
        running.written += 1
    done = _note(group, batch, step)
    return _follow(group, batch, step.live, torch.tensor([running not in done for running in group.running]))


def _constraints(group: Group) -> list[Constraint]:
    return [running.constraint for running in group.running if running.constraint is not None]


def _rows(group: Group, batch: DecodingBatch) -> Tensor:
    """(P, W) the batch's rows of each request."""
    rows = torch.arange(len(batch)) if group.rows is None else group.rows.cpu()
    return rows.view(len(group.running), -1)


def _continuations(group: Group, batch: DecodingBatch) -> Continuations:
    """The likeliest ways to go on: of each hypothesis as many more than beams as there are ways to end."""
    rows, logits = _rows(group, batch), group.logits(batch)
    values, tokens = best_tokens(logits, group.settings.beams + len(group.ends))
    if constraints := _constraints(group):
        tokens = with_wanted(tokens, [row for constraint in constraints for row in constraint.wanted()])
        values = logits.gather(1, tokens)
    logs = values.cpu().view(*rows.shape, -1)
    refuse_not_finite(logs)
    return Continuations(tokens.cpu().view(logs.shape), logs, batch.scores[rows][:, :, None] + logs.double())


def _choose(group: Group, ways: Continuations) -> Step:
    settings = group.settings
    if constraints := _constraints(group):
        return constrained(constraints, ways)
    if settings.groups > 1:
        return diverse(ways, settings.beams, settings.groups, settings.diversity, group.ends)
    return likeliest(ways, settings.beams, group.ends)


def _note(group: Group, batch: DecodingBatch, step: Step) -> set[Running]:
    """Keep what ends here, and find out which requests are done."""
    full = torch.tensor([running.written >= running.request.max_tokens for running in group.running])
    _keep(group, batch, step.ended, step.ended.totals.isfinite() & ~full[:, None])
    if bool(full.any()):
        _keep(group, batch, step.last, step.last.totals.isfinite() & full[:, None])
    best = step.live.totals.amax(1).tolist()
    return {
        running
        for running, is_full, total in zip(group.running, full.tolist(), best, strict=True)
        if is_full or _is_over(running, total)
    }


def _keep(group: Group, batch: DecodingBatch, chosen: Chosen, which: Tensor) -> None:
    """Make hypotheses of some of what was chosen, (P, N) bool."""
    places, columns = which.nonzero(as_tuple=True)
    if not len(places):
        return
    rows = _rows(group, batch)[places, chosen.parents[places, columns]]
    texts, written, attention = batch.texts_of(rows)
    tokens, logs, scores = (part[places, columns].tolist() for part in (chosen.tokens, chosen.logs, chosen.totals))
    for row, place in enumerate(places.tolist()):
        running = group.running[place]
        count = running.written
        text, own = [*texts[row], tokens[row]][-count:], [*written[row], logs[row]][-count:]
        running.end(text, scores[row], own, None if attention is None else attention[row][-count:], None)


def _is_over(running: Running, best: float) -> bool:
    """True if a request is done, the best of whose live hypotheses has this log-probability."""
    settings, ended = running.request.settings, running.ended
    if best == float("-inf"):
        return True
    wanted = settings.samples if settings.stopping == "exact" else settings.beams
    if len(ended) < wanted or settings.stopping == "early":
        return len(ended) >= wanted
    length = running.request.max_tokens if settings.stopping == "exact" else running.written
    return ended[wanted - 1][1].rank >= best / length_norm(length, settings)


def _follow(group: Group, batch: DecodingBatch, chosen: Chosen, keep: Tensor) -> Choice:
    """Go on with what was chosen for the requests (P,) bool that are not done."""
    if _constraints(group):
        for running, parents, tokens in zip(
            group.running, chosen.parents.tolist(), chosen.tokens.tolist(), strict=True
        ):
            assert running.constraint is not None
            running.constraint.follow(parents, tokens)
    rows = _rows(group, batch).gather(1, chosen.parents)
    counts = (keep * rows.shape[1]).tolist()
    return Choice(counts, *(part[keep].flatten() for part in (rows, chosen.tokens, chosen.logs, chosen.totals)))
