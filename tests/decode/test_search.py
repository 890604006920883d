"""The one search: beams against exhaustive enumeration, batches against single rows, draws against their law."""

import itertools

import pytest
import torch

from langue.batch import Batch
from langue.decode import Search, SearchSettings, Writing
from langue.models import ModelConfig, build

END = 3
MIXERS = {
    "attention": {},
    "relative": {"position": "relative"},
    "window": {"mixer": "window", "window": 3, "position": "none"},
    "lstm": {"mixer": "lstm", "position": "none"},
    "gru": {"mixer": "gru", "position": "none"},
    "rnn": {"mixer": "rnn", "position": "none"},
}


def make(mixer="attention", vocab_size=5, context=16, form="decoder"):
    config = ModelConfig(
        form=form, vocab_size=vocab_size, width=16, layers=2, heads=2, context=context, initial_deviation=0.7,
        **MIXERS[mixer],
    )  # fmt: skip
    return build(config, seed=3).eval()


def log_probabilities(model, prompt, text, source=None):
    """Of each token of a text, worked out by one full pass."""
    ids = torch.tensor([[*prompt, *text]])
    with torch.inference_mode():
        logs = model(Batch(ids[:, :-1], source=source)).log_softmax(-1)[0, len(prompt) - 1 :]
    return logs.gather(1, ids[0, len(prompt) :, None])[:, 0].double()


def every_text(vocab_size, length):
    """All texts that end with END, or have the full length without it."""
    others = [token for token in range(vocab_size) if token != END]
    for size in range(length):
        for text in itertools.product(others, repeat=size):
            yield [*text, END]
    for text in itertools.product(others, repeat=length):
        yield list(text)


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("mixer", MIXERS)
def test_a_beam_of_full_width_is_exhaustive_search(mixer, penalty):
    model, prompt, length = make(mixer), [1, 0], 3
    scored = []
    for text in every_text(5, length):
        score = float(log_probabilities(model, prompt, text).sum())
        tokens = text[:-1] if text[-1] == END else text
        scored.append((score / len(text) ** penalty, tokens, score))
    best = sorted(scored, key=lambda row: -row[0])[:5]
    settings = SearchSettings(beams=5**length, samples=5, max_tokens=length, length_penalty=penalty)
    found = Search(model, settings, END).run([prompt])[0]
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens, _ in best]
    for hypothesis, (_, _, score) in zip(found, best, strict=True):
        assert hypothesis.score == pytest.approx(score, abs=1e-4)


def test_a_beam_over_a_source_is_exhaustive_search():
    model, length = make(form="seq2seq"), 3
    sources = torch.tensor([[1, 2, 4], [4, 4, 0]])
    batch = Batch(torch.zeros(2, 1, dtype=torch.long), source=sources)
    settings = SearchSettings(beams=125, samples=1, max_tokens=length)
    found = Search(model, settings, END, source=batch).run([[0], [0]])
    for row, hypotheses in enumerate(found):
        scored = {
            tuple(text): float(log_probabilities(model, [0], text, sources[row : row + 1]).sum()) / len(text)
            for text in every_text(5, length)
        }
        best = max(scored, key=scored.__getitem__)
        assert hypotheses[0].tokens == [token for token in best if token != END]


def test_hypotheses_are_sorted_and_distinct():
    settings = SearchSettings(beams=6, samples=6, max_tokens=6)
    found = Search(make(), settings, END).run([[1]])[0]
    ranks = [hypothesis.rank(1.0) for hypothesis in found]
    assert ranks == sorted(ranks, reverse=True)
    assert len({(tuple(hypothesis.tokens), hypothesis.ended) for hypothesis in found}) == 6


def test_a_beam_of_one_is_greedy():
    model = make()
    greedy = Search(model, SearchSettings(temperature=0, max_tokens=8), END).run([[1, 2]])[0][0]
    text = []
    for _ in range(8):
        with torch.inference_mode():
            token = int(model(Batch(torch.tensor([[1, 2, *text]])))[0, -1].argmax())
        if token == END:
            break
        text.append(token)
    assert greedy.tokens == text
    assert greedy.score == pytest.approx(
        float(log_probabilities(model, [1, 2], [*text, *([END] if greedy.ended else [])]).sum()), abs=1e-4
    )


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 1.0, "seed": 4}, {"samples": 3, "top_k": 3}, {"beams": 3}]
)
def test_a_row_does_not_depend_on_its_neighbours(mixer, options):
    model = make(mixer, vocab_size=30, context=12)
    prompts = [[1], [5, 6, 7, 8, 9, 10], [2, 2], list(range(4, 20))]
    search = Search(model, SearchSettings(max_tokens=20, **options), END)
    together = search.run(prompts)
    alone = [search.run([prompt])[0] for prompt in prompts]
    assert [[h.tokens for h in row] for row in together] == [[h.tokens for h in row] for row in alone]


def test_a_text_longer_than_the_context_goes_on_from_half_of_it():
    model = make(vocab_size=30, context=8)
    search = Search(model, SearchSettings(temperature=0, max_tokens=30), END, never=[END])
    search._banned = torch.tensor([END])
    found = search.run([[1, 2, 4]])[0][0].tokens
    text, seen = [1, 2, 4], [1, 2, 4]
    for _ in range(30):
        with torch.inference_mode():
            logits = model(Batch(torch.tensor([seen])))[0, -1].clone()
            logits[END] = float("-inf")
        text.append(int(logits.argmax()))
        seen.append(text[-1])
        if len(seen) > 8:
            seen = seen[-4:]
    assert found == text[3:]


def test_samples_follow_the_model():
    model = make(vocab_size=6)
    with torch.inference_mode():
        expected = model(Batch(torch.tensor([[1, 2]])))[0, -1].softmax(-1)
    counts = torch.zeros(6)
    for hypothesis in Search(model, SearchSettings(samples=4000, max_tokens=1), END).run([[1, 2]])[0]:
        counts[hypothesis.tokens[0] if hypothesis.tokens else END] += 1
    # Five standard deviations of the worst case.
    assert (counts / 4000 - expected).abs().max() < 5 * (0.25 / 4000) ** 0.5


def test_the_seed_decides_and_special_tokens_are_never_sampled():
    model = make(vocab_size=30)
    run = lambda seed: Search(  # noqa: E731
        model, SearchSettings(samples=20, max_tokens=20, temperature=3.0, seed=seed), END, never=range(10)
    ).run([[1]])[0]
    first = [hypothesis.tokens for hypothesis in run(1)]
    assert first == [hypothesis.tokens for hypothesis in run(1)]
    assert first != [hypothesis.tokens for hypothesis in run(2)]
    assert min(token for tokens in first for token in tokens) >= 10
    assert any(hypothesis.ended for hypothesis in run(1))


def test_a_stopped_row_leaves_and_the_others_go_on():
    model = make(vocab_size=30)
    search = Search(model, SearchSettings(temperature=0, max_tokens=12), END, never=[END])
    search._banned = torch.tensor([END])
    prompts = [[1, 2], [4, 5, 6]]
    expected = [row[0].tokens for row in search.run(prompts)]
    writing = Writing(search, prompts)
    for row, _ in writing.tokens():
        if row == 0 and len(writing.hypotheses[0].tokens) == 5:
            writing.stop(0)
    assert writing.hypotheses[0].tokens == expected[0][:5]
    assert writing.hypotheses[1].tokens == expected[1]
