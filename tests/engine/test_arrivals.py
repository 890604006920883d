"""A text under 32 random arrivals and cancellations is the text alone."""

from __future__ import annotations

import random

import pytest
from arrivals import EVERY_MIXER, PRECISIONS, WAYS, assert_alone, model_of, played, requests_of

from langue.engine import Engine, EngineSettings


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
@pytest.mark.parametrize("mixer", EVERY_MIXER)
def test_a_text_does_not_depend_on_who_comes_and_goes(mixer: str, form: str, precision: str, way: str) -> None:
    draws = random.Random(f"{mixer} {form} {precision} {way}")
    model = model_of(mixer, precision, form)
    requests = requests_of(form, WAYS[way], draws)
    finished = played(Engine(model, EngineSettings(batch_rows=12)), requests, draws)
    assert_alone(model, finished)
