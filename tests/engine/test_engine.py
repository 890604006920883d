"""The one loop: beams against exhaustive enumeration, batches against single rows, draws against their law."""

import math

import pytest
import torch
from toys import END, MIXERS, Writer, every_text, log_probabilities, make, without_end

from langue.batch import Batch
from langue.engine import Engine, GenerationSettings, Request, SamplingSettings, scheduler, sources
from langue.engine.batch import DecodingBatch
from langue.errors import LangueError
from langue.kernels import products
from langue.models.seq2seq import Seq2Seq

SOURCES = [[1, 2, 4], [4, 4, 0, 2, 1], [2]]


def noted_joins(monkeypatch):
    """How many rows join others, each time."""
    joins, join = [], DecodingBatch.join
    note = lambda self, other, counts: (joins.append(len(other)), join(self, other, counts))[1]  # noqa: E731
    monkeypatch.setattr(DecodingBatch, "join", note)
    return joins


def exhaustive(model, prompt, source, length, rank=lambda score, size: score / size):
    """All texts by rank, best first: (rank, text, log-probabilities)."""
    scored = []
    for text in every_text(model.config.vocab_size, length):
        logs = log_probabilities(model, prompt, text, source)
        scored.append((rank(float(logs.sum()), len(text)), text, logs))
    return sorted(scored, key=lambda row: -row[0])


@pytest.mark.parametrize("stopping", ["likely", "exact"])
@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_a_beam_of_full_width_is_exhaustive_search(mixer, form, stopping):
    model, length = make(mixer, form=form), 3
    prompts = [[1, 0], [2, 4], [0, 0]] if form == "decoder" else [[0]] * 3
    sources = None if form == "decoder" else SOURCES
    settings = GenerationSettings(beams=5**length, samples=5, max_tokens=length, stopping=stopping)
    found = Writer(model, settings).run(prompts, sources)
    for number, hypotheses in enumerate(found):
        best = exhaustive(model, prompts[number], None if sources is None else sources[number], length)[:5]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [without_end(text) for _, text, _ in best]
        for hypothesis, (rank, text, logs) in zip(hypotheses, best, strict=True):
            assert hypothesis.rank == pytest.approx(rank, abs=1e-4)
            assert hypothesis.score == pytest.approx(float(logs.sum()), abs=1e-4)
            assert hypothesis.log_probabilities == pytest.approx(logs.tolist(), abs=1e-4)
            assert hypothesis.ended == (text[-1] == END)


@pytest.mark.parametrize(
    ("options", "rank"),
    [
        ({"length_penalty": 0.0}, lambda score, size: score),
        ({"length_penalty": 2.0}, lambda score, size: score / size**2),
        ({"length_penalty": 0.6, "length_offset": 5}, lambda score, size: score * 6**0.6 / (5 + size) ** 0.6),
    ],
)
def test_ranks_follow_the_formula(options, rank):
    model = make()
    settings = GenerationSettings(beams=125, samples=5, max_tokens=3, **options)
    found = Writer(model, settings).run([[1, 0]])[0]
    best = exhaustive(model, [1, 0], None, 3, rank)[:5]
    assert [hypothesis.tokens for hypothesis in found] == [without_end(text) for _, text, _ in best]


def test_coverage_is_gnmts():
    model, source = make(form="seq2seq"), [1, 2, 4]
    settings = GenerationSettings(beams=125, samples=5, max_tokens=3, coverage_penalty=0.7, alignments=True)
    found = Writer(model, settings).run([[0], [0]], [source, [1, 4, 0, 2]])[0]
    scored = []
    for text in every_text(5, 3):
        ids = torch.tensor([[0, *text[:-1]]])
        with torch.inference_mode():
            looks = torch.stack(model.attention(Batch(ids, source=torch.tensor([source])))).mean((0, 2))[0]
        score = float(log_probabilities(model, [0], text, source).sum()) / len(text)
        covered = sum(math.log(min(float(looks[:, place].sum()), 1.0)) for place in range(3))
        scored.append((score + 0.7 * covered, without_end(text), looks))
    best = sorted(scored, key=lambda row: -row[0])[:5]
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens, _ in best]
    for hypothesis, (rank, _, looks) in zip(found, best, strict=True):
        assert hypothesis.rank == pytest.approx(rank, abs=1e-4)
        torch.testing.assert_close(hypothesis.alignment, looks, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("options", [{"beams": 3}, {"temperature": 0}, {"temperature": 2.0, "samples": 3}])
@pytest.mark.parametrize("mixer", MIXERS)
def test_alignments_are_those_of_a_full_pass(mixer, options):
    model = make(mixer, form="seq2seq", vocab_size=20)
    search = Writer(model, GenerationSettings(max_tokens=6, alignments=True, **options))
    found = zip(SOURCES, search.run([[0, 1]] * 3, SOURCES), strict=True)
    for source, each in [(source, each) for source, several in found for each in several]:
        text = [*each.tokens, *([END] if each.ended else [])]
        with torch.inference_mode():
            looks = model.attention(Batch(torch.tensor([[0, 1, *text[:-1]]]), source=torch.tensor([source])))
        expected = torch.stack(looks).mean((0, 2))[0, 1:]
        torch.testing.assert_close(each.alignment, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, {"groups": 3}, {"length_penalty": 0.3}, {"stopping": "likely"}])
def test_hypotheses_are_sorted_and_distinct(options):
    settings = GenerationSettings(beams=6, samples=6, max_tokens=6, **options)
    for found in Writer(make(), settings).run([[1], [2], [4]]):
        ranks = [hypothesis.rank for hypothesis in found]
        assert ranks == sorted(ranks, reverse=True)
        assert len({(tuple(hypothesis.tokens), hypothesis.ended) for hypothesis in found}) == len(found)
        assert len(found) == 6 or "groups" in options  # which may meet again


def test_stopping_early_changes_nothing():
    """Against a search whose ended hypotheses never suffice, so that it goes on to the end."""
    model = make(vocab_size=20)
    prompts = [[token] for token in range(20)]
    for penalty in (0.0, 0.5, 1.0):
        options = {"beams": 4, "max_tokens": 12, "length_penalty": penalty}
        found = Writer(model, GenerationSettings(**options)).run(prompts)
        whole = Writer(model, GenerationSettings(samples=4, **options)).run(prompts)
        assert [row[0].tokens for row in found] == [row[0].tokens for row in whole]


def test_a_beam_of_one_is_greedy():
    model = make()
    greedy = Writer(model, GenerationSettings(temperature=0, max_tokens=8)).run([[1, 2]])[0][0]
    text = []
    for _ in range(8):
        with torch.inference_mode():
            token = int(model(Batch(torch.tensor([[1, 2, *text]])))[0, -1].argmax())
        if token == END:
            break
        text.append(token)
    assert greedy.tokens == text
    logs = log_probabilities(model, [1, 2], [*text, *([END] if greedy.ended else [])])
    assert greedy.log_probabilities == pytest.approx(logs.tolist(), abs=1e-4)
    assert greedy.score == pytest.approx(float(logs.sum()), abs=1e-4)


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0},
        {"temperature": 1.0, "seed": 4},
        {"samples": 3, "top_k": 3},
        {"beams": 3},
        {"beams": 4, "groups": 2, "no_repeat_ngram": 3},
    ],
)
def test_a_text_does_not_depend_on_its_neighbours(mixer, options):
    model = make(mixer, vocab_size=30, context=12)
    prompts = [[1], [5, 6, 7, 8, 9, 10], [2, 2], list(range(4, 20))]
    search = Writer(model, GenerationSettings(max_tokens=20, **options))
    together = search.run(prompts)
    alone = [search.run([prompt])[0] for prompt in prompts]
    assert [[h.tokens for h in row] for row in together] == [[h.tokens for h in row] for row in alone]


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("options", [{"temperature": 0}, {"samples": 2}, {"beams": 3, "samples": 2}])
def test_batches_of_any_size_write_the_same_about_sources(mixer, options):
    model = make(mixer, vocab_size=30, form="seq2seq", context=40)
    lengths = [3, 9, 1, 5, 5, 2, 7]
    sources = [[(7 * row + 3 * place) % 30 for place in range(length)] for row, length in enumerate(lengths)]
    options = {"max_tokens": 3, "max_tokens_per_source": 1.5, **options}
    run = lambda **bounds: [  # noqa: E731
        [hypothesis.tokens for hypothesis in row]
        for row in Writer(model, GenerationSettings(**options, **bounds)).run([[0]] * 7, sources)
    ]
    expected = run(batch_rows=1)
    assert run() == run(batch_rows=8) == run(batch_tokens=40) == expected
    assert max(len(text) for row, each in enumerate(expected) for text in each) <= 3 + 1.5 * 9
    assert all(
        len(text) <= 3 + int(1.5 * length) for length, each in zip(lengths, expected, strict=True) for text in each
    )


def test_sources_are_read_in_groups_that_fit(monkeypatch):
    """They change nothing, of models that read them differently too."""
    models = [make(mixer, vocab_size=30, form="seq2seq", context=40) for mixer in ("attention", "lstm")]
    texts = [[(7 * row + 3 * place) % 30 for place in range(9 - row)] for row in range(9)]
    settings = GenerationSettings(beams=3, max_tokens=5, alignments=True)
    whole = Writer(models, settings).run([[0]] * 9, texts)
    shapes, encode = [], Seq2Seq.encode
    note = lambda model, batch: (shapes.append(tuple(batch.source.shape)), encode(model, batch))[1]  # noqa: E731
    monkeypatch.setattr(Seq2Seq, "encode", note)
    monkeypatch.setattr(sources, "GROUP_POSITIONS", 20)
    found = Writer(models, settings).run([[0]] * 9, texts)
    assert shapes == 2 * [(2, 9), (2, 7), (4, 5), (1, 1)]
    for mine, expected in zip(found, whole, strict=True):
        assert [each.tokens for each in mine] == [each.tokens for each in expected]
        assert mine[0].log_probabilities == pytest.approx(expected[0].log_probabilities, abs=1e-5)
        torch.testing.assert_close(mine[0].alignment, expected[0].alignment, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", [{"beams": 4}, {"temperature": 0}])
def test_a_search_sees_weights_that_were_changed_since_the_last(options):
    """Though within one it works on weights in another order."""
    model, others = make(vocab_size=30, context=60), make(vocab_size=30, context=60, seed=4)
    settings = GenerationSettings(max_tokens=30, min_tokens=30, **options)
    write = lambda who: [each[0].tokens for each in Writer(who, settings).run([[0], [5], [9]])]  # noqa: E731
    first = write(model)
    model.load_state_dict(others.state_dict())
    assert write(model) == write(others) != first
    assert products._settled.get() is None


@pytest.mark.parametrize(
    ("mixer", "form", "options"),
    [
        *((mixer, form, {}) for mixer in MIXERS for form in ("decoder", "seq2seq")),
        ("attention", "seq2seq", {"stopping": "exact", "samples": 3}),
        ("attention", "seq2seq", {"alignments": True, "coverage_penalty": 0.2}),
        ("attention", "seq2seq", {"groups": 3, "no_repeat_ngram": 2, "repetition_penalty": 1.2}),
        ("lstm", "seq2seq", {"min_tokens": 3, "ensemble": "logarithm"}),
    ],
)
def test_prompts_that_take_longest_go_on_with_those_of_other_batches(mixer, form, options, monkeypatch):
    """However far each has come, and however often others join, it writes what it would have written alone."""
    monkeypatch.setattr(scheduler, "SHARE", 100)
    joins = noted_joins(monkeypatch)
    seeds = (3, 4) if options else (3,)
    models = [make(mixer, vocab_size=9, form=form, context=40, seed=seed) for seed in seeds]
    prompts = [[1 + (row * place) % 7 for place in range(1 + row % 4)] for row in range(16)]
    sources = [[(7 * row + 3 * place) % 9 for place in range(1 + row % 7)] for row in range(16)]
    prefixes = [[4, 5][: row % 3] for row in range(16)]
    given = {"stopping": "likely", "length_penalty": 0.1, "max_tokens": 9, "max_tokens_per_source": 1.0, **options}

    def run(numbers):
        search = Writer(models, GenerationSettings(beams=3, batch_rows=12, **given))
        about = [sources[number] for number in numbers] if form == "seq2seq" else None
        return search.run([prompts[row] for row in numbers], about, prefixes=[prefixes[row] for row in numbers])

    together = run(range(16))
    assert joins
    for number in range(16):
        for mine, alone in zip(together[number], run([number])[0], strict=True):
            assert (mine.tokens, mine.ended) == (alone.tokens, alone.ended)
            assert mine.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-4)
            assert mine.rank == pytest.approx(alone.rank, abs=1e-4)
            if mine.alignment is not None:
                torch.testing.assert_close(mine.alignment, alone.alignment, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
def test_memory_that_nobody_wrote_to_is_never_looked_at(form, monkeypatch):
    """Texts of unlike length join, branch and are given up, while new memory is full of NaN."""
    monkeypatch.setattr(scheduler, "SHARE", 100)
    model = make(vocab_size=30, form=form, context=100)
    prompts = [[1 + (row * place) % 7 for place in range(1 + 5 * (row % 4))] for row in range(16)]
    sources = [[(7 * row + 3 * place) % 30 for place in range(1 + row % 7)] for row in range(16)]
    settings = GenerationSettings(beams=4, batch_rows=12, max_tokens=50, max_tokens_per_source=3.0)
    write = lambda: Writer(model, settings).run(prompts, sources if form == "seq2seq" else None)  # noqa: E731
    expected = write()
    torch.use_deterministic_algorithms(True)
    try:
        found = write()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert [[each.tokens for each in row] for row in found] == [[each.tokens for each in row] for row in expected]


@pytest.mark.parametrize(("context", "most"), [(8, 12), (40, 12), (40, 6)])
def test_phrases_and_long_texts_go_on_with_those_of_other_batches(context, most, monkeypatch):
    """Also those that were read again from half of what the model can see."""
    monkeypatch.setattr(scheduler, "SHARE", 100)
    joins = noted_joins(monkeypatch)
    model = make(vocab_size=9, context=context)
    prompts = [[1 + (row * place) % 6 for place in range(1 + row % 6)] for row in range(16)]
    phrases = [[[5, 6]] * (row % 3 > 0) + [[7]] * (row % 2) for row in range(16)]

    def run(numbers, **bounds):
        search = Writer(model, GenerationSettings(beams=4, max_tokens=most, stopping="early", **bounds))
        return search.run([prompts[row] for row in numbers], phrases=[phrases[row] for row in numbers])

    together = run(range(16), batch_rows=16)
    assert joins
    assert [row[0].tokens for row in together] == [run([number])[0][0].tokens for number in range(16)]


def test_the_batch_is_bounded(monkeypatch):
    """By rows, and by positions with their padding when others join; a first prompt goes on however long it is."""
    sizes, read = [], DecodingBatch.read
    monkeypatch.setattr(DecodingBatch, "read", lambda self, wanted: (sizes.append(len(self)), read(self, wanted))[1])
    prompts = [[1] * length for length in (3, 9, 30, 4, 4, 2, 7, 1, 1, 1, 1, 1, 1)]
    settings = {"beams": 4, "max_tokens": 6, "min_tokens": 6}
    run = lambda **bounds: Writer(make(), GenerationSettings(**settings, **bounds)).run(prompts)  # noqa: E731
    expected = run()
    assert max(sizes) == 4 * len(prompts)
    sizes.clear()
    assert [row[0].tokens for row in run(batch_rows=20, batch_tokens=100)] == [row[0].tokens for row in expected]
    assert max(sizes) == 20
    sizes.clear()
    run(batch_tokens=4)
    assert set(sizes) == {4}


def test_a_text_longer_than_the_context_goes_on_from_half_of_it():
    model = make(vocab_size=30, context=8)
    search = Writer(model, GenerationSettings(temperature=0, max_tokens=30, min_tokens=30))
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
    for hypothesis in Writer(model, GenerationSettings(samples=4000, max_tokens=1)).run([[1, 2]])[0]:
        counts[hypothesis.tokens[0] if hypothesis.tokens else END] += 1
    # Five standard deviations of the worst case.
    assert (counts / 4000 - expected).abs().max() < 5 * (0.25 / 4000) ** 0.5


@pytest.mark.parametrize("mixer", MIXERS)
def test_samples_share_their_source_and_are_as_likely_as_the_model_says(mixer):
    model = make(mixer, vocab_size=8, form="seq2seq", context=40)
    prompts, sources = [[0], [0, 1], [2]], [[1, 4, 2], [5, 6], [7, 7, 7, 1]]
    settings = GenerationSettings(samples=5, max_tokens=4, max_tokens_per_source=2, temperature=4.0)
    writer, kept, ended = Writer(model, settings), [], {}
    for request in writer.requests(prompts, sources):
        writer.engine.submit(request)
    while not writer.engine.is_idle:
        ended |= {event.request: event.hypotheses for event in writer.engine.step() if event.hypotheses}
        if writer.engine._writing is not None:
            kept.append(len(writer.engine._writing.batch._states[0].memory.hidden))
    assert max(kept) == 3  # and not fifteen
    assert min(kept) < 3  # once all samples of a prompt have ended
    found = [each for prompt in prompts for request in ended if request.prompt == prompt for each in ended[request]]
    assert len({len(each.tokens) for each in found}) > 3
    for row, each in enumerate(found):
        text = [*each.tokens, *([END] if each.ended else [])]
        logs = log_probabilities(model, prompts[row // 5], text, sources[row // 5])
        assert each.log_probabilities == pytest.approx(logs.tolist(), abs=1e-4)


@pytest.mark.parametrize(("context", "rows"), [(32, 64), (32, 5), (6, 64)])
@pytest.mark.parametrize("mixer", MIXERS)
def test_texts_that_are_the_same_so_far_write_what_each_writes_alone(mixer, context, rows):
    model = make(mixer, context=context).double()
    settings = GenerationSettings(max_tokens=9, batch_rows=rows, draw_log_probabilities=True)
    requests = [Request([1, 0] if n % 3 else [2], settings, [END], key=(n,)) for n in range(12)]
    found = [hypotheses[0] for hypotheses in Engine(model, settings).run(requests)]
    for request, text in zip(requests, found, strict=True):
        ((alone,),) = Engine(model).run([request])
        assert text.written == alone.written
        assert text.draw_log_probabilities == pytest.approx(alone.draw_log_probabilities, abs=1e-9)


def test_texts_that_are_the_same_so_far_are_read_once():
    model, read = make(), []
    model.embedding.register_forward_hook(lambda _, inputs, __: read.append(tuple(inputs[0].shape)))
    greedy = SamplingSettings(max_tokens=4, min_tokens=4, temperature=0)
    first, *others = Engine(model).run([Request([1, 0], greedy, [END]) for _ in range(5)])
    assert all(other[0].tokens == first[0].tokens for other in others)
    assert read == [(1, 2), (1, 1), (1, 1), (1, 1)]


def test_the_seed_decides_and_special_tokens_are_never_sampled():
    model = make(vocab_size=30)
    run = lambda seed: Writer(  # noqa: E731
        model, GenerationSettings(samples=20, max_tokens=20, temperature=3.0, seed=seed), END, suppress_tokens=range(10)
    ).run([[1]])[0]
    first = [hypothesis.tokens for hypothesis in run(1)]
    assert first == [hypothesis.tokens for hypothesis in run(1)]
    assert first != [hypothesis.tokens for hypothesis in run(2)]
    assert min(token for tokens in first for token in tokens) >= 10
    assert any(hypothesis.ended for hypothesis in run(1))


@pytest.mark.parametrize("options", [{"temperature": 0}, {"beams": 4, "samples": 4}, {"repetition_penalty": 1.4}])
def test_what_may_never_be_chosen_is_not(options):
    settings = GenerationSettings(max_tokens=10, min_tokens=4, **options)
    for hypothesis in Writer(make(vocab_size=30), settings, END, suppress_tokens=range(10)).run([[12]])[0]:
        assert min(hypothesis.tokens) >= 10
        assert len(hypothesis.tokens) >= 4


def test_a_text_that_is_stopped_leaves_and_the_others_go_on():
    settings = SamplingSettings(samples=2, max_tokens=12, min_tokens=12)
    prompts = [[1, 2], [4, 5, 6], [9]]
    counts = {0: 0, 1: 0}

    def stop(sample, token):
        counts[sample] += 1
        return sample == 1 and counts[sample] == 5

    requests = [Request(prompt, settings, [END], stop=stop if prompt == [1, 2] else None) for prompt in prompts]
    found = Engine(make(vocab_size=30)).run(requests)
    expected = Writer(make(vocab_size=30), GenerationSettings(samples=2, max_tokens=12, min_tokens=12)).run(prompts)
    assert found[0][1].tokens == expected[0][1].tokens[:5]
    assert not found[0][1].ended
    assert counts == {0: 12, 1: 5}
    assert [each.tokens for row in found for each in row][2:] == [each.tokens for row in expected for each in row][2:]


@pytest.mark.parametrize("options", [{"temperature": 0}, {"beams": 3}, {"beams": 4, "groups": 2}])
def test_a_text_begins_with_its_prefix(options):
    model = make(vocab_size=20)
    search = Writer(model, GenerationSettings(max_tokens=8, **options))
    prefixes = [[7, 8], [], [9]]
    found = search.run([[1], [1], [1]], prefixes=prefixes)
    for prefix, hypotheses in zip(prefixes, found, strict=True):
        assert hypotheses[0].tokens[: len(prefix)] == prefix
        continued = search.run([[1, *prefix]])[0]
        if len(prefix) + len(continued[0].tokens) < 8 and options == {"temperature": 0}:
            assert hypotheses[0].tokens == prefix + continued[0].tokens
        text = [*hypotheses[0].tokens, *([END] if hypotheses[0].ended else [])]
        assert hypotheses[0].score == pytest.approx(float(log_probabilities(model, [1], text).sum()), abs=1e-4)


@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
def test_phrases_stand_in_the_text(form):
    model = make(vocab_size=20, form=form)
    phrases = [[[7, 8, 9]], [[4], [5, 4]], [], [[1], [2]]]
    sources = None if form == "decoder" else [[1, 2], [4], [5, 6, 7], [8]]
    search = Writer(model, GenerationSettings(beams=6, max_tokens=10))
    found = search.run([[1]] * 4, sources, phrases=phrases)
    for wanted, hypotheses in zip(phrases, found, strict=True):
        tokens = hypotheses[0].tokens
        for phrase in wanted:
            assert any(tokens[place : place + len(phrase)] == phrase for place in range(len(tokens))), tokens
    free = search.run([[1]], None if sources is None else [sources[2]])
    assert found[2][0].rank <= free[0][0].rank + 1e-6


def test_a_full_beam_with_phrases_is_exhaustive_search():
    model = make()
    search = Writer(model, GenerationSettings(beams=250, max_tokens=3))
    for phrase in ([4, 2], [0], [1, 1, 1]):
        found = search.run([[1, 0]], phrases=[[phrase]])[0][0]
        best = next(
            text
            for _, text, _ in exhaustive(model, [1, 0], None, 3)
            if any(text[place : place + len(phrase)] == phrase for place in range(len(text)))
        )
        assert found.tokens == without_end(best)


def test_diverse_groups_are_one_beam_each_that_avoids_the_others():
    """Two groups of one hypothesis against the same, step by step and by hand."""
    model, strength = make(vocab_size=20), 2.0
    settings = GenerationSettings(beams=2, samples=2, groups=2, diversity=strength, max_tokens=5, min_tokens=5)
    found = Writer(model, settings).run([[1]])[0]
    texts, scores = [[], []], [0.0, 0.0]
    for _ in range(5):
        chosen = []
        for group in range(2):
            with torch.inference_mode():
                logs = model(Batch(torch.tensor([[1, *texts[group]]])))[0, -1].log_softmax(-1)
            judged = logs.clone()
            judged[END] = float("-inf")
            for token in chosen:
                judged[token] -= strength
            token = int(judged.argmax())
            scores[group] += float(logs[token])
            chosen.append(token)
        for group in range(2):
            texts[group].append(chosen[group])
    assert sorted(hypothesis.tokens for hypothesis in found) == sorted(texts)
    assert sorted(hypothesis.score for hypothesis in found) == pytest.approx(sorted(scores), abs=1e-4)


@pytest.mark.parametrize("kind", ["probability", "logarithm"])
@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
def test_an_ensemble_is_the_mean_of_its_models(form, kind):
    models = [make(form=form, seed=1), make("gru", form=form, seed=2), make(form=form, seed=3)]
    source = None if form == "decoder" else [1, 2]

    def logs(text):
        total = 0.0
        for length, token in enumerate(text):
            ids = torch.tensor([[1, *text[:length]]])
            with torch.inference_mode():
                each = [
                    model(Batch(ids, source=None if source is None else torch.tensor([source])))[0, -1].softmax(-1)
                    for model in models
                ]
            mean = (
                (each[0] + each[1] + each[2]) / 3 if kind == "probability" else (each[0] * each[1] * each[2]) ** (1 / 3)
            )
            total += math.log(float(mean[token] / mean.sum()))
        return total

    settings = GenerationSettings(beams=25, samples=3, max_tokens=2, ensemble=kind)
    found = Writer(models, settings).run([[1]], None if source is None else [source])[0]
    best = sorted(((logs(text) / len(text), text) for text in every_text(5, 2)), reverse=True)[:3]
    assert [hypothesis.tokens for hypothesis in found] == [without_end(text) for _, text in best]
    assert [hypothesis.rank for hypothesis in found] == pytest.approx([rank for rank, _ in best], abs=1e-4)


def test_an_ensemble_of_one_model_twice_is_that_model():
    model = make(vocab_size=20)
    settings = GenerationSettings(beams=4, samples=4, max_tokens=8)
    one, two = (Writer(kind, settings).run([[1], [2, 5]]) for kind in (model, [model, model]))
    assert [[h.tokens for h in row] for row in one] == [[h.tokens for h in row] for row in two]


def test_mistakes_are_said():
    model = make()
    with pytest.raises(LangueError, match="of 5 tokens, decoders of 6 tokens"):
        Writer([model, make(vocab_size=6)], GenerationSettings())
    with pytest.raises(LangueError, match="set beams to 2 or more"):
        Writer(model, GenerationSettings()).run([[1]], phrases=[[[2]]])
    with pytest.raises(LangueError, match="do not fit into 2 new tokens"):
        Writer(model, GenerationSettings(beams=2, max_tokens=2)).run([[1]], phrases=[[[2, 4], [1]]])
    with pytest.raises(LangueError, match="needs an encoder–decoder"):
        Writer(model, GenerationSettings(beams=2, coverage_penalty=0.2)).run([[1]])


@pytest.mark.parametrize("given", [{"beams": 3}, {"samples": 2, "temperature": 1.0}])
def test_how_texts_that_are_read_again_look_at_their_sources(given):
    """From then on sources are as long as the longest that is left, while the looks of before were longer."""
    model = make(vocab_size=30, form="seq2seq", context=6)
    sources = [[(7 * row + 3 * place) % 30 for place in range(1 + row % 6)] for row in range(12)]
    prefixes = [[END] if len(source) == 6 else [] for source in sources]  # the longest leave at once
    search = Writer(model, GenerationSettings(max_tokens=12, alignments=True, **given))
    found = search.run([[1]] * 12, sources, prefixes=prefixes)
    assert max(len(row[0].tokens) for row in found) > 6
    for source, prefix, row in zip(sources, prefixes, found, strict=True):
        for mine, alone in zip(row, search.run([[1]], [source], prefixes=[prefix])[0], strict=True):
            assert mine.tokens == alone.tokens
            assert mine.alignment.shape == (len(mine.log_probabilities), len(source))
            torch.testing.assert_close(mine.alignment, alone.alignment, atol=1e-4, rtol=1e-4)
