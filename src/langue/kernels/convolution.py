"""The convolution of each number of a vector by itself along a text, as a Conformer has it.

`x` is (B, T, width), `weight` (width, size); each position sees `before` = size − 1 − `after` positions on its left and
`after` on its right.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.segments import ordinals, segments


def along(x: Tensor, weight: Tensor) -> Tensor:
    """Convolution of whole rows with what stands around them: (B, before + T + after, width) to (B, T, width).

    As a picture one pixel high whose colours come last, which is how x lies in memory: oneDNN has a kernel for that,
    several times as fast as any for (B, width, T).
    """
    picture = x.transpose(1, 2)[:, :, None]
    return F.conv2d(picture, weight[:, None, None], groups=len(weight))[:, :, 0].transpose(1, 2)


def apart_reference(x: Tensor, weight: Tensor, after: int, valid: Tensor | None, documents: Tensor) -> Tensor:
    """Convolution of each document by itself, with silence around it, by adding up what its own neighbours give.

    Args:
        x: (B, T, width).
        weight: (width, size), of which `after` positions are on the right.
        after: positions on the right.
        valid: (B, T) bool, False on padding; None when nothing is padding.
        documents: (B, T) int64.
    """
    size, length = weight.shape[1], x.shape[1]
    before = size - 1 - after
    numbers = ordinals(documents)
    if valid is not None:
        x = x * valid[..., None]
    wide, owner = F.pad(x, (0, 0, before, after)), F.pad(numbers, (before, after), value=-1)
    seen = [(owner[:, k : k + length] == numbers)[..., None] for k in range(size)]
    return sum((wide[:, k : k + length] * seen[k] * weight[:, k] for k in range(size)), torch.zeros_like(x))


def apart(x: Tensor, weight: Tensor, after: int, valid: Tensor | None, documents: Tensor) -> Tensor:
    """The same by cutting documents out and laying them side by side."""
    index, lengths, _ = segments(x, valid, documents)
    real = torch.arange(index.shape[1], device=x.device) < lengths[:, None]
    flat = x.flatten(0, 1)
    wide = F.pad(flat[index] * real[..., None], (0, 0, weight.shape[1] - 1 - after, after))
    return torch.zeros_like(flat).index_copy(0, index[real], along(wide, weight)[real]).view_as(x)
