"""Searches in a small BEIR folder against sentence-transformers' evaluator, and against fusion written out."""

import json

import ir_measures
import pytest
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from tests.sentence_folder import changed, save_sentence_folder, texts

import langue
from langue import cli
from langue.data.benchmarks import SearchSet, read_beir
from langue.evaluation.search import RERANKED, by_words, evaluate_search, reranked
from langue.metrics.retrieval import retrieval_statistics

DOCUMENTS = {f"d{number}": text for number, text in enumerate(texts(130))}
QUERIES = {f"q{number}": changed(DOCUMENTS[f"d{number}"], 2, number) for number in range(40)}
JUDGEMENTS = {f"q{number}": {f"d{number}": 1, f"d{number + 40}": 1, "d99": 0} for number in range(40)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("search")
    theirs = save_sentence_folder(place)
    (place / "beir" / "qrels").mkdir(parents=True)
    for name, held in (("corpus", DOCUMENTS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": key, "title": "", "text": text}) + "\n" for key, text in held.items()]
        (place / "beir" / f"{name}.jsonl").write_text("".join(lines))
    lines = [f"{query}\t{key}\t{grade}\n" for query, grades in JUDGEMENTS.items() for key, grade in grades.items()]
    (place / "beir" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return place, theirs


@pytest.fixture(scope="module")
def found(folder):
    place, _ = folder
    return evaluate_search(langue.load(place / "sentence"), read_beir(place / "beir"))


def test_dense_search_scores_as_sentence_transformers_evaluates_it(folder, found):
    _, theirs = folder
    relevant = {query: {key for key, grade in each.items() if grade} for query, each in JUDGEMENTS.items()}
    evaluator = InformationRetrievalEvaluator(
        QUERIES, DOCUMENTS, relevant, map_at_k=[130], precision_recall_at_k=[100], write_csv=False
    )
    want = evaluator(theirs)
    ours = found[0]["metrics"]
    assert ours == found[0]["systems"]["dense"]["metrics"]
    for name, their_name in (
        ("ndcg@10", "ndcg@10"),
        ("mrr@10", "mrr@10"),
        ("recall@100", "recall@100"),
        ("map", "map@130"),
    ):
        assert ours[name] == pytest.approx(want[f"cosine_{their_name}"], abs=1e-6), name
        low, high = found[0]["intervals"][name]
        assert low < ours[name] < high


def test_hybrid_is_the_sum_of_reciprocal_places(found):
    scores, rankings = found
    for query in QUERIES:
        sums = dict.fromkeys(DOCUMENTS, 0.0)
        for system in ("dense", "bm25"):
            for place, document in enumerate(rankings[system][query], 1):
                sums[document] += 1 / (2 + place)
        want = sorted(DOCUMENTS, key=lambda document: -sums[document])
        assert [sums[each] for each in rankings["hybrid"][query]] == pytest.approx([sums[each] for each in want])
    each = retrieval_statistics(rankings["hybrid"], JUDGEMENTS)["ndcg@10"]
    assert scores["systems"]["hybrid"]["metrics"]["ndcg@10"] == pytest.approx(each.mean(), abs=1e-12)
    beside = retrieval_statistics(rankings["dense"], JUDGEMENTS)["ndcg@10"]
    difference = scores["systems"]["hybrid"]["difference"]
    assert difference["value"] == pytest.approx((each - beside).mean())
    assert difference["interval"][0] < difference["value"] < difference["interval"][1]


def test_words_find_what_holds_them_and_nothing_else():
    found = by_words(["w1 w1x", "w3"], ["w2", "w1 w2 w2", "W1", ""])
    assert [[number for number, _ in ranking] for ranking in found] == [[2, 1], []]


def test_a_reranker_judges_the_best_and_leaves_the_others_behind_them():
    documents = [f"document {number}" for number in range(RERANKED + 20)]
    found = [[(number, 1.0 / (number + 1)) for number in range(RERANKED + 20)], []]
    judged = reranked(lambda query, some: [int(text.split()[1]) // 2 for text in some], found, ["a", "b"], documents)
    order = [number for number, _ in judged[0]]
    # Of equals, the one that stood higher stays so.
    assert order[:4] == [RERANKED - 2, RERANKED - 1, RERANKED - 4, RERANKED - 3]
    assert sorted(order[:RERANKED]) == list(range(RERANKED))
    assert order[RERANKED:] == list(range(RERANKED, RERANKED + 20))
    assert judged[1] == []


def test_no_document_is_an_answer_to_itself_unless_it_was_judged(folder):
    place, _ = folder
    given = SearchSet(
        "x", DOCUMENTS, {"d1": DOCUMENTS["d1"], "d2": DOCUMENTS["d2"]}, {"d1": {"d3": 1}, "d2": {"d2": 1}}, 0, 0
    )
    _, rankings = evaluate_search(langue.load(place / "sentence"), given)
    for ranking in rankings.values():
        assert "d1" not in ranking["d1"]
        assert ranking["d2"][0] == "d2"


def test_the_command_prints_a_table_one_object_and_a_run_file(folder, found, capsys, tmp_path):
    place, _ = folder
    words = ["evaluate", str(place / "sentence"), "--data", str(place / "beir")]
    assert cli.run([*words, "--json", "--predictions", str(tmp_path / "run.txt")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["task"], printed["examples"], printed["documents"]) == ("embed", 40, 130)
    assert printed["metrics"] == found[0]["metrics"]
    assert list(printed["systems"]) == ["dense", "bm25", "hybrid"]
    lines = (tmp_path / "run.txt").read_text().splitlines()
    run = ir_measures.read_trec_run("\n".join(line for line in lines if line.endswith(" hybrid")) + "\n")
    want = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], JUDGEMENTS, run)[ir_measures.nDCG @ 10]
    assert printed["systems"]["hybrid"]["metrics"]["ndcg@10"] == pytest.approx(want)
    assert cli.run(words) == 0
    shown = capsys.readouterr().out
    assert "40 queries, 130 documents" in shown
    assert f"{found[0]['metrics']['ndcg@10']:.4f}" in shown
    assert cli.run([*words, "--split", "dev"]) == 2
    assert "splits that were judged: test" in capsys.readouterr().err
    assert cli.run([*words, "--rerank", str(place / "sentence")]) == 2
    assert "was made to embed; reranking wants one that was trained to classify pairs" in capsys.readouterr().err
    assert cli.run([*words, "--rerank-depth", "0"]) == 2
    assert "--rerank-depth is for --rerank, which is not given" in capsys.readouterr().err
