"""Words of a Whisper with their times (Whisper's own code, `timing.py`)."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from langue.batch import Batch
from langue.models import Model
from langue.models.seq2seq import Seq2Seq
from langue.nn.state import EncoderOutput
from langue.tasks.transcribe.alignment import token_positions
from langue.text.whisper_tokens import TICKS, WhisperTokens

UNSPACED = {"zh", "ja", "th", "lo", "my", "yue"}
"""Languages that put no spaces between words."""

LEADING, TRAILING = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Signs that belong to the word behind them, and to the one before them."""

ENDS = ".。!！?？"
"""Signs that end a sentence."""

LONGEST_HALF = 0.7
"""Seconds that half of a window's words may last, at most, for judging the others."""


@dataclass(frozen=True)
class TimedWord:
    """A word in a window.

    Attributes:
        text: as it is written, with a space before it where there is one.
        place: of its first token in the window's text.
        start: seconds.
        end: seconds.
        probability: mean of its tokens'.
    """

    text: str
    place: int
    start: float
    end: float
    probability: float


def heads_of(model: Model) -> Sequence[tuple[int, int]]:
    """(block, head) of those that look at what they write: as published with the model, or all of the later half."""
    config = model.config
    if config.audio is not None and config.audio.alignment_heads:
        return config.audio.alignment_heads
    crosses = [spec.cross for spec in config.layer_specs if spec.cross is not None]
    later = range(len(crosses) // 2, len(crosses))
    return [(block, head) for block in later for head in range(crosses[block].heads)]


@torch.inference_mode()
def window_words(
    model: Seq2Seq,
    whisper_tokens: WhisperTokens,
    beginning: Sequence[int],
    tokens: Sequence[int],
    memory: EncoderOutput,
    positions: int,
    language: str,
) -> tuple[list[TimedWord], float]:
    """The words of a window's text with their times, in their order, and `usual_length` of them.

    Args:
        model: a Whisper.
        whisper_tokens: its tokens.
        beginning: what stands before a text.
        tokens: of the text, without times.
        memory: the window as its encoder has read it, (1, S, width).
        positions: how many of S hold what was recorded.
        language: the code of what is written.
    """
    row = [*beginning, whisper_tokens["notimestamps"], *tokens, whisper_tokens.end]
    memory = replace(memory, attention_weights=[])
    logits = model.head(model.write(Batch(torch.tensor([row], device=model.device)), memory))[0].float()
    probabilities = logits[len(beginning) : -2, : whisper_tokens.end].softmax(-1)
    chances = probabilities[range(len(tokens)), list(tokens)].cpu().numpy()
    assert memory.attention_weights is not None
    weights = torch.stack([memory.attention_weights[block][0, head, :, :positions] for block, head in heads_of(model)])
    times = token_positions(weights, slice(len(beginning), -1)) / TICKS
    words = split_words(whisper_tokens, tokens, language)
    places = np.cumsum([0, *(len(part) for _, part in words)])
    timed = [
        TimedWord(text, start, times[start], times[end], float(chances[start:end].mean()))
        for (text, _), start, end in zip(words, places[:-1].tolist(), places[1:].tolist(), strict=True)
    ]
    usual = usual_length(timed)
    return joined(shortened(timed, 2 * usual)), usual


def split_words(whisper_tokens: WhisperTokens, tokens: Sequence[int], language: str) -> list[tuple[str, list[int]]]:
    """Words as they are written, with their tokens: what begins with a space, or is a sign, begins one.

    Without spaces in its language, each run of tokens that makes whole characters is one.
    """
    split: list[tuple[str, list[int]]] = []
    for text, part in _whole_characters(whisper_tokens, tokens):
        begins = language in UNSPACED or text.startswith(" ") or text.strip() in string.punctuation
        if begins or not split:
            split.append((text, part))
        else:
            before, tokens_before = split[-1]
            split[-1] = (before + text, tokens_before + part)
    return split


def _whole_characters(whisper_tokens: WhisperTokens, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Runs of tokens whose bytes make characters; one that is replaced in the whole text as well is whole, too."""
    whole, place = whisper_tokens.text(list(tokens)), 0
    runs: list[tuple[str, list[int]]] = []
    part: list[int] = []
    for token in tokens:
        part.append(token)
        text = whisper_tokens.text(part)
        broken = text.find("\ufffd")
        if broken < 0 or whole[place + broken : place + broken + 1] == "\ufffd":
            runs.append((text, part))
            part, place = [], place + len(text)
    return [*runs, (whisper_tokens.text(part), part)] if part else runs


def usual_length(words: Sequence[TimedWord]) -> float:
    """Seconds that a word of a window lasts: the median."""
    lengths = [word.end - word.start for word in words if word.end > word.start]
    return min(LONGEST_HALF, float(np.median(lengths))) if lengths else 0.0


def shortened(words: Sequence[TimedWord], limit: float) -> list[TimedWord]:
    """Take the pause around a sentence's end from the words beside it, so that none lasts longer than `limit`."""
    changed = list(words)
    for number, word in enumerate(words[1:], 1):
        if limit and word.end - word.start > limit:
            if word.text in ENDS:
                changed[number] = replace(word, end=word.start + limit)
            elif words[number - 1].text in ENDS:
                changed[number] = replace(word, start=word.end - limit)
    return changed


def joined(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Put signs to the words that they belong to, which keep their own times and probability."""
    whole: list[TimedWord] = []
    for word in reversed(words):
        if whole and word.text.startswith(" ") and word.text.strip() in LEADING:
            whole[-1] = replace(whole[-1], text=word.text + whole[-1].text, place=word.place)
        else:
            whole.append(word)
    words, whole = whole[::-1], []
    for word in words:
        if whole and not whole[-1].text.endswith(" ") and word.text in TRAILING:
            whole[-1] = replace(whole[-1], text=whole[-1].text + word.text)
        else:
            whole.append(word)
    return whole


def settled(
    words: Sequence[TimedWord], start: float, end: float, spoken: float, usual: float
) -> tuple[list[TimedWord], float, float]:
    """The words of one segment and its times, made to agree: the words' times count, but for a first or a last word
    that reaches far into a pause.

    Args:
        words: of the segment, in seconds of the recording.
        start: of the segment, as the model wrote it.
        end: of the segment.
        spoken: where the segment before ended.
        usual: `usual_length` of the window's words.
    """
    agreed, limit = list(words), 2 * usual
    if not agreed:
        return agreed, start, end
    first, second = agreed[0], agreed[1] if len(agreed) > 1 else None
    long = first.end - first.start > limit or (second is not None and second.end - first.start > 2 * limit)
    if first.end - spoken > 4 * usual and long:
        if second is not None and second.end - second.start > limit:
            border = max(second.end / 2, second.end - limit)
            first, agreed[1] = replace(first, end=border), replace(second, start=border)
        first = replace(first, start=max(0.0, first.end - limit))
    if start < first.end and start - 0.5 > first.start:
        first = replace(first, start=max(0.0, min(first.end - usual, start)))
    else:
        start = first.start
    agreed[0] = first
    last = agreed[-1]
    if end > last.start and end + 0.5 < last.end:
        agreed[-1] = replace(last, end=max(last.start + usual, end))
    else:
        end = last.end
    return agreed, start, end
