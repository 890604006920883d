"""Masked language modelling: what is hidden and how, and that the loss is BERT's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

from langue.batch import IGNORE, Batch
from langue.models import ModelConfig, build
from langue.models.config import ClassifierConfig
from langue.randomness import RowRandomness
from langue.tasks.fill.objective import Masked
from langue.tasks.fill.settings import MaskingSettings
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.word_starts import word_starts
from tiny import text

SMALL = {
    "form": "encoder", "position": "learned", "norm": "layer", "norm_place": "post", "norm_epsilon": 1e-12,
    "feedforward": "gelu", "bias": True, "embedding_norm": True, "segments": 2, "head_bias": True, "head_dense": "gelu",
    "head_norm": True, "width": 16, "layers": 2, "heads": 2, "context": 32, "feedforward_width": 24,
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=120), [text()])


def rows(tokenizer, count=8, length=20):
    ids = np.resize(tokenizer.encode(text(count * length)), count * length + 1)
    return [{"ids": ids[place * length : (place + 1) * length + 1]} for place in range(count)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 40), st.sampled_from([0.05, 0.15, 0.5]), st.booleans())
def test_the_share_is_hidden_and_special_tokens_never_are(first, rate, whole):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [text()])
    objective = Masked(tokenizer, MaskingSettings(rate=rate, whole_words=whole))
    batch = objective.batch(rows(tokenizer), RowRandomness(3, first))
    original = torch.tensor([tokenizer.pair(row["ids"][:-1].tolist())[0] for row in rows(tokenizer)])
    chosen = batch.targets != IGNORE
    assert torch.equal(batch.targets[chosen], original[chosen])
    assert torch.equal(batch.ids[~chosen], original[~chosen])
    special = torch.isin(original, torch.tensor(sorted(tokenizer.specials)))
    assert not (chosen & special).any()
    counts = chosen.sum(1)
    if whole:
        assert (counts >= 1).all()
    else:
        assert (counts == max(1, round(rate * 20))).all()


def test_draws_belong_to_rows_and_not_to_batches(tokenizer):
    objective = Masked(tokenizer, MaskingSettings())
    examples = rows(tokenizer)
    whole = objective.batch(examples, RowRandomness(3, 100))
    for place, example in enumerate(examples):
        alone = objective.batch([example], RowRandomness(3, 100 + place))
        assert torch.equal(alone.ids[0], whole.ids[place])
        assert torch.equal(alone.targets[0], whole.targets[place])
    again = objective.batch(examples, RowRandomness(3, 108))
    assert not torch.equal(again.targets, whole.targets)


def test_eighty_ten_ten(tokenizer):
    objective = Masked(tokenizer, MaskingSettings(rate=0.5))
    masked = kept = random = 0
    for first in range(0, 4000, 8):
        batch = objective.batch(rows(tokenizer), RowRandomness(0, first))
        chosen = batch.targets != IGNORE
        inputs, targets = batch.ids[chosen], batch.targets[chosen]
        masked += int((inputs == tokenizer.mask).sum())
        kept += int((inputs == targets).sum())
        random += int(((inputs != tokenizer.mask) & (inputs != targets)).sum())
        replaced = inputs[(inputs != tokenizer.mask) & (inputs != targets)].tolist()
        assert not set(replaced) & tokenizer.specials
    total = masked + kept + random
    ordinary = tokenizer.vocab_size - len(tokenizer.specials)
    assert masked / total == pytest.approx(0.8, abs=0.01)
    assert random / total == pytest.approx(0.1 * (1 - 1 / ordinary), abs=0.01)


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe", "unigram"])
def test_whole_words_are_hidden_whole(kind):
    size = 60 if kind == "wordpiece" else 300
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=size), [text()])
    starts = word_starts(tokenizer)
    objective = Masked(tokenizer, MaskingSettings(rate=0.3, whole_words=True))
    several = 0
    for first in range(0, 80, 8):
        examples = rows(tokenizer)
        batch = objective.batch(examples, RowRandomness(0, first))
        for targets, example in zip(batch.targets, examples, strict=True):
            ids, _ = tokenizer.pair(example["ids"][:-1].tolist())
            chosen = (targets != IGNORE).tolist()
            for place in range(2, len(ids) - 1):
                if not starts[ids[place]]:
                    assert chosen[place] == chosen[place - 1]
                    several += chosen[place]
    assert several


def test_words_begin_where_the_text_has_them():
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=60), [text()])
    ids = tokenizer.encode("king saw boat")
    words = "".join(" " * bool(word_starts(tokenizer)[n]) + tokenizer.engine.id_to_token(n) for n in ids)
    assert words.replace("##", "").split() == ["king", "saw", "boat"]
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    assert np.flatnonzero(word_starts(tokenizer)[tokenizer.encode("ab cd\ne")]).tolist() == [2, 5]


def test_documents_of_one_token_are_never_asked_for(tokenizer):
    """What a packed row left free is token 0, each a document of its own."""
    objective = Masked(tokenizer, MaskingSettings(rate=0.9))
    ids = np.full(21, tokenizer.encode("king")[0])
    documents = np.concatenate([np.zeros(10, np.int64), np.arange(1, 12)])
    batch = objective.batch([{"ids": ids, "documents": documents}], RowRandomness(0, 0))
    assert (batch.targets[0, :11] != IGNORE).sum() == 9
    assert (batch.targets[0, 11:] == IGNORE).all()
    assert batch.documents[0].tolist() == [0, *documents[:-1].tolist(), documents[-2]]


def bert(vocabulary):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=32, attn_implementation="eager", initializer_range=0.3,
    )  # fmt: skip
    return BertForPreTraining(config).eval()


def ours(theirs, classifier=None):
    """The same weights in Langue's places."""
    model = build(ModelConfig(**SMALL, vocab_size=theirs.config.vocab_size, classifier=classifier)).eval()
    found = dict(theirs.state_dict())

    def both(place, name):
        return {f"{place}.weight": found[f"{name}.weight"], f"{place}.bias": found[f"{name}.bias"]}

    weights = {
        "embedding.table.weight": found["bert.embeddings.word_embeddings.weight"],
        "segment.table.weight": found["bert.embeddings.token_type_embeddings.weight"],
        "stack.position.weight": found["bert.embeddings.position_embeddings.weight"],
        "head.bias": found["cls.predictions.bias"],
        **both("stack.embedding_norm", "bert.embeddings.LayerNorm"),
        **both("head.prepare.0.linear", "cls.predictions.transform.dense"),
        **both("head.prepare.1", "cls.predictions.transform.LayerNorm"),
    }
    for number in range(2):
        here, there = f"stack.blocks.{number}", f"bert.encoder.layer.{number}"
        for kind in ("weight", "bias"):
            parts = [found[f"{there}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            weights[f"{here}.mixer.query_key_value.{kind}"] = torch.cat(parts)
        weights |= both(f"{here}.mixer.output", f"{there}.attention.output.dense")
        weights |= both(f"{here}.sublayers.0.norm", f"{there}.attention.output.LayerNorm")
        weights |= both(f"{here}.feedforward.input", f"{there}.intermediate.dense")
        weights |= both(f"{here}.feedforward.output", f"{there}.output.dense")
        weights |= both(f"{here}.sublayers.1.norm", f"{there}.output.LayerNorm")
    if classifier is not None:
        weights |= both("classifier.dense.linear", "bert.pooler.dense")
        weights |= both("classifier.output", "cls.seq_relationship")
    missing = model.load_state_dict(weights, strict=False)
    assert missing.missing_keys in ([], ["head.table.weight"])
    return model


def test_the_loss_is_transformers_own_with_the_same_masks(tokenizer):
    theirs = bert(tokenizer.vocab_size)
    plain = BertForMaskedLM(theirs.config).eval()
    plain.load_state_dict(theirs.state_dict(), strict=False)
    objective = Masked(tokenizer, MaskingSettings())
    batch = objective.batch(rows(tokenizer), RowRandomness(1, 0))
    with torch.no_grad():
        expected = plain(input_ids=batch.ids, labels=batch.targets).loss
        loss = objective.loss(ours(theirs), batch)
    assert int(loss.count) == int((batch.targets != IGNORE).sum())
    torch.testing.assert_close(loss.total / loss.count, expected, atol=1e-5, rtol=1e-5)


def test_the_second_question_counts_as_in_transformers(tokenizer):
    theirs = bert(tokenizer.vocab_size)
    objective = Masked(tokenizer, MaskingSettings(pairs="next"))
    examples = [{"ids": row["ids"][:-1], "cut": 5 + n, "related": n % 2} for n, row in enumerate(rows(tokenizer))]
    batch = objective.batch(examples, RowRandomness(1, 0))
    assert batch.targets[:, 0].tolist() == [0, 1] * 4
    assert batch.segments.sum(1).tolist() == [20 - 5 - n + 1 for n in range(8)]
    masked = batch.targets.clone()
    masked[:, 0] = IGNORE
    head = ClassifierConfig(outputs=2, pooling="first", dense="tanh")
    with torch.no_grad():
        expected = theirs(
            input_ids=batch.ids, token_type_ids=batch.segments, labels=masked, next_sentence_label=batch.targets[:, 0]
        ).loss
        loss = objective.loss(ours(theirs, head), batch)
    torch.testing.assert_close(loss.total / loss.count, expected, atol=1e-5, rtol=1e-5)


def test_only_what_is_asked_goes_through_the_head(tokenizer):
    model = build(ModelConfig(**SMALL, vocab_size=tokenizer.vocab_size))
    seen = []
    model.head.prepare.register_forward_hook(lambda module, given, result: seen.append(result.shape))
    objective = Masked(tokenizer, MaskingSettings())
    batch = objective.batch(rows(tokenizer), RowRandomness(1, 0))
    objective.loss(model, Batch(batch.ids, batch.targets, segments=batch.segments))
    assert [shape[0] for shape in seen] == [int((batch.targets != IGNORE).sum())]


def test_rows_have_gradients_of_their_own(tokenizer):
    """By `torch.func`, though hidden tokens alone go through the head of a batch."""
    objective = Masked(tokenizer, MaskingSettings(rate=0.3))
    model = build(ModelConfig(**SMALL, vocab_size=tokenizer.vocab_size), seed=3).double()
    batch = objective.batch(rows(tokenizer, 3), RowRandomness(0, 0))
    named = {name: tensor for name in ("ids", "targets", "segments") if (tensor := getattr(batch, name)) is not None}

    class OfRow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, row):
            return objective.loss(self.model, Batch(**{name: x[None] for name, x in row.items()})).total

    of_row = OfRow()
    parameters = {name: parameter.detach() for name, parameter in of_row.named_parameters()}
    one = torch.func.grad(lambda parameters, row: torch.func.functional_call(of_row, parameters, (row,)))
    gradients = torch.func.vmap(one, (None, 0))(parameters, named)
    for number in range(3):
        of_row.zero_grad()
        of_row({name: x[number] for name, x in named.items()}).backward()
        for name, parameter in of_row.named_parameters():
            expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradients[name][number], expected)
