"""Answers: exact match and F1 as SQuAD 1.1, SQuAD 2.0, ReCoRD and MultiRC define them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from langue.errors import LangueError
from langue.metrics.check import check_columns, check_numbers
from langue.metrics.classification import f1

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalize_answer(text: str) -> str:
    """SQuAD's normal form: lower case, without ASCII punctuation, English articles and spare white space.

    In that order: "the-end" loses its hyphen first and so keeps its letters. Punctuation beyond ASCII stays, as in the
    official script.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(predicted: str, golds: Sequence[str]) -> float:
    """1 if the normal form is that of any gold answer, else 0.

    Raises:
        LangueError: no gold answer.
    """
    _check_golds(golds)
    return float(any(normalize_answer(predicted) == normalize_answer(gold) for gold in golds))


def token_f1(predicted: str, golds: Sequence[str]) -> float:
    """The best F1 of words against any gold answer, both in normal form (SQuAD 1.1's rule).

    Two empty normal forms share no word and score 0. SQuAD 2.0 never meets them here: it drops such golds.

    Raises:
        LangueError: no gold answer.
    """
    _check_golds(golds)
    return max(_word_f1(predicted, gold) for gold in golds)


def squad_v1(predicted: Sequence[str], golds: Sequence[Sequence[str]]) -> dict[str, float]:
    """SQuAD 1.1: means of `exact_match` and `f1`, each the best over a question's gold answers.

    Raises:
        LangueError: nothing to score, columns of different lengths, or a question without gold answer.
    """
    check_columns(predicted, golds)
    pairs = list(zip(predicted, golds, strict=True))
    return {
        "exact_match": sum(exact_match(guess, gold) for guess, gold in pairs) / len(pairs),
        "f1": sum(token_f1(guess, gold) for guess, gold in pairs) / len(pairs),
    }


def record(predicted: Sequence[str], golds: Sequence[Sequence[str]]) -> dict[str, float]:
    """ReCoRD: `exact_match` and `f1` of the chosen entity, the best over all gold mentions; SQuAD 1.1's rules."""
    return squad_v1(predicted, golds)


def squad_v2(
    predicted: Sequence[str],
    golds: Sequence[Sequence[str]],
    no_answer: Sequence[float] | None = None,
    threshold: float = 1.0,
) -> dict[str, float]:
    """SQuAD 2.0, where a question may have no answer and "" says so.

    Args:
        predicted: each question's answer, "" for none.
        golds: its gold answers, none for a question that has none.
        no_answer: how sure the model is that there is none; larger is surer.
        threshold: answers whose `no_answer` lies above it are taken as "".

    Returns:
        `exact_match` and `f1`; the same with `has_answer_` and `no_answer_` before them, over the questions that have
        an answer and that have none, where there are such questions.
    """
    answered, raw = _raw_v2(predicted, golds)
    scores = raw
    if no_answer is not None:
        check_columns(no_answer, golds)
        silent = check_numbers("no_answer", no_answer) > threshold
        scores = {name: np.where(silent, ~answered, values) for name, values in raw.items()}
    result = {name: float(values.mean()) for name, values in scores.items()}
    for prefix, chosen in (("has_answer", answered), ("no_answer", ~answered)):
        if chosen.any():
            result |= {f"{prefix}_{name}": float(values[chosen].mean()) for name, values in scores.items()}
    return result


def best_threshold(
    predicted: Sequence[str], golds: Sequence[Sequence[str]], no_answer: Sequence[float]
) -> dict[str, float]:
    """The threshold of `squad_v2` that would have been best, for each of its two scores.

    The official script also tries to part questions of equal `no_answer`, which no threshold can; here every score can
    be had.

    Args:
        predicted: each question's answer as if it had one.
        golds: its gold answers, none for a question that has none.
        no_answer: how sure the model is that there is none; larger is surer.

    Returns:
        `best_exact_match`, `best_exact_match_threshold`, `best_f1`, `best_f1_threshold`; of equals the lowest.
    """
    answered, raw = _raw_v2(predicted, golds)
    check_columns(no_answer, golds)
    sure = check_numbers("no_answer", no_answer)
    order = np.argsort(sure, kind="stable")
    # A threshold keeps all answers up to it, so one can stand below all and at the last of each run of equals.
    last = np.append(np.flatnonzero(np.diff(sure[order])), len(sure) - 1)
    thresholds = np.append(np.nextafter(sure[order[0]], -np.inf), sure[order[last]])
    result = {}
    for name, values in raw.items():
        gain = (values - ~answered)[order]
        totals = np.append(0.0, np.cumsum(gain)[last]) + (~answered).sum()
        best = int(np.argmax(totals))
        result |= {f"best_{name}": float(totals[best] / len(sure)), f"best_{name}_threshold": float(thresholds[best])}
    return result


def multirc(
    predicted: Sequence[Hashable], expected: Sequence[Hashable], groups: Sequence[Hashable], positive: Hashable
) -> dict[str, float]:
    """MultiRC: `f1` over all answer options (F1a), and `exact_match`, the share of questions with every option right.

    Args:
        predicted: the label of each option.
        expected: the right one.
        groups: the question each option belongs to.
        positive: the label of a right option.
    """
    check_columns(predicted, expected)
    check_columns(groups, expected)
    whole: dict[Hashable, bool] = {}
    for guess, truth, group in zip(predicted, expected, groups, strict=True):
        whole[group] = whole.get(group, True) and guess == truth
    return {"f1": f1(predicted, expected, positive), "exact_match": sum(whole.values()) / len(whole)}


def _raw_v2(predicted: Sequence[str], golds: Sequence[Sequence[str]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(N,) bool: has an answer. (N,) scores by name, before any threshold."""
    check_columns(predicted, golds)
    exact, words = [], []
    for guess, gold in zip(predicted, golds, strict=True):
        # A gold answer of articles and punctuation alone is none; a question without any asks for the empty string.
        real = [answer for answer in gold if normalize_answer(answer)]
        exact.append(exact_match(guess, real or [""]))
        words.append(token_f1(guess, real) if real else exact[-1])
    answered = np.array([len(gold) > 0 for gold in golds])
    return answered, {"exact_match": np.array(exact), "f1": np.array(words)}


def _word_f1(predicted: str, gold: str) -> float:
    guesses, truths = normalize_answer(predicted).split(), normalize_answer(gold).split()
    shared = sum((Counter(guesses) & Counter(truths)).values())
    return 2 * shared / (len(guesses) + len(truths)) if shared else 0.0


def _check_golds(golds: Sequence[str]) -> None:
    if not golds:
        raise LangueError(
            "a question has no gold answer to compare with; only SQuAD 2.0 knows questions without answer"
        )
