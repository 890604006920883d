"""Whether somebody writes down our operations instead of running them: then they must be ones that everybody knows."""

from __future__ import annotations

import torch


def is_exporting() -> bool:
    """True while a model is turned into an ONNX graph, which knows no operation of our own and no complex numbers."""
    return torch.onnx.is_in_onnx_export()


def is_traced() -> bool:
    """True while a compiler or an exporter follows along; both do better with plain operations than with ours."""
    return torch.compiler.is_compiling() or is_exporting()
