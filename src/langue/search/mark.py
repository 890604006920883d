"""The sentence of a passage that matched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from langue.search.collector import Collector
from langue.search.embedder import TextEmbedder
from langue.search.vectors import unit
from langue.search.words import Analyzer
from langue.text.sentences import Span, sentences


def best_sentences(
    texts: Sequence[str],
    query: str,
    words: Analyzer,
    vector: np.ndarray | None = None,
    model: TextEmbedder | None = None,
) -> list[Span]:
    """Start and end of the sentence of each text that is nearest to a query, in characters.

    Args:
        texts: passages.
        query: what was asked; where there is no vector, BM25 among the sentences decides.
        words: the words of a text as the index counts them.
        vector: the query's, of length 1.
        model: what made it, and will encode the sentences.
    """
    if not texts:
        return []
    spans = [sentences(text) for text in texts]
    single = [text[start:end] for text, inside in zip(texts, spans, strict=True) for start, end in inside]
    if vector is not None and model is not None and single:
        scores = unit(model.embed(single, prompt="document")) @ vector
    else:
        collector = Collector()
        for number, text in enumerate(single):
            collector.add(number, words(text))
        scores = collector.finish().scores(words(query))
    parts = np.split(scores, np.cumsum([len(inside) for inside in spans])[:-1])
    return [inside[int(part.argmax())] if inside else (0, 0) for inside, part in zip(spans, parts, strict=True)]
