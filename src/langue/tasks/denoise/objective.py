"""Denoising: a text with something amiss in, and what mends it out; how encoder–decoders learn from text alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from langue.batch import Batch, Example, Loss
from langue.models import Model
from langue.objectives.seq2seq import Seq2SeqObjective
from langue.randomness import RowRandomness
from langue.tasks.denoise.settings import DenoiseSettings
from langue.text import Tokenizer
from langue.text.sentences import STOPS

Sides = tuple[np.ndarray, np.ndarray]
"""The tokens that the encoder reads, and those that the decoder is to write."""


class DenoiseObjective:
    """Spoils rows anew each time they come by; what is drawn for a row is a pure function of its number.

    Args:
        tokenizer: says which token ends a text, and which tokens it has.
        settings: what is done to a row.
        start: the token that the decoder begins with.
        smoothing: label smoothing while training.
    """

    def __init__(self, tokenizer: Tokenizer, settings: DenoiseSettings, start: int, smoothing: float = 0.0):
        self.tokenizer, self.settings = tokenizer, settings
        self.pairs = Seq2SeqObjective(start, smoothing)
        self.ends = sentence_ends(tokenizer) if settings.kind == "infill" and settings.permute else None

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        """Rows `ids` (T + 1,) of a token store, whose last token is the first of the next row, become pairs."""
        rows = [np.asarray(example["ids"])[:-1] for example in examples]
        sides = [self.spoil(row, rng[number]) for number, row in enumerate(rows)]
        end = [self.tokenizer.end]
        pairs = [
            {"source": np.concatenate([source, end]), "target": np.concatenate([target, end])}
            for source, target in sides
        ]
        return self.pairs.batch(pairs)

    def spoil(self, ids: np.ndarray, draws: np.random.Generator) -> Sides:
        """Both sides of one row, without the tokens that end them."""
        kind, settings = self.settings.kind, self.settings
        if kind == "spans":
            first = first_sentinel(self.tokenizer, settings)
            return corrupt_spans(ids, draws, settings.resolved_rate, settings.mean_span, first, settings.sentinels)
        if kind == "prefix":
            return cut_in_two(ids, draws)
        spoilt = ids if self.ends is None else permute_sentences(ids, self.ends, draws)
        assert self.tokenizer.mask is not None
        return infill(spoilt, draws, settings.resolved_rate, settings.mean_span, self.tokenizer.mask), ids

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed cross-entropy in nats."""
        return self.pairs.loss(model, batch)


def first_sentinel(tokenizer: Tokenizer, settings: DenoiseSettings) -> int:
    """The number of the first sentinel; the others count down from it, as T5's do.

    They are the tokenizer's own (<extra_id_0> …) where it has some, else numbers above its vocabulary, which no text
    can ever turn into.
    """
    own = tokenizer.engine.token_to_id("<extra_id_0>")
    return tokenizer.vocab_size + settings.sentinels - 1 if own is None else own


def vocabulary(tokenizer: Tokenizer, settings: DenoiseSettings) -> int:
    """Tokens of a model that learns by these settings, sentinels included."""
    own = settings.kind != "spans" or tokenizer.engine.token_to_id("<extra_id_0>") is not None
    return tokenizer.vocab_size + (0 if own else settings.sentinels)


def usual_sides(settings: DenoiseSettings, length: int) -> tuple[int, int]:
    """Tokens of the source and of the target that a row of so many becomes on average, ends included."""
    if settings.kind == "prefix":
        return (length + 1) // 2 + 1, length // 2 + 1
    most = settings.sentinels if settings.kind == "spans" else length
    noise, spans = noise_and_spans(length, settings.resolved_rate, settings.mean_span, most)
    return length - noise + spans + 1, (noise + spans if settings.kind == "spans" else length) + 1


def longest_sides(settings: DenoiseSettings, length: int, rows: int) -> tuple[int, int]:
    """The same of the longest of so many rows."""
    if settings.kind != "prefix":
        return usual_sides(settings, length)
    longest = round(length * rows / (rows + 1)) + 1  # as of so many cuts anywhere between 0 and the length
    return longest, longest


def noise_and_spans(length: int, rate: float, mean_span: float, most: int) -> tuple[int, int]:
    """The count of a row's tokens that are dropped, and of their spans."""
    noise = min(max(round(length * rate), 1), length - 1)
    return noise, min(max(round(noise / mean_span), 1), noise, length - noise, most)


def corrupt_spans(
    ids: np.ndarray, draws: np.random.Generator, rate: float, mean_span: float, first: int, sentinels: int
) -> Sides:
    """T5's span corruption (Raffel et al. 2020, section 3.1.4, and `random_spans_noise_mask` of its code).

    Kept and dropped stretches take turns, a kept one first; each dropped one leaves a sentinel of its own in the
    source, after which the target tells what stood there.
    """
    if len(ids) < 2:
        return ids, np.array([first], np.int64)
    noise, spans = noise_and_spans(len(ids), rate, mean_span, sentinels)
    dropped, kept = _cut_up(noise, spans, draws), _cut_up(len(ids) - noise, spans, draws)
    source: list[np.ndarray] = []
    target: list[np.ndarray] = []
    start = 0
    for number in range(spans):
        middle, end = start + kept[number], start + kept[number] + dropped[number]
        sentinel = np.array([first - number], ids.dtype)
        source += [ids[start:middle], sentinel]
        target += [sentinel, ids[middle:end]]
        start = end
    return np.concatenate(source), np.concatenate(target)


def _cut_up(length: int, parts: int, draws: np.random.Generator) -> np.ndarray:
    """A length as a sum of so many parts of at least 1, all such sums equally likely."""
    cuts = np.sort(draws.choice(length - 1, parts - 1, replace=False)) + 1 if parts > 1 else np.empty(0, np.int64)
    return np.diff(np.concatenate([[0], cuts, [length]]))


def cut_in_two(ids: np.ndarray, draws: np.random.Generator) -> Sides:
    """Prefix language modelling: read the beginning, go on with the rest (Raffel et al. 2020, section 3.3.1)."""
    cut = int(draws.integers(1, max(2, len(ids))))
    return ids[:cut], ids[cut:]


def infill(ids: np.ndarray, draws: np.random.Generator, rate: float, mean_span: float, mask: int) -> np.ndarray:
    """BART's text infilling (Lewis et al. 2020, section 2.2): spans of Poisson lengths become one mask each.

    A span of no tokens puts a mask where nothing was.
    """
    noise = min(round(len(ids) * rate), len(ids) - 1)
    lengths: list[int] = []
    while sum(lengths) < noise:
        lengths.append(min(int(draws.poisson(mean_span)), noise - sum(lengths)))
    kept = len(ids) - noise
    # A span stands in a gap before, between or after the tokens that stay.
    gaps = np.sort(draws.choice(kept + 1, min(len(lengths), kept + 1), replace=False))
    parts: list[np.ndarray] = []
    start = passed = 0
    for gap, length in zip(gaps.tolist(), _gathered(lengths, len(gaps)), strict=True):
        parts += [ids[start : gap + passed], np.array([mask], ids.dtype)]
        passed += length
        start = gap + passed
    return np.concatenate([*parts, ids[start:]])


def _gathered(lengths: Sequence[int], places: int) -> list[int]:
    """Lengths of the same sum; where there are more of them than places, the last ones grow together."""
    return [*lengths[: places - 1], sum(lengths[places - 1 :])] if places else []


def permute_sentences(ids: np.ndarray, ends: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The sentences of a row in another order (Lewis et al. 2020, section 2.2).

    Args:
        ids: the row.
        ends: (vocabulary,) bool, which tokens end a sentence.
        draws: for the order.
    """
    sentences = np.split(ids, np.flatnonzero(ends[ids]) + 1)
    order = draws.permutation(len(sentences))
    return np.concatenate([sentences[number] for number in order])


def sentence_ends(tokenizer: Tokenizer) -> np.ndarray:
    """(vocabulary,) bool: whether a token ends a sentence, or a document."""
    ends = np.zeros(tokenizer.vocab_size, bool)
    names: Mapping[str, int] = tokenizer.engine.get_vocab(with_added_tokens=True)
    for number in names.values():
        ends[number] = tokenizer.decode([number]).rstrip(" ").endswith((*STOPS, "\n"))
    ends[tokenizer.end] = True
    return ends
