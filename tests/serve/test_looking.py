"""`/v1/attention` and alignments of translations: the weights are those of the task, and every answer is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from served import TEXTS, rewriter, serving, writer

from langue.serve.attention import MOST_TOKENS
from langue.serve.rewriting import MOST_ALIGNED
from langue.tasks.summarize.predict import Summarize
from langue.tasks.translate.predict import Translate


@pytest.fixture(scope="module")
def served():
    tasks = {
        "writer": writer(context=256),
        "recurrent": writer(mixer="lstm", position="none"),
        "mixed": writer(layers=["attention", "lstm", "attention"]),
        "translator": rewriter(Translate),
        "teller": rewriter(Summarize),
    }
    with serving(tasks) as server:
        yield server


@pytest.mark.parametrize(("model", "block", "place"), [("writer", 1, 0), ("writer", None, 1), ("mixed", 3, 1)])
def test_weights_are_those_of_the_task(served, model, block, place):
    answer = served.post("/v1/attention", {"model": model, "input": "the old king", "block": block}).json()
    tokens, maps = served.task(model).attention("the old king")
    assert (answer["tokens"], answer["targets"]) == (tokens, tokens)
    assert answer["block"] == answer["blocks"][place]
    np.testing.assert_allclose(answer["heads"], maps[place], atol=1e-4)


@pytest.mark.parametrize("model", ["translator", "teller"])
def test_an_encoder_decoder_looks_at_its_source(served, model):
    body = {"model": model, "input": "the old king", "target": "a red boat"}
    answer = served.post("/v1/attention", body).json()
    tokens, targets, maps = served.task(model).attention("the old king", "a red boat")
    assert (answer["tokens"], answer["targets"], answer["blocks"]) == (tokens, targets, [1])
    np.testing.assert_allclose(answer["heads"], maps[0], atol=1e-4)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": "recurrent", "input": "the"}, "has no attention"),
        ({"model": "mixed", "input": "the", "block": 2}, "with attention are 1, 3"),
        ({"model": "writer", "input": "the " * 33}, f"132 tokens; give 1 to {MOST_TOKENS}"),
        ({"model": "writer", "input": "é☃"}, "does not know"),
        ({"model": "writer", "input": "the", "target": "the"}, "leave out the target"),
        ({"model": "translator", "input": "the"}, "answers at /v1/translate"),
        ({"model": "translator", "input": "the " * 17, "target": "a"}, "input has 68 tokens; give 1 to 64"),
        ({"model": "translator", "input": "a", "target": "the " * 17}, "target has 68 tokens"),
        ({"model": "translator", "input": "a", "target": "a", "target_language": "fr"}, "fr"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_looked_at_is_refused(served, body, words):
    answer = served.post("/v1/attention", body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(("route", "model"), [("/v1/translate", "translator"), ("/v1/summarize", "teller")])
def test_alignments_are_those_of_the_engine(served, route, model):
    body = {"model": model, "input": [*TEXTS, ""], "beams": 2, "max_tokens": 8}
    plain, aligned = (served.post(route, {**body, "alignment": value}).json()["data"] for value in (False, True))
    assert [entry["text"] for entry in plain] == [entry["text"] for entry in aligned]
    assert not any("alignment" in entry for entry in plain)
    results = served.task(model).rewrite([*TEXTS, ""], beams=2, max_tokens=8, alignments=True)
    for entry, result in zip(aligned[:-1], results, strict=False):
        alignment = entry["alignment"]
        assert alignment["source_tokens"] == served.task(model).source_names(result.read)
        assert alignment["tokens"] == served.task(model).names(result.best.written)
        np.testing.assert_allclose(alignment["weights"], result.best.alignment, atol=1e-4)
        np.testing.assert_allclose(np.sum(alignment["weights"], -1), 1, atol=1e-2)
    assert aligned[-1]["alignment"] is None


def test_alignments_of_many_texts_are_refused(served):
    body = {"model": "translator", "input": ["a"] * (MOST_ALIGNED + 1), "alignment": True}
    assert f"up to {MOST_ALIGNED} texts" in served.post("/v1/translate", body).json()["error"]["message"]


def test_models_tell_what_can_be_seen_of_them(served):
    shown = {model["id"]: model for model in served.http.get("/v1/models").json()["data"]}
    blocks = {name: model["attention_blocks"] for name, model in shown.items()}
    assert blocks == {"writer": [1, 2], "recurrent": [], "mixed": [1, 3], "translator": [1], "teller": [1]}
