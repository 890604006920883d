"""The table: what is taken where."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import grad

import langue.nn
from cells import cell_of
from langue.kernels import dispatch, dot_product, entropy, norm, products, recurrence, unrolled
from langue.kernels.dispatch import TABLE, Mode, current_mode


def chosen(operation: str, x: torch.Tensor, mode: Mode | None = None) -> list[str]:
    """Names of the ways that are left for a tensor, sizes aside."""
    choices = dispatch._fit(operation, x.device.type, x.dtype, mode or current_mode(x.device.type))
    return [name_of(function) for function, _ in choices]


def name_of(function: Callable[..., object]) -> str:
    return f"{(function.__module__ or 'torch').rpartition('.')[2]}.{function.__name__}"


def first(operation: str, device: str, dtype: torch.dtype, mode: Mode) -> Callable[..., object]:
    return dispatch._fit(operation, device, dtype, mode)[0][0]


X = torch.zeros(2, 3)


def test_every_operation_ends_with_a_way_for_everywhere() -> None:
    for operation, ways in TABLE.items():
        last = ways[-1]
        assert last[1:] == (None,) * 5, operation


def test_ways_of_one_operation_take_the_same_arguments() -> None:
    for operation, ways in TABLE.items():
        functions = [way.function for way in ways if inspect.isfunction(way.function)]
        assert len({tuple(inspect.signature(function).parameters) for function in functions}) == 1, operation


def test_modes() -> None:
    seen = []

    def note(x: torch.Tensor) -> torch.Tensor:
        seen.append(current_mode(x.device.type))
        return x.sum()

    note(X)
    with torch.autocast("cpu", torch.bfloat16):
        note(X)
    grad(note)(X)
    torch.func.vmap(note)(X)
    torch.jit.trace(note, (X,), check_trace=False)
    note(X.to("meta"))
    assert seen == ["eager", "autocast", "transformed", "transformed", "exported", "eager"]


def test_what_transforms_take_is_plain() -> None:
    for operation in TABLE:
        name = chosen(operation, X, "transformed")[0]
        assert "reference" in name or name in ("dropout.by_row", "torch.matmul", "_nn.linear"), (operation, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_norm_by_device_and_precision(dtype: torch.dtype) -> None:
    x = X.to(dtype)
    assert chosen("rms_norm", x)[0] == "norm.fused"
    assert chosen("rms_norm", x, "autocast")[0] == "norm.by_torch"
    assert chosen("rms_norm", x, "compiled")[0] == "norm.by_torch"
    assert first("rms_norm", "cuda", dtype, "eager") is norm.by_torch


def test_onednn_multiplies_fp32_on_a_cpu_alone(library: str) -> None:
    fast = products.by_onednn if library == "oneDNN" else products.reference
    assert first("linear", "cpu", torch.float32, "eager") is fast
    assert first("linear", "cuda", torch.float32, "eager") is products.reference
    assert first("linear", "cpu", torch.float64, "eager") is products.reference
    assert first("linear", "cpu", torch.float32, "autocast") is products.reference
    assert first("linear", "cpu", torch.float32, "compiled") is products.reference


def test_recurrent_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for module, name in ((recurrence, "by_torch"), (recurrence, "packed"), (unrolled, "walk")):
        way = next(way for way in TABLE["recurrent"] if way.function is getattr(module, name))

        def note(*arguments, name=name, function=way.function):
            taken.append(name)
            return function(*arguments)

        ways = tuple(w._replace(function=note) if w is way else w for w in TABLE["recurrent"])
        monkeypatch.setitem(TABLE, "recurrent", ways)
    monkeypatch.setattr(dispatch, "_fitting", {})
    x, valid = torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    for kind, options, rest in (
        (nn.LSTM, {}, (None, None)),
        (nn.GRU, {}, (None, None)),
        (nn.RNN, {"bidirectional": True}, (None, None)),
        (nn.GRU, {}, (valid, None)),
    ):
        dispatch.work_out("recurrent", x, cell_of(kind(4, 4, batch_first=True, **options)), None, *rest)
    assert taken == ["by_torch", "walk", "by_torch", "packed"]


def test_steps_of_decoding_are_written_out() -> None:
    queries = torch.zeros(1, 2, dot_product.FEW, 4)
    assert not dot_product.is_step(queries)
    with torch.no_grad():
        assert dot_product.is_step(queries)
        assert not dot_product.is_step(torch.zeros(1, 2, dot_product.FEW + 1, 4))


def test_large_vocabularies_are_cut_wherever_no_transform_is_at_work() -> None:
    for mode in ("eager", "autocast", "compiled"):
        assert first("cross_entropy", "cpu", torch.float32, mode) is entropy.chunked


def test_layers_ask_for_nothing_that_the_table_knows() -> None:
    folder = Path(langue.nn.__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for question in ("device.type", "is_autocast", "is_compiling", "is_tracing", "in_onnx_export", "is_exporting"):
            assert question not in source, (path.name, question)
