"""Losses of vectors, held against those of sentence-transformers, and cached gradients against plain ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.sentences import save_bert, sentence_model, texts
from torch import Tensor

import langue
from langue.batch import IGNORE
from langue.models import ModelConfig, build
from langue.randomness import seed_torch
from langue.tasks.embed import similarity
from langue.tasks.embed.objective import EmbedObjective, names_of
from langue.tasks.embed.settings import EmbedSettings

theirs = pytest.importorskip("sentence_transformers.sentence_transformer.losses")

ROWS, TEXTS, SIZE = 5, 4, 8
VECTORS = torch.randn(ROWS, TEXTS, SIZE, generator=torch.Generator().manual_seed(0))
UNIT = F.normalize(VECTORS, dim=-1)
DIFFERENT = torch.arange(ROWS * TEXTS).view(ROWS, TEXTS)
GRADES = torch.tensor([0.1, 0.5, 0.5, 0.9, 0.0])
TOLD = torch.randn(ROWS, TEXTS - 1, generator=torch.Generator().manual_seed(1))
DUMMY = torch.nn.Identity()


def columns(vectors: Tensor) -> list[Tensor]:
    return [vectors[:, place] for place in range(vectors.shape[1])]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_contrastive_is_multiple_negatives_ranking(count):
    expected = theirs.MultipleNegativesRankingLoss(DUMMY).compute_loss_from_embeddings(
        columns(VECTORS[:, :count]), None
    )
    found = similarity.contrastive(UNIT[:, :count], DIFFERENT[:, :count], 0.05)
    torch.testing.assert_close(found / ROWS, expected)


@pytest.mark.parametrize("count", [2, 3])
def test_symmetric_is_multiple_negatives_symmetric_ranking(count):
    loss = theirs.MultipleNegativesSymmetricRankingLoss(DUMMY, scale=10)
    expected = loss.compute_loss_from_embeddings(columns(VECTORS[:, :count]), None)
    found = similarity.contrastive(UNIT[:, :count], DIFFERENT[:, :count], 0.1, symmetric=True)
    torch.testing.assert_close(found / ROWS, expected)


def test_cosent_is_theirs():
    expected = theirs.CoSENTLoss(DUMMY).compute_loss_from_embeddings(columns(VECTORS[:, :2]), GRADES)
    torch.testing.assert_close(similarity.cosent(UNIT[:, :2], GRADES, 0.05) / ROWS, expected)
    same = similarity.cosent(UNIT[:, :2], torch.ones(ROWS), 0.05)
    assert float(same) == 0.0


def test_regression_is_cosine_similarity():
    expected = theirs.CosineSimilarityLoss(DUMMY).compute_loss_from_embeddings(columns(VECTORS[:, :2]), GRADES)
    torch.testing.assert_close(similarity.regression(UNIT[:, :2], GRADES) / ROWS, expected)


@pytest.mark.parametrize("count", [3, 4])
def test_margins_and_divergence_are_theirs(count):
    told, given = TOLD[:, : count - 1], VECTORS[:, :count]
    expected = theirs.MarginMSELoss(DUMMY).compute_loss_from_embeddings(columns(given), told)
    torch.testing.assert_close(similarity.margins(given, told, 1.0) / ROWS, expected)
    expected = theirs.DistillKLDivLoss(DUMMY).compute_loss_from_embeddings(columns(given), told)
    torch.testing.assert_close(similarity.divergence(given, told, 1.0) / ROWS, expected)


@pytest.mark.parametrize("loss", [similarity.margins, similarity.divergence])
def test_a_negative_that_is_not_there_changes_nothing(loss):
    told = torch.cat([TOLD[:, :2], torch.full((ROWS, 1), torch.nan)], 1)
    given = VECTORS.clone().requires_grad_()
    found = loss(given, told, 0.7)
    torch.testing.assert_close(found, loss(VECTORS[:, :3], TOLD[:, :2], 0.7))
    found.backward()
    assert given.grad.isfinite().all()
    assert (given.grad[:, 3] == 0).all()


def test_distance_is_the_mean_squared_error():
    expected = F.mse_loss(VECTORS[:, 0], VECTORS[:, 1])
    torch.testing.assert_close(similarity.distance(VECTORS[:, 0], VECTORS[:, 1]) / ROWS, expected)


def by_hand(names: Tensor, temperature: float = 0.05) -> float:
    """The contrastive loss in plain loops."""
    total = 0.0
    for row in range(ROWS):
        right = {int(names[other, 1]) for other in range(ROWS) if names[other, 0] == names[row, 0]}
        scores = [float(UNIT[row, 0] @ UNIT[row, 1])]
        for place in range(1, TEXTS):
            for other in range(ROWS):
                name = int(names[other, place])
                if name not in right | {IGNORE, int(names[row, 0])}:
                    scores.append(float(UNIT[row, 0] @ UNIT[other, place]))
        logits = torch.tensor(scores, dtype=torch.float64) / temperature
        total += float(logits.logsumexp(0) - logits[0])
    return total


@pytest.mark.parametrize(
    "same",
    [
        {},
        {(0, 1): 9},  # a positive twice
        {(0, 0): 4, (1, 0): 4},  # an anchor twice, with two positives
        {(0, 0): 4, (1, 0): 4, (3, 2): 1},  # and one of these is another's negative
        {(2, 3): 12},  # a negative that is another row's anchor
        {(4, 1): 0},  # a positive that is another row's anchor
        {(1, 3): IGNORE, (2, 2): IGNORE, (2, 3): IGNORE},
    ],
)
def test_equal_texts_are_no_wrong_answers(same):
    names = DIFFERENT.clone()
    for place, name in same.items():
        names[place] = name
    assert float(similarity.contrastive(UNIT, names, 0.05)) == pytest.approx(by_hand(names), rel=1e-5)


def test_names_are_equal_where_texts_are():
    (a, b, none), (again, c, first) = names_of([[b"a", b"b"], [b"b", b"c", b"a"]]).tolist()
    assert (none, again, first) == (IGNORE, b, a)
    assert len({a, b, c}) == 3


# A batch


def examples(count: int, negatives: int = 1, seed: int = 0, **more) -> list[dict]:
    draws = np.random.default_rng(seed)
    texts = [
        [draws.integers(1, 50, draws.integers(2, 12)) for _ in range(2 + int(draws.integers(negatives + 1)))]
        for _ in range(count)
    ]
    return [{"ids": row, "target": 0, **more} for row in texts]


def small(**more):
    config = ModelConfig(
        form="encoder", vocab_size=50, width=16, heads=2, layers=2, context=16, embedder={"pooling": "mean"}, **more
    )
    return build(config)


def gradients(model, objective: EmbedObjective, batch) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    seed_torch(0)
    loss = objective.loss(model, batch)
    (loss.total / loss.count).backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def kept_bytes(model, objective: EmbedObjective, batch) -> int:
    """Bytes that autograd keeps for the way back."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        sizes[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        objective.loss(model, batch)
    return sum(sizes.values())


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("sizes", [(), (16, 4)])
def test_cached_gradients_are_those_of_the_whole_batch_and_keep_little(dropout, sizes):
    model = small(dropout=dropout).train()
    given = EmbedSettings(loss="contrastive", sizes=sizes, piece_tokens=40)
    plain, cached = (EmbedObjective(given.model_copy(update={"cached": cached})) for cached in (False, True))
    batch = plain.batch(examples(24))
    expected, found = gradients(model, plain, batch), gradients(model, cached, batch)
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], atol=1e-6, rtol=0)
    if not dropout:
        whole = gradients(model, EmbedObjective(given.model_copy(update={"piece_tokens": 1 << 20})), batch)
        length = torch.stack([each.norm() for each in whole.values()]).norm()
        for name in whole:
            torch.testing.assert_close(found[name] / length, whole[name] / length, atol=1e-5, rtol=0)
    assert kept_bytes(model, cached, batch) < kept_bytes(model, plain, batch) / 4


def test_pieces_change_neither_order_nor_vectors():
    model = small().eval()
    batch = EmbedObjective(EmbedSettings(loss="contrastive")).batch(examples(9))
    with torch.no_grad():
        expected = model.represent(batch)
        for tokens in (1, 30, 1 << 20):
            found = EmbedObjective(EmbedSettings(loss="contrastive", piece_tokens=tokens)).represent(model, batch)
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_one_text_is_its_own_positive_under_another_mask():
    model = small(dropout=0.3).train()
    objective = EmbedObjective(EmbedSettings(loss="contrastive"))
    batch = objective.batch([{"ids": [np.array([1, 2, 3])], "target": 0}, {"ids": [np.array([4, 5])], "target": 0}])
    (one, same), (other, again) = batch.targets.tolist()
    assert one == same != other == again
    vectors = objective.represent(model, batch)
    assert not torch.allclose(vectors[0], vectors[1])
    with torch.no_grad():
        vectors = objective.represent(model.eval(), batch)
    torch.testing.assert_close(vectors[0], vectors[1])


def test_matryoshka_sums_over_sizes():
    found = EmbedObjective(EmbedSettings(loss="contrastive", sizes=(8, 4))).of_vectors(VECTORS.flatten(0, 1), DIFFERENT)
    loss = theirs.MultipleNegativesRankingLoss(DUMMY)
    expected = sum(loss.compute_loss_from_embeddings(columns(VECTORS[..., :size]), None) for size in (8, 4))
    torch.testing.assert_close(found.total / found.count, expected)


def test_a_teachers_numbers_come_as_targets():
    rows = examples(3, negatives=2)
    told = [np.arange(len(row["ids"]) - 1) for row in rows]
    given = [{**row, "target": each} for row, each in zip(rows, told, strict=True)]
    targets = EmbedObjective(EmbedSettings(loss="margin")).batch(given).targets
    assert [each[~each.isnan()].tolist() for each in targets] == [each.tolist() for each in told]
    vectors = [np.ones((2, 16), np.float32), np.zeros((2, 16), np.float32)]
    given = [{"ids": row["ids"][:2], "target": each} for row, each in zip(rows, vectors, strict=False)]
    objective = EmbedObjective(EmbedSettings(loss="vectors"))
    batch = objective.batch(given)
    loss = objective.loss(small(), batch)
    assert (batch.targets.shape, int(loss.count)) == ((4, 16), 4)


# A whole model


@pytest.mark.parametrize("name", ["plain", "cached", "matryoshka", "symmetric"])
def test_gradients_of_a_model_are_those_of_sentence_transformers(tmp_path: Path, name: str):
    save_bert(tmp_path / "bert")
    model = sentence_model(tmp_path / "bert").eval()
    model.save(str(tmp_path / "sentence"))
    plain = theirs.MultipleNegativesRankingLoss(model)
    loss, settings = {
        "plain": (plain, {}),
        "cached": (theirs.CachedMultipleNegativesRankingLoss(model, mini_batch_size=3), {"cached": True}),
        "matryoshka": (theirs.MatryoshkaLoss(model, plain, [32, 8]), {"sizes": (32, 8)}),
        "symmetric": (theirs.MultipleNegativesSymmetricRankingLoss(model), {"symmetric": True}),
    }[name]
    anchors, positives = texts(7), texts(7, seed=1)
    value = loss([model.preprocess(anchors), model.preprocess(positives)], None)
    value.backward()
    task = langue.load(tmp_path / "sentence")
    rows = [task.reading.encode(task.tokenizer, side, 32) for side in (anchors, positives)]
    given = [{"ids": [np.array(text) for text in row], "target": 0} for row in zip(*rows, strict=True)]
    objective = EmbedObjective(EmbedSettings(loss="contrastive", piece_tokens=64, **settings))
    found = objective.loss(task.model, objective.batch(given))
    (found.total / found.count).backward()
    assert float((found.total / found.count).detach()) == pytest.approx(float(value.detach()), rel=1e-5)
    trunk = model[0].auto_model if hasattr(model[0], "auto_model") else model[0].model
    expected = trunk.embeddings.word_embeddings.weight.grad
    torch.testing.assert_close(task.model.embedding.table.weight.grad, expected, atol=1e-5, rtol=1e-4)
    last = trunk.encoder.layer[-1].output.dense.weight.grad
    torch.testing.assert_close(task.model.stack.blocks[-1].feedforward.output.weight.grad, last, atol=1e-5, rtol=1e-4)
