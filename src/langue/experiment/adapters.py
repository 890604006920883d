"""Adapters as they lie in folders: what they are, where their base is, and whole weights in their place."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from langue.console import remark
from langue.errors import LangueError
from langue.evaluation.cost import BRIEFLY
from langue.experiment.card import base_name, write_card
from langue.experiment.cost import cost_between, run_of, size_between
from langue.experiment.run import RunFolder
from langue.hub import PretrainedModel, local, new_folder, save_checkpoint
from langue.hub.peft import ORIGIN
from langue.hub.peft_settings import WEIGHTS as PEFT_WEIGHTS
from langue.hub.peft_settings import PeftSettings, is_peft, read_peft_settings
from langue.hub.weights import read_weights
from langue.metrics.cost import Cost
from langue.models import Base, read_base
from langue.models.build import WEIGHTS, has_adapters, plain, read_config
from langue.recipe import Recipe, write_recipe
from langue.remote import missing_folder
from langue.report import write_cost
from langue.tasks.bases import as_base
from langue.tasks.folders import read_model

BaseState = Literal["there", "another", "gone", "unknown"]
"""A base is where the adapters say, is another model than they stand on, is not there, or has a name alone."""


@dataclass(frozen=True)
class AdapterFacts:
    """The facts of a folder of adapters.

    Attributes:
        path: of the run, or of PEFT's folder.
        kind: lora, rslora or dora.
        rank: of the pairs.
        alpha: their strength.
        on: the parts of the model that have some; of PEFT's the modules.
        parameters: numbers in the folder.
        base: the model that they stand on.
        state: of that.
    """

    path: str
    kind: str
    rank: int
    alpha: float
    on: tuple[str, ...]
    parameters: int
    base: str | None
    state: BaseState

    def as_json(self) -> dict[str, Any]:
        """The same by name."""
        return asdict(self)


def facts_of(path: Path) -> AdapterFacts | None:
    """The facts of a run or of a folder of PEFT's; None where it holds no adapters alone.

    Raises:
        LangueError: a file is damaged.
    """
    if is_peft(path):
        return _facts_of_peft(path, read_peft_settings(path))
    folder = path / "model" if (path / "model").is_dir() else path
    base = read_base(folder)
    if base is None:
        return None
    adapter = read_config(folder).adapter
    if adapter is None:
        raise LangueError(f"{folder} is damaged: it names a base and holds no adapters")
    return AdapterFacts(
        str(path), adapter.kind, adapter.rank, adapter.alpha, adapter.on, _count(folder / WEIGHTS), base.path,
        _state(base),
    )  # fmt: skip


def _facts_of_peft(path: Path, settings: PeftSettings) -> AdapterFacts:
    wanted = settings.target_modules or ()
    on = (wanted,) if isinstance(wanted, str) else tuple(sorted(wanted))
    count, base = _count(path / PEFT_WEIGHTS), settings.base_model_name_or_path
    return AdapterFacts(str(path), settings.kind, settings.r, settings.lora_alpha, on, count, base, "unknown")


def _count(path: Path) -> int:
    return sum(math.prod(place.shape) for place in read_weights(path).values())


def _state(base: Base) -> BaseState:
    """The state of a base, which is read for it."""
    try:
        model = read_model(Path(base.path))[0].model
    except LangueError:
        return "gone"
    return "there" if as_base(Path(base.path), model).sha256 == base.sha256 else "another"


def adapters_at(path: Path) -> list[AdapterFacts]:
    """The adapters in a folder, or all that lie below or beside it, of those beside it such as stand on it.

    Raises:
        LangueError: there is no such folder, or there are none.
    """
    path = local(path)
    if not path.is_dir():
        raise missing_folder(path)
    own = facts_of(path)
    if own is not None:
        return [own]
    beside = [facts for facts in _all_in(path.absolute().parent) if _is_at(facts.base, path)]
    facts = [*_all_in(path), *beside]
    if not facts:
        raise LangueError(f"no adapters lie in {path}, and none beside it stand on it")
    return facts


def _is_at(base: str | None, path: Path) -> bool:
    return base is not None and Path(base).absolute() == path.absolute()


def _all_in(folder: Path) -> Iterator[AdapterFacts]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (facts := facts_of(path)) is not None:
            yield facts


class Merged(NamedTuple):
    """A model whose adapters have become part of it, and what that cost."""

    checkpoint: PretrainedModel
    cost: Cost


def merge(
    run: Path,
    out: Path,
    adapter: Path | None = None,
    *,
    data: str | None = None,
    device: str = "auto",
    seconds: float = BRIEFLY,
) -> Merged:
    """Write whole weights in the place of adapters and their base, as a run folder of its own, and measure both.

    Args:
        run: a run of adapters, or a base.
        out: the folder to make.
        adapter: of a base, the adapters.
        data: that the loss of the base and of the whole model is measured on; by default the run's test or dev data.
        device: where they are measured.
        seconds: of each of both in each of three rounds in which speed is measured.

    Raises:
        LangueError: there are no adapters, the folder is taken, or the data cannot be measured on.
    """
    checkpoint, recipe = read_model(run, adapter=adapter)
    base = checkpoint.model.base
    if base is None or not has_adapters(checkpoint.model):
        raise LangueError(f"{run} has no adapters to merge; name them: --adapter DIR")
    origin = {name: value for name, value in checkpoint.origin.items() if name != ORIGIN}
    whole = replace(checkpoint, model=plain(checkpoint.model), origin=origin)
    adapters = adapter or run
    with new_folder(out) as stage:
        save_checkpoint(whole, stage)
        if recipe is not None:
            _describe(RunFolder(adapters), recipe, RunFolder(stage))
        words = {"steps": [f"merge {base_name(adapters)}"], "device": device, "seconds": seconds}
        cost = _cost_between(Path(base.path), stage, run_of(local(adapters)), data, words)
        if note := write_cost(cost, stage, out.absolute().name):
            remark(note)
        if RunFolder(stage).is_run():
            write_card(RunFolder(stage), out.absolute().name)
    return Merged(whole, cost)


def _cost_between(base: Path, whole: Path, run: Path, data: str | None, words: dict[str, Any]) -> Cost:
    """The cost of merging; without a loss where there are no data, and nobody named any."""
    try:
        return cost_between(base, whole, run=run, measure=data, **words)
    except LangueError:
        if data is not None:
            raise
        remark("no loss was measured: there are no data that the adapters did not learn from; name some: --data FILE")
        return size_between(base, whole, **words)


def _describe(before: RunFolder, recipe: Recipe, after: RunFolder) -> None:
    """Write down how a merged model was trained, as the run of its adapters does."""
    if not before.is_run():
        return
    write_recipe(recipe.replace(adapt=None), after.recipe_file)
    before.copy_held_out(after.path)
    for file in (before.environment_file, before.metrics_file):
        if file.is_file():
            shutil.copyfile(file, after.path / file.name)
