"""Languages of texts, by their letters (langid.py, Lui and Baldwin 2012, by the extra `clean`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from langue.errors import LangueError
from langue.extra import need

SHORTEST = 20
"""Characters of the shortest text whose language is guessed."""


def languages_of(texts: Iterable[str]) -> dict[str, float] | None:
    """The share of each language by its code, the most frequent first; None where nothing that tells them is installed.

    Texts of less than `SHORTEST` characters are left out, since they say too little.
    """
    try:
        model = _identifier()
    except LangueError:
        return None
    counts = Counter(model.classify(text)[0] for text in texts if len(text.strip()) >= SHORTEST)
    return {code: round(count / counts.total(), 4) for code, count in counts.most_common()}


@cache
def _identifier() -> Any:
    return need("py3langid", "clean", "telling languages apart")
