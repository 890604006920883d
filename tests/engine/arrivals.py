"""Requests that come and are cancelled at random times, and what each writes alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from toys import END, MIXERS, make

from langue.engine import Engine, EngineSettings, Hypothesis, Request, SamplingSettings
from langue.models import Model
from langue.models.quantize import quantize
from langue.quantization import QuantizationConfig

EVERY_MIXER = [*MIXERS, "sliding", "mixed"]
OTHERS = {"sliding": {"window": 4}, "mixed": {"layers": ["gru", "attention"]}}
PRECISIONS = ["fp32", "int8"]
GREEDY = [{"temperature": 0}, {"temperature": 0, "repetition_penalty": 1.3}, {"temperature": 0, "min_tokens": 5}]
SAMPLED = [
    {"temperature": 0.7, "seed": 3},
    {"top_p": 0.8, "no_repeat_ngram": 2},
    {"temperature": 1.3, "top_k": 9, "samples": 3},
]
CANCELLED = 6
"""Requests that are cancelled, at most."""
WAYS = {"greedy": GREEDY, "sampled": SAMPLED}


def model_of(mixer: str, precision: str = "fp32", form: str = "decoder", **more) -> Model:
    """A toy, whose products in int8 have rows wide enough for whole blocks."""
    options = {"vocab_size": 30, "context": 24, "width": 32, **OTHERS.get(mixer, {}), **more}
    model = make(mixer if mixer in MIXERS else "attention", form=form, **options)
    return model if precision == "fp32" else quantize(model, QuantizationConfig(format="int8"))


def requests_of(form: str, ways: list[dict], draws: random.Random, count: int = 32, longest: int = 12) -> list[Request]:
    """With prompts, lengths, settings and keys of their own."""
    return [
        Request(
            [draws.randint(4, 29) for _ in range(draws.randint(1, longest))],
            SamplingSettings(**{"max_tokens": draws.randint(5, 20), **draws.choice(ways)}),
            [END],
            [draws.randint(0, 29) for _ in range(draws.randint(1, 9))] if form == "seq2seq" else None,
            key=(number,),
        )
        for number in range(count)
    ]


def played(engine: Engine, requests: list[Request], draws: random.Random) -> dict[Request, list[Hypothesis]]:
    """What requests write that are submitted at random times, some of which are cancelled wherever they are by then.

    The tokens that were told of each are those of its texts, unless it has beams.
    """
    waiting, open_requests, finished, cancelled = list(requests), [], {}, 0
    shown: dict[tuple[Request, int], list[int]] = {}
    while waiting or not engine.is_idle:
        for _ in range(draws.choice([0, 0, 1, 2, 6])):
            if waiting:
                open_requests.append(waiting.pop())
                engine.submit(open_requests[-1])
        if open_requests and cancelled < CANCELLED and draws.random() < 0.2:
            assert engine.cancel(open_requests.pop(draws.randrange(len(open_requests))))
            cancelled += 1
        for event in engine.step():
            if event.hypotheses is not None:
                open_requests.remove(event.request)
                finished[event.request] = event.hypotheses
            else:
                shown.setdefault((event.request, event.sample), []).append(event.token)
    assert len(finished) == len(requests) - cancelled
    for request, hypotheses in finished.items():
        told = [shown.get((request, sample), []) for sample in range(request.settings.samples)]
        assert request.settings.beams > 1 or [text.tokens for text in hypotheses] == told
    return finished


def assert_alone(model: Model, finished: dict[Request, list[Hypothesis]]) -> None:
    """Texts are those that a new engine writes for each by itself, to the token, and as likely."""
    engine = Engine(model, EngineSettings())
    # Products of int8 round what they multiply to fifteen bits, once more wherever the last bit of fp32 is another.
    tolerance = 1e-4 if model.config.quantization is None else 5e-3
    for request, hypotheses in finished.items():
        (alone,) = engine.run([replace(request)])
        assert [(text.tokens, text.end) for text in hypotheses] == [(text.tokens, text.end) for text in alone]
        for text, other in zip(hypotheses, alone, strict=True):
            assert text.log_probabilities == pytest.approx(other.log_probabilities, abs=tolerance)
            assert text.score == pytest.approx(sum(text.log_probabilities), abs=1e-3)
