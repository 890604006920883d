"""The choice among several ways of working out the same thing: by device, by numbers, and by who follows along.

Layers say what they want, such as `kernels.rms_norm(x, weight, epsilon)`; which code does it is decided here, by the
table in `langue.kernels.table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

Mode = Literal["eager", "autocast", "compiled", "exported", "transformed"]
"""The observer of operations beside the processor that runs them; the first of these that holds:

- "exported": torch's tracer writes them down for an ONNX graph, which knows no operation of our own and no complex
  numbers;
- "compiled": torch.compile or torch.export follows along, and makes better code of plain operations than ours is;
- "transformed": `torch.func` (grad, vmap, jvp, …) batches and differentiates them, and knows the rules of torch's own;
- "autocast": torch chooses the precision of each;
- "eager": nobody.
"""


class Way(NamedTuple):
    """One way of working an operation out, and where it may be taken; None stands for everywhere.

    Attributes:
        function: takes the operation's arguments.
        devices: such as "cpu".
        dtypes: of the operation's first argument.
        modes: see `Mode`.
        machine: whether it may be taken on this machine, which never changes.
        when: from the operation's arguments, whether it may be taken: sizes, strides, kinds.
    """

    function: Callable[..., Any]
    devices: tuple[str, ...] | None = None
    dtypes: tuple[torch.dtype, ...] | None = None
    modes: tuple[Mode, ...] | None = None
    machine: Callable[[], bool] | None = None
    when: Callable[..., bool] | None = None


TABLE: dict[str, tuple[Way, ...]] = {}
"""The ways of each operation, the fastest first; the last may be taken everywhere. Filled by `langue.kernels.table`."""

_Choice = tuple[Callable[..., Any], Callable[..., bool] | None]

_fitting: dict[tuple[str, str, torch.dtype, Mode], tuple[_Choice, ...]] = {}
"""Functions, and their `when`, that are left by a device, its numbers and a mode: kept, since every layer asks."""


def work_out(operation: str, x: Tensor, *rest: Any) -> Any:
    """Call the first way of an operation that fits its first argument's device and numbers, the mode, and the sizes.

    Beside the operation itself that takes one or two microseconds.
    """
    return choose(operation, x, *rest)(x, *rest)


def choose(operation: str, x: Tensor, *rest: Any) -> Callable[..., Any]:
    """The function that `work_out` calls, for loops that call it often."""
    device = "cpu" if x.is_cpu else x.device.type
    mode = current_mode(device)
    # A compiler would have to watch over what is kept.
    choices = None if mode == "compiled" else _fitting.get((operation, device, x.dtype, mode))
    if choices is None:
        choices = _fit(operation, device, x.dtype, mode)
    for function, when in choices:
        if when is None or when(x, *rest):
            return function
    raise AssertionError(f"the last way of {operation} fits everywhere")


def _fit(operation: str, device: str, dtype: torch.dtype, mode: Mode) -> tuple[_Choice, ...]:
    choices = tuple(
        (way.function, way.when)
        for way in TABLE[operation]
        if (way.devices is None or device in way.devices)
        and (way.dtypes is None or dtype in way.dtypes)
        and (way.modes is None or mode in way.modes)
        and (way.machine is None or way.machine())
    )
    if mode != "compiled":
        _fitting[operation, device, dtype, mode] = choices
    return choices


def current_mode(device: str) -> Mode:
    """The mode at the moment, of operations on a device."""
    if torch.compiler.is_compiling():
        return "compiled"
    if torch._C._is_tracing():  # as it is in an export; to ask for that itself takes twenty times as long
        return "exported"
    if torch._C._are_functorch_transforms_active():
        return "transformed"
    if torch.is_autocast_enabled("cpu" if device == "meta" else device):
        return "autocast"
    return "eager"
