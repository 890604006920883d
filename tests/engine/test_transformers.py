"""The same texts as Transformers' generate writes over the same logits."""

import pytest
import torch
from toys import END, MIXERS, ReferenceDecoder, ReferenceSeq2Seq, Writer, make

from langue.engine import GenerationSettings

PROMPTS = [[1, 2, 4], [5, 6, 7], [9, 1, 1], [20, 8, 2]]
SOURCES = [[1, 2, 4], [5, 6, 7, 8, 9], [9], [11, 12, 13, 14]]
LENGTH = 9


def texts_of(rows, start):
    """Tokens after the prompt, up to the ending one, which is also the padding."""
    found = []
    for row in rows[:, start:].tolist():
        found.append(row[: row.index(END)] if END in row else row)
    return found


def ours(model, prompts, sources, **options):
    settings = GenerationSettings(max_tokens=LENGTH, **options)
    return Writer(model, settings, END).run(prompts, sources)


def theirs(model, sources, **options):
    if sources is None:
        ids = torch.tensor(PROMPTS)
        return ReferenceDecoder(model).generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH, return_dict_in_generate=True,
            output_scores=True, **options,
        ), ids.shape[1]  # fmt: skip
    longest = max(len(source) for source in sources)
    ids = torch.tensor([[*source, *[0] * (longest - len(source))] for source in sources])
    valid = torch.tensor([[1] * len(source) + [0] * (longest - len(source)) for source in sources])
    reference = ReferenceSeq2Seq(model).generate(
        ids, attention_mask=valid, max_new_tokens=LENGTH, return_dict_in_generate=True, output_scores=True, **options
    )
    return reference, 1


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ({}, {}),
        ({"length_penalty": 0.0}, {"length_penalty": 0.0}),
        ({"length_penalty": 2.0, "beams": 3, "samples": 3}, {"length_penalty": 2.0, "num_beams": 3, "k": 3}),
        ({"min_tokens": 5}, {"min_new_tokens": 5}),
        ({"no_repeat_ngram": 2}, {"no_repeat_ngram_size": 2}),
        ({"repetition_penalty": 1.5}, {"repetition_penalty": 1.5}),
        ({"stopping": "exact"}, {"early_stopping": "never"}),
        ({"stopping": "early"}, {"early_stopping": True}),
    ],
)
@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
def test_beams(form, mine, other):
    model = make(vocab_size=25, form=form, context=32)
    sources = SOURCES if form == "seq2seq" else None
    prompts = [[0]] * 4 if form == "seq2seq" else PROMPTS
    options = {"num_beams": 4, "num_return_sequences": other.get("k", 1), **other}
    options.pop("k", None)
    reference, start = theirs(model, sources, **options)
    found = ours(model, prompts, sources, **{"beams": 4, **mine})
    flat = [hypothesis for each in found for hypothesis in each]
    assert [hypothesis.tokens for hypothesis in flat] == texts_of(reference.sequences, start)
    ranks = torch.tensor([hypothesis.rank for hypothesis in flat])
    torch.testing.assert_close(ranks, reference.sequences_scores, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mixer", MIXERS)
def test_beams_of_every_mixer(mixer):
    model = make(mixer, vocab_size=25, context=32)
    reference, start = theirs(model, None, num_beams=4)
    found = ours(model, PROMPTS, None, beams=4)
    assert [each[0].tokens for each in found] == texts_of(reference.sequences, start)


@pytest.mark.parametrize("options", [{}, {"repetition_penalty": 1.5}, {"no_repeat_ngram": 2}, {"min_tokens": 6}])
def test_greedy(options):
    names = {"no_repeat_ngram": "no_repeat_ngram_size", "min_tokens": "min_new_tokens"}
    model = make(vocab_size=25, context=32)
    reference, start = theirs(
        model, None, do_sample=False, **{names.get(name, name): value for name, value in options.items()}
    )
    found = ours(model, PROMPTS, None, temperature=0, **options)
    assert [each[0].tokens for each in found] == texts_of(reference.sequences, start)
