"""Bounds of a tokenizer's file, which is small and yet could make a text grow beyond any memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Engine

from langue.errors import LangueError

LONGEST_TEXT = 1000
"""Characters of what is put for a stretch of a text, before it or behind it; the longest that is published has 3."""

LONGEST_FRAME = 100
"""Tokens around a text."""

LARGEST_NUMBER = 1 << 24
"""The largest number of a token. The largest vocabulary that is published has a quarter of a million; the engine keeps
a place for each number below the largest."""

_PUT = {"Replace": "content", "Prepend": "prepend", "Append": "append"}
"""Steps that put text of their own, by the field that says which."""


_CLASS = re.compile(r"\\[pP]\{[^}]*\}|\\[^\d]|\[(?:\\.|\[:[^]]*:\]|[^]\\])*\]", re.DOTALL)
"""Parts of a pattern that stand for one character, whatever is in them."""

_RUNS_AWAY = re.compile(r"\)[*+{]|\\[1-9k]|(?:[^|]*?[*+,]){3}")
"""A group that is repeated, what a group has matched, or three repetitions in succession: without any of them, how long
a match takes grows with the square of the text at most."""


def check_numbers(numbers: Mapping[str, int]) -> None:
    """Look at the numbers of all tokens, before a list of as many is made.

    Raises:
        LangueError: one of them is out of all proportion.
    """
    name = max(numbers, key=lambda token: numbers[token], default="")
    if numbers.get(name, 0) > LARGEST_NUMBER:
        raise LangueError(f"the tokenizer is hostile or damaged: its token {name!r:.60} has the number {numbers[name]}")


def check_engine(engine: Engine, path: Path) -> None:
    """Look through what the engine of a `tokenizer.json` does to a text, before it does it to one.

    Raises:
        LangueError: a step of it puts more into a text than any tokenizer does.
    """
    for part in (engine.normalizer, engine.pre_tokenizer, engine.decoder):
        for step in steps(part):
            put = step.get(_PUT.get(str(step.get("type")), ""))
            if isinstance(put, str) and len(put) > LONGEST_TEXT:
                fault = f"its {step['type']} would put {len(put):,} characters into a text at once"
                raise LangueError(f"{path} is hostile or damaged: {fault}")
    for processor in steps(engine.post_processor):
        tokens = processor.get("special_tokens")
        numbers = [len(token["ids"]) for token in tokens.values()] if isinstance(tokens, dict) else []
        pieces = [len(processor.get(name) or ()) for name in ("single", "pair")]
        if max([*numbers, *pieces, 0]) > LONGEST_FRAME:
            raise LangueError(f"{path} is hostile or damaged: it would put over {LONGEST_FRAME} tokens around a text")


def may_run_away(engine: Engine) -> bool:
    """True for an engine with a pattern that may search beyond the bound at which its library gives up, and panics."""
    parts = (engine.normalizer, engine.pre_tokenizer, engine.decoder)
    patterns = (step.get("pattern") for part in parts for step in steps(part))
    expressions = (pattern["Regex"] for pattern in patterns if isinstance(pattern, dict) and "Regex" in pattern)
    return any(_RUNS_AWAY.search(_CLASS.sub("x", pattern)) for pattern in expressions)


def steps(part: Any) -> Iterator[dict[str, Any]]:
    """The settings of a part of an engine, and of all parts that it is made of, in their order; none of None."""
    if part is not None:
        yield from _unfolded(json.loads(part.__getstate__()))


def _unfolded(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for name in ("normalizers", "pretokenizers", "decoders", "processors"):
        for inner in step.get(name) or ():
            yield from _unfolded(inner)
