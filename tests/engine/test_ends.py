"""Several tokens that end a text, as Transformers' generate takes them; and models whose output is no number."""

import pytest
import torch
from toys import ReferenceDecoder, ReferenceSeq2Seq, Writer, make

from langue.engine import GenerationSettings
from langue.errors import LangueError

ENDS = [3, 2, 6, 20, 14]
PROMPTS = [[1, 5, 4], [5, 7, 8], [9, 1, 1], [21, 8, 16]]
SOURCES = [[1, 2, 4, 6], [5, 6, 7, 8], [9, 9, 1, 2], [11, 12, 13, 14]]
LENGTH = 9


def first_end(row: list[int]) -> tuple[list[int], int | None]:
    """A text and what ended it."""
    place = next((number for number, token in enumerate(row) if token in ENDS), None)
    return (row, None) if place is None else (row[:place], row[place])


@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ({"temperature": 0.0}, {"do_sample": False}),
        ({"temperature": 0.0, "min_tokens": 4}, {"do_sample": False, "min_new_tokens": 4}),
        ({"beams": 4}, {"num_beams": 4}),
        ({"beams": 3, "samples": 3}, {"num_beams": 3, "num_return_sequences": 3}),
        ({"beams": 4, "min_tokens": 5}, {"num_beams": 4, "min_new_tokens": 5}),
        ({"beams": 4, "stopping": "exact"}, {"num_beams": 4, "early_stopping": "never"}),
    ],
)
def test_each_of_them_ends_a_text_as_in_transformers(form, mine, other):
    model = make(vocab_size=25, form=form, context=32)
    options = {"max_new_tokens": LENGTH, "eos_token_id": ENDS, "pad_token_id": 3, **other}
    if form == "seq2seq":
        ids, start = torch.tensor(SOURCES), 1
        reference = ReferenceSeq2Seq(model).generate(ids, attention_mask=torch.ones_like(ids), **options)
    else:
        ids, start = torch.tensor(PROMPTS), 3
        reference = ReferenceDecoder(model).generate(ids, attention_mask=torch.ones_like(ids), **options)
    prompts, sources = ([[0]] * 4, SOURCES) if form == "seq2seq" else (PROMPTS, None)
    found = Writer(model, GenerationSettings(max_tokens=LENGTH, **mine), ENDS).run(prompts, sources)
    ours = [(each.tokens, each.end) for hypotheses in found for each in hypotheses]
    assert ours == [first_end(row) for row in reference[:, start:].tolist()]
    assert any(end is not None for _, end in ours)


def test_none_of_them_is_ruled_out():
    model = make(vocab_size=25, context=32)
    free = Writer(model, GenerationSettings(max_tokens=LENGTH, temperature=0), ENDS).run(PROMPTS)
    held = Writer(model, GenerationSettings(max_tokens=LENGTH, temperature=0), ENDS, suppress_tokens=ENDS).run(PROMPTS)
    assert [each[0].tokens for each in free] == [each[0].tokens for each in held]


@pytest.mark.parametrize("options", [{"beams": 3}, {"beams": 4, "groups": 2}])
def test_phrases_and_groups_know_all_of_them(options):
    model = make(vocab_size=25, context=32)
    settings = GenerationSettings(max_tokens=LENGTH, **options)
    phrases = None if "groups" in options else [[[4, 5]]]
    found = Writer(model, settings, ENDS).run([[1]], phrases=phrases)[0][0]
    assert found.end in ENDS
    assert not set(found.tokens) & set(ENDS)
    assert phrases is None or "4, 5" in str(found.tokens)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "options",
    [{"temperature": 0}, {}, {"top_k": 3}, {"top_p": 0.5, "samples": 2}, {"beams": 3}, {"beams": 4, "groups": 2}],
)
def test_damaged_weights_are_said_in_one_sentence(number, options):
    model = make(vocab_size=300, context=32)
    with torch.no_grad():
        model.embedding.table.weight[5] = number
    with pytest.raises(LangueError, match="output is not finite"):
        Writer(model, GenerationSettings(max_tokens=5, **options), 3).run([[1, 5], [2]])
