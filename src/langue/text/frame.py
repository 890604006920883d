"""The frame of texts: the special tokens before, between and after one text or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenizers import Tokenizer as Engine

from langue.text.hostile import steps

Piece = tuple[int | Literal["A", "B"], int]
"""A special token, or the first or second text, and the segment that it belongs to."""


@dataclass(frozen=True)
class Frame:
    """The special tokens around texts.

    Attributes:
        single: the pieces of one text.
        pair: the pieces of two.
    """

    single: tuple[Piece, ...] = (("A", 0),)
    pair: tuple[Piece, ...] = (("A", 0), ("B", 1))

    def around(self) -> tuple[list[int], list[int]]:
        """The tokens that stand before one text, and those behind it."""
        names = [what for what, _ in self.single]
        if "A" not in names:
            return [], []
        place = names.index("A")
        before, after = ([what for what in part if isinstance(what, int)] for part in (names[:place], names[place:]))
        return before, after

    def fill(self, first: Sequence[int], second: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """The framed tokens, and the segment of each: 0 for the first text, 1 for the second, where they are told
        apart."""
        texts = {"A": first, "B": second or ()}
        ids: list[int] = []
        segments: list[int] = []
        for what, segment in self.single if second is None else self.pair:
            tokens = [what] if isinstance(what, int) else texts[what]
            ids += tokens
            segments += [segment] * len(tokens)
        return ids, segments


def classic_frame(start: int, separator: int, between: int = 1, second: int = 1) -> Frame:
    """BERT's frame: start A separator, or start A separator B separator (Devlin et al. 2019, figure 2).

    Args:
        start: the token before everything.
        separator: the token after each text.
        between: how many separators stand between two texts; RoBERTa has 2.
        second: the segment of the second text; RoBERTa tells none apart.
    """
    single: tuple[Piece, ...] = ((start, 0), ("A", 0), (separator, 0))
    return Frame(single, (*single, *[(separator, second)] * (between - 1), ("B", second), (separator, second)))


def read_frame(engine: Engine) -> Frame | None:
    """The frame that an engine's own post-processor makes, or None where it has none."""
    frames = (_read(processor) for processor in steps(engine.post_processor))
    return next((frame for frame in frames if frame is not None), None)


def _read(processor: dict[str, Any]) -> Frame | None:
    kind = processor["type"]
    if kind == "BertProcessing":
        return classic_frame(processor["cls"][1], processor["sep"][1])
    if kind == "RobertaProcessing":
        return classic_frame(processor["cls"][1], processor["sep"][1], between=2, second=0)
    if kind == "TemplateProcessing":
        return Frame(_pieces(processor, "single"), _pieces(processor, "pair"))
    return None


def _pieces(template: dict[str, Any], name: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for part in template[name]:
        if "Sequence" in part:
            pieces.append((part["Sequence"]["id"], part["Sequence"]["type_id"]))
        else:
            token = part["SpecialToken"]
            numbers = template["special_tokens"][token["id"]]["ids"]
            pieces += [(number, token["type_id"]) for number in numbers]
    return tuple(pieces)
