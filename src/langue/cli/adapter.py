"""`langue adapter`: adapters in folders, and whole weights in their place."""

from __future__ import annotations

from pathlib import Path

from langue.cli.inputs import json_line
from langue.cli.options import Adapter, Device, Json


def list_(folder: Path, /, *, as_json: Json = False) -> None:
    """Tell which adapters lie in a folder: their kind, rank, strength, parts and parameters, and where their base is.

    Each base is read, and its fingerprint compared with that which the adapters know.

    Args:
        folder: A run of adapters, a folder of PEFT's, a folder of such, or a base beside which they lie.
        as_json: Print one JSON object for each.
    """
    from langue.console import table
    from langue.experiment.adapters import adapters_at

    adapters = adapters_at(folder)
    if as_json:
        for facts in adapters:
            print(json_line(facts.as_json()))
        return
    rows = [
        [Path(facts.path).name, facts.kind, f"{facts.rank}", f"{facts.alpha:g}", ", ".join(facts.on),
         f"{facts.parameters:,}", f"{facts.base or ''}\n{_STATES[facts.state]}"]
        for facts in adapters
    ]  # fmt: skip
    table("adapters", ["", "kind", "rank", "alpha", "on", "parameters", "base"], rows)


_STATES = {
    "there": "is there",
    "another": "is another model",
    "gone": "is gone",
    "unknown": "is known by name alone",
}


def merge(
    run: Path, /, *, out: Path, adapter: Adapter = None, data: str | None = None, device: Device = "auto"
) -> None:
    """Write whole weights in the place of adapters: a run folder that every verb takes, without its base.

    Base and whole model are measured side by side: cost.html in OUT.

    Args:
        run: A run of adapters; or their base, with --adapter.
        out: The folder to make.
        data: Data that the loss before and after is measured on; by default the run's test data, or its dev data.
    """
    from langue.cli.shrink import show
    from langue.console import say
    from langue.experiment.adapters import merge
    from langue.models.count import numbers_of

    checkpoint, cost = merge(run, out, adapter, data=data, device=device)
    say(f"{out}: {numbers_of(checkpoint.model):,} parameters, adapters merged")
    show(cost, out)
