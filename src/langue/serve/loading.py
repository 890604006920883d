"""Loading of what a server serves: models and their adapters, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from langue.allocator import give_back_now
from langue.errors import LangueError
from langue.models import Model
from langue.remote import bare
from langue.search.index import Index
from langue.search.rerank import load_reranker
from langue.serve.calls import verbs_of
from langue.serve.lanes import CallLane, WritingLane
from langue.serve.models import ROUTES, ServedModel, ServedModels
from langue.serve.searching import ServedIndex, searches
from langue.serve.settings import ServeSettings
from langue.serve.worker import Worker
from langue.tasks.folders import Bits
from langue.tasks.generate.predict import Generate

WRITERS = ("generate", "translate", "summarize")
"""Tasks whose models write token by token."""

QUERIES_TOGETHER = 8
"""Queries that are one call of an index."""

RECORDINGS_TOGETHER = 4
"""Recordings that are one call."""

_NAMED = re.compile(r"([\w.:-]+)=(.+)")


def named(source: str) -> tuple[str, str]:
    """The name and the path of NAME=PATH, or of a path whose folder is its name."""
    match = _NAMED.fullmatch(source)
    if match is not None and not Path(source).exists():
        return match[1], match[2]
    path = Path(bare(source))
    name = path.name if path.name not in ("", "..") else path.resolve().name
    return name.removesuffix(".gguf"), source


def load_models(
    runs: Sequence[str],
    adapters: Sequence[str],
    worker: Worker,
    settings: ServeSettings,
    device: str = "auto",
    weights: Bits = "widen",
    drafts: Sequence[str] = (),
) -> ServedModels:
    """Load models, and let the worker own them.

    Args:
        runs: paths, or NAME=PATH.
        adapters: NAME=PATH, or BASE:NAME=PATH where there are several models.
        worker: their owner.
        settings: of the server.
        device: of all.
        weights: the fate of weights in few bits, see `langue.load`.
        drafts: MODEL=PATH of small models that propose tokens.

    Raises:
        LangueError: two have one name, one cannot be loaded, or is for a task that has no route.
    """
    from langue.tasks import load

    places: list[tuple[str, str, str | None]] = [(name, path, None) for name, path in map(named, runs)]
    bases = {name: path for name, path, _ in places}
    for adapter in adapters:
        name, path = named(adapter)
        base, name = name.rsplit(":", 1) if ":" in name else (_only(bases, adapter), name)
        if base not in bases:
            raise LangueError(f"--adapter {adapter}: there is no model {base} among those served")
        places.append((f"{base}:{name}", bases[base], path))
    names = [name for name, _, _ in places]
    for name in names:
        if names.count(name) > 1:
            raise LangueError(f"two models are called {name}; name one of them otherwise, as NAME={bases[name]}")
    tasks: dict[str, Any] = {}
    for name, path, own in places:
        tasks[name] = load(path, device, adapter=own, weights=weights)
        if own is not None:
            share_weights(tasks[name].model, tasks[name.split(":")[0]].model)
    proposing = _drafts(drafts, names, device)
    give_back_now()  # what was read beside what is held
    return ServedModels([serve(name, task, worker, settings, proposing.get(name)) for name, task in tasks.items()])


@torch.no_grad()
def share_weights(adapted: Model, base: Model) -> None:
    """Let a model with adapters hold the tensors of its base that are its own as well, so that they are there once."""
    parameters = dict(base.named_parameters())
    for name, parameter in adapted.named_parameters():
        other = parameters.get(name.replace(".base.", "."))
        if other is not None and other.dtype == parameter.dtype and torch.equal(other, parameter):
            parameter.data = other.data


def _drafts(drafts: Sequence[str], names: Sequence[str], device: str) -> dict[str, Generate]:
    """Small models by the names of those that they propose tokens for."""
    from langue.tasks import load

    places = dict(map(named, drafts))
    for name, path in places.items():
        if name not in names:
            raise LangueError(f"--draft {name}={path}: there is no model {name} among those served")
    return {name: load(path, device, task="generate") for name, path in places.items()}


def _only(bases: dict[str, str], adapter: str) -> str:
    if len(bases) > 1:
        raise LangueError(f"--adapter {adapter}: say which model it is for: --adapter {next(iter(bases))}:{adapter}")
    return next(iter(bases))


def serve(name: str, task: Any, worker: Worker, settings: ServeSettings, draft: Generate | None = None) -> ServedModel:
    """A model under its name, with lanes of the worker's.

    Args:
        name: of the model.
        task: what `langue.load` gives of it.
        worker: its owner.
        settings: of the server.
        draft: a small model that proposes tokens.

    Raises:
        LangueError: there is no route for its task, or the draft has other tokens.
    """
    if task.name not in ROUTES:
        raise LangueError(f"{name} was made to {task.name}, which no route is for; routes are for {', '.join(ROUTES)}")
    if task.name == "classify":
        load_reranker(task)
    writes = task.name in WRITERS
    models = getattr(task, "models", None) or [task.model]
    if draft is not None and (not writes or draft.tokenizer.fingerprint != task.tokenizer.fingerprint):
        raise LangueError(f"the draft of {name} has another tokenizer, or nothing to propose; leave out --draft")
    small = None if draft is None else draft.model
    writing = WritingLane(models, settings, worker.deliver, worker.counts, small) if writes else None
    together = RECORDINGS_TOGETHER if task.name == "transcribe" else settings.inputs_together
    calling = CallLane(verbs_of(task), together, worker.deliver, worker.breathe)
    worker.lanes += [lane for lane in (writing, calling) if lane is not None]
    return ServedModel(name, task, calling if writing is None else writing, calling)


def load_indices(
    sources: Sequence[str], models: ServedModels, worker: Worker, device: str = "auto"
) -> dict[str, ServedIndex]:
    """Open indices, by the models that are served where they were made by one of them.

    Args:
        sources: paths, or NAME=PATH.
        models: that are served.
        worker: the owner of all.
        device: of the others.

    Raises:
        LangueError: two have one name, or one cannot be opened.
    """
    embedders = (
        {model.task.fingerprint: model.task for model in models if model.task.name == "embed"} if sources else {}
    )
    indices: dict[str, ServedIndex] = {}
    for name, path in map(named, sources):
        if name in indices:
            raise LangueError(f"two indices are called {name}; name one of them otherwise, as NAME={path}")
        index = Index.open(path, device=device)
        record = index.manifest.model
        if record is not None:
            index = Index.open(path, embedders.get(record.fingerprint), device)
            index.encode("a")  # loads its model before the first request
        lane = CallLane(searches(index), QUERIES_TOGETHER, worker.deliver, worker.breathe)
        worker.lanes.append(lane)
        indices[name] = ServedIndex(name, index, lane)
    return indices
