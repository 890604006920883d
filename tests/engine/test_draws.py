"""Log-probabilities that tokens were drawn with, against full passes through the same processors."""

import pytest
import torch
from toys import END, make

from langue.batch import Batch
from langue.engine import Engine, Request, SamplingSettings
from langue.engine.processors import NOTHING, processed

OPTIONS = [
    {},
    {"temperature": 0.6},
    {"temperature": 1.4, "top_k": 3},
    {"top_p": 0.8, "repetition_penalty": 1.3},
    {"min_p": 0.3, "min_tokens": 3},
]


def drawn_again(model, prompt, text, settings):
    """The log-probability of each token of a text after all that the settings do to logits."""
    logs = []
    for count in range(len(text)):
        ids = torch.tensor([[*prompt, *text[:count]]])
        logits = model(Batch(ids))[:, -1].detach().clone()
        if count < settings.min_tokens:
            logits[:, END] = -torch.inf
        logs.append(float(processed(logits, ids, settings).double().log_softmax(-1)[0, text[count]]))
    return logs


@pytest.mark.parametrize("options", OPTIONS)
def test_draws_have_the_probability_that_is_left_after_all_processors(options):
    model = make(context=32)
    settings = SamplingSettings(max_tokens=8, samples=3, seed=4, draw_log_probabilities=True, **options)
    prompts = [[1, 0], [2], [4, 4, 0]]
    requests = [Request(prompt, settings, [END], key=(number,)) for number, prompt in enumerate(prompts)]
    for prompt, hypotheses in zip(prompts, Engine(model).run(requests), strict=True):
        assert len(hypotheses) == 3
        for text in hypotheses:
            expected = drawn_again(model, prompt, text.written, settings)
            assert text.draw_log_probabilities == pytest.approx(expected, abs=1e-4)


def test_plain_draws_have_the_model_s_own_probability():
    settings = SamplingSettings(max_tokens=12, samples=4, draw_log_probabilities=True)
    for text in Engine(make()).run([Request([1], settings, [END])])[0]:
        assert text.draw_log_probabilities == pytest.approx(text.log_probabilities, abs=1e-5)


def test_the_likeliest_token_is_certain_and_nothing_is_kept_unless_it_is_wanted():
    greedy = SamplingSettings(max_tokens=5, temperature=0, draw_log_probabilities=True)
    (text,) = Engine(make()).run([Request([1], greedy, [END])])[0]
    assert text.draw_log_probabilities == [0.0] * len(text.written)
    (plain,) = Engine(make()).run([Request([1], SamplingSettings(max_tokens=5), [END])])[0]
    assert plain.draw_log_probabilities is None
    assert NOTHING not in plain.tokens


def test_beams_draw_nothing():
    with pytest.raises(ValueError, match="beams draw nothing"):
        SamplingSettings(beams=2, draw_log_probabilities=True)
