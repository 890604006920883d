"""A judge of pairs against sentence-transformers' cross-encoder, alone and behind a search."""

import numpy as np
import pytest
from sentence_transformers import CrossEncoder
from tests.sentence_folder import changed, save_cross_encoder, save_sentence_folder, texts
from torch.nn import Identity

from langue.data.benchmarks import SearchSet
from langue.errors import LangueError
from langue.evaluation.search import evaluate_search
from langue.search import Index, IndexSettings
from langue.search.rerank import judge, load_reranker
from langue.tasks import load

TEXTS = texts(30)
QUERY = changed(TEXTS[3], 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("rerank")
    save_sentence_folder(place)
    for outputs in (1, 2, 3):
        save_cross_encoder(place / f"cross-{outputs}", outputs)
    return place


@pytest.mark.parametrize("outputs", [1, 2])
def test_pairs_are_judged_as_a_cross_encoder_judges_them(folder, outputs):
    path = folder / f"cross-{outputs}"
    said = CrossEncoder(str(path), device="cpu").predict([(QUERY, text) for text in TEXTS], activation_fn=Identity())
    found = judge(load_reranker(path), QUERY, TEXTS)
    if outputs == 2:
        said = np.exp(said[:, 1]) / np.exp(said).sum(1)
    assert found == pytest.approx(said, abs=1e-5)
    assert found.std() > 1e-3


def test_a_search_is_reranked_in_an_index_and_in_an_evaluation(folder, tmp_path):
    rerank = load_reranker(folder / "cross-1")
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(TEXTS)]
    task = load(folder / "sentence")
    index = Index.build(rows, tmp_path / "index", task, IndexSettings(kind="memory"))
    order = [f"d{place}" for place in np.argsort(-judge(rerank, QUERY, TEXTS), kind="stable")]
    assert [hit.document for hit in index.search(QUERY, 5, rerank=rerank)] == order[:5]
    given = SearchSet("x", {row["id"]: row["text"] for row in rows}, {"q": QUERY}, {"q": {"d3": 1}}, 0, 0)
    found, rankings = evaluate_search(task, given, rerank)
    assert rankings["reranked"]["q"] == order
    assert found["systems"]["reranked"]["metrics"]["mrr@10"] == pytest.approx(
        1 / (order.index("d3") + 1) if "d3" in order[:10] else 0.0
    )
    _, rankings = evaluate_search(task, given, rerank, 4)
    assert rankings["reranked"]["q"][4:] == rankings["hybrid"]["q"][4:]
    assert rankings["reranked"]["q"][:4] == [name for name in order if name in rankings["hybrid"]["q"][:4]]


def test_what_cannot_judge_is_refused(folder):
    with pytest.raises(LangueError, match="was made to embed; reranking wants one that was trained to classify pairs"):
        load_reranker(folder / "sentence")
    with pytest.raises(LangueError, match="tells neither a number nor two labels"):
        load_reranker(folder / "cross-3")
    assert load_reranker(len) is len
