"""A model's attention over a sentence: one map for each layer and head, as a page or as a picture."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.image
import numpy as np

from langue.files import write_text
from langue.report.figure import new_grid, plain, save_as
from langue.report.page import render
from langue.report.palette import day

_UNSEEN = re.compile(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
"""The characters that XML cannot hold."""
LABELS = 40
"""Tokens at most that are named along a picture's edges; more would not be legible."""


@dataclass(frozen=True)
class AttentionMaps:
    """Attention weights over a text or between two.

    Attributes:
        name: the model's name.
        tokens: the texts of the T tokens that attend.
        targets: the texts of the S tokens that are attended to; the same unless a decoder attends to its source.
        layers: for each layer with attention (heads, T, S) weights between 0 and 1, each row's sum 1.
        numbers: of these layers, the first of a model being 1; None when all layers have attention.
    """

    name: str
    tokens: Sequence[str]
    targets: Sequence[str]
    layers: Sequence[np.ndarray]
    numbers: Sequence[int] | None = None

    @property
    def numbered(self) -> list[tuple[int, np.ndarray]]:
        """The layers with their numbers."""
        return list(zip(self.numbers or range(1, len(self.layers) + 1), self.layers, strict=True))

    @property
    def is_pair(self) -> bool:
        """True where one text looks at another."""
        return list(self.tokens) != list(self.targets)

    @property
    def mean(self) -> np.ndarray:
        """(T, S) mean over layers and heads: of a pair, how its texts are aligned."""
        return np.mean([heads.mean(0) for heads in self.layers], 0)

    @property
    def has_alignment(self) -> bool:
        """True where the mean says more of a pair than the only map does."""
        return self.is_pair and sum(len(heads) for heads in self.layers) > 1


def attention_page(maps: AttentionMaps) -> str:
    """A page on which a tap on a token shows what it looks at, in each head."""
    layers = [
        [
            {"layer": layer, "head": head + 1, "map": _map(weights), "weights": _packed(weights)}
            for head, weights in enumerate(heads)
        ]
        for layer, heads in maps.numbered
    ]
    return render(
        "attention.html",
        title=f"What {maps.name} looks at",
        tokens=[visible(token) for token in maps.tokens],
        targets=[visible(token) for token in maps.targets],
        same=not maps.is_pair,
        layers=layers,
        mean=_packed(maps.mean),
        alignment=_map(maps.mean) if maps.has_alignment else None,
        chosen=len(maps.tokens) - 1,
    )


def write_attention(maps: AttentionMaps, path: Path) -> None:
    """Write the page or the picture that the file's ending asks for: .html, .svg or .png."""
    if path.suffix == ".html":
        write_text(path, attention_page(maps))
        return
    drawn = [[(f"layer {n}, head {h}", weights) for h, weights in enumerate(heads, 1)] for n, heads in maps.numbered]
    if maps.has_alignment:
        drawn.insert(0, [("alignment: mean of all", maps.mean)])
    rows, columns = len(drawn), max(map(len, drawn))
    figure, grid = new_grid(1.7 * columns + 0.9, 1.7 * rows + 0.9, rows, columns)
    for row, pictures in enumerate(drawn):
        for column, axes in enumerate(grid[row]):
            if column >= len(pictures):
                axes.set_axis_off()
                continue
            title, weights = pictures[column]
            axes.imshow(_coloured(weights), aspect="auto", interpolation="nearest")
            axes.grid(False)
            axes.set_title(title, fontsize=8, color=day("muted"), loc="left")
            _name(axes.set_xticks, maps.targets if row == rows - 1 else [], rotation=90)
            _name(axes.set_yticks, maps.tokens if column == 0 else [])
    save_as(figure, path, f"Attention of {maps.name}, one map for each layer and head")


def _name(set_ticks, tokens: Sequence[str], **options) -> None:
    shown = tokens if len(tokens) <= LABELS else []
    size = 7 if len(shown) <= 20 else 5
    set_ticks(range(len(shown)), [plain(visible(token)) for token in shown], fontsize=size, **options)


def visible(token: str) -> str:
    """A token's text with its blanks made visible, and without what no page may hold."""
    shown = token.replace("\n", "↵").replace("\t", "⇥").replace(" ", "·") or "∅"
    return _UNSEEN.sub(lambda match: f"<0x{ord(match[0]):02X}>", shown)


def _coloured(weights: np.ndarray) -> np.ndarray:
    """(T, S, 4): one colour, whose opacity is the weight's root, so that small weights are seen by day and by night."""
    red, green, blue = (int(day("dev")[place : place + 2], 16) / 255 for place in (1, 3, 5))
    image = np.empty((*weights.shape, 4))
    image[..., :3] = red, green, blue
    image[..., 3] = np.sqrt(weights)
    return image


def _map(weights: np.ndarray) -> str:
    """The map as a PNG in a data address, one pixel for each pair."""
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, _coloured(weights), format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _packed(weights: np.ndarray) -> str:
    """Weights as bytes, 255 for 1, in base64."""
    return base64.b64encode(np.rint(255 * weights).astype(np.uint8).tobytes()).decode()
