"""Routes of models that write no tokens one by one, and of those that rewrite: each answers as its task does."""

from __future__ import annotations

import base64

import httpx2
import numpy as np
import openai
import pytest
from served import TEXTS, embedder, indexed, judge, listener, rewriter, serving, sound, writer

from langue.tasks.summarize.predict import Summarize
from langue.tasks.translate.predict import Translate


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    tasks = {
        "vectors": embedder(),
        "number": judge(),
        "labels": judge(2),
        "translator": rewriter(Translate),
        "teller": rewriter(Summarize),
        "ear": listener(),
        "writer": writer(),
    }
    with serving(tasks, audio_seconds=20.0, inputs=8) as server:
        indexed(server, tmp_path_factory.mktemp("served") / "index")
        yield server


def test_vectors_are_those_of_the_task(served):
    expected = served.task("vectors").embed(TEXTS)
    for form in ("float", "base64"):
        answer = served.client().embeddings.create(model="vectors", input=TEXTS, encoding_format=form)
        vectors = [entry.embedding for entry in answer.data]
        if form == "base64":
            vectors = [np.frombuffer(base64.b64decode(vector), "<f4") for vector in vectors]
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
    answer = served.client().embeddings.create(model="vectors", input=TEXTS[0])  # in which the client decodes base64
    np.testing.assert_allclose(answer.data[0].embedding, expected[0], atol=1e-5)
    assert answer.usage.prompt_tokens >= len(TEXTS[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dimensions": 8}, "have 16 numbers"),
        ({"input": [1, 2]}, "takes texts and no tokens"),
        ({"input": []}, "give 1 to 8"),
        ({"input": ["a"] * 9}, "give 1 to 8"),
        ({"input": "the " * 30}, "more than the 64"),
        ({"model": "writer"}, "models that can: vectors"),
        ({"extra_body": {"prompt_name": "nothing"}}, "no prompt 'nothing'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_vectors_that_cannot_be_are_refused(served, change, words):
    with pytest.raises(openai.BadRequestError) as error:
        served.client().embeddings.create(**{"model": "vectors", "input": TEXTS, **change})
    assert words in error.value.body["message"]


def test_right_dimensions_and_cutting_are_welcome(served):
    answer = served.client().embeddings.create(
        model="vectors", input="the " * 30, dimensions=16, extra_body={"truncate": True}
    )
    np.testing.assert_allclose(answer.data[0].embedding, served.task("vectors").embed("the " * 30), atol=1e-5)
    assert answer.usage.prompt_tokens == 64


@pytest.mark.parametrize("model", ["number", "labels"])
def test_documents_are_ranked_as_search_reranks(served, model):
    from langue.search.rerank import judge as scores_of

    body = {"model": model, "query": "the king", "documents": [*TEXTS[:3], {"text": TEXTS[3]}], "top_n": 3}
    results = served.post("/v1/rerank", body).json()["results"]
    scores = scores_of(served.task(model), "the king", TEXTS)
    assert [result["index"] for result in results] == np.argsort(-scores, kind="stable").tolist()[:3]
    for result in results:
        assert result["relevance_score"] == pytest.approx(scores[result["index"]], abs=1e-5)
        assert result["document"]["text"] == TEXTS[result["index"]]


def test_translations_are_those_of_the_task(served):
    body = {"model": "translator", "input": [*TEXTS, ""], "beams": 2, "max_tokens": 12}
    answer = served.post("/v1/translate", body).json()
    assert [entry["text"] for entry in answer["data"]] == served.task("translator").translate(
        [*TEXTS, ""], beams=2, max_tokens=12
    )
    assert answer["usage"]["completion_tokens"] > 0


def test_summaries_are_those_of_the_task(served):
    answer = served.post("/v1/summarize", {"model": "teller", "input": TEXTS[1], "max_tokens": 8}).json()
    assert answer["data"][0]["text"] == served.task("teller").summarize(TEXTS[1], max_tokens=8)


def test_transcripts_are_those_of_the_task_in_every_form(served):
    pytest.importorskip("soundfile")
    text = served.task("ear").transcribe(sound())
    create = served.client().audio.transcriptions.create
    file = ("a.wav", sound())
    assert create(model="ear", file=file).text == text
    assert create(model="ear", file=file, response_format="text").strip() == text
    verbose = create(model="ear", file=file, response_format="verbose_json", timestamp_granularities=["segment"])
    assert verbose.text == text
    assert verbose.duration == pytest.approx(1.0)
    assert [segment.text for segment in verbose.segments]
    assert create(model="ear", file=file, response_format="srt").startswith("1\n00:00:")
    assert create(model="ear", file=file, response_format="vtt").startswith("WEBVTT")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": ("a.wav", b"no sound at all")}, "cannot be read"),
        ({"file": ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")}, "cannot be read"),
        ({"file": ("a.wav", sound(21.0))}, "longer than 20 s"),
        ({"model": "writer"}, "models that can: ear"),
        ({"language": "fr"}, "no option language"),
        ({"response_format": "xml"}, "response_format"),
        ({"extra_body": {"vad": "x"}}, "unknown parameter vad"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_recordings_that_cannot_be_heard_are_refused(served, change, words):
    pytest.importorskip("soundfile")
    with pytest.raises(openai.BadRequestError) as error:
        served.client().audio.transcriptions.create(**{"model": "ear", "file": ("a.wav", sound()), **change})
    assert words in error.value.body["message"]


def test_a_model_that_cannot_translate_says_so(served):
    pytest.importorskip("soundfile")
    with pytest.raises(openai.BadRequestError) as error:
        served.client().audio.translations.create(model="ear", file=("a.wav", sound()))
    assert "no option translate" in error.value.body["message"]


def test_recordings_beyond_those_at_once_are_refused(served):
    uploads, served.service.uploads = served.service.uploads, served.service.settings.uploads
    try:
        with pytest.raises(openai.RateLimitError):
            served.client().audio.transcriptions.create(model="ear", file=("a.wav", sound()))
    finally:
        served.service.uploads = uploads
    assert uploads == 0


def test_a_url_is_no_file(served):
    answer = httpx2.post(
        f"{served.url}/v1/audio/transcriptions", data={"model": "ear", "file": "http://127.0.0.1:9/a.wav"}
    )
    assert answer.status_code == 400
    assert "no URL is ever fetched" in answer.json()["error"]["message"]


def test_searches_find_what_the_index_does(served):
    answer = served.post("/v1/search", {"index": "kings", "query": "red boat", "k": 2}).json()
    expected = served.service.indices["kings"].index.search("red boat", 2)
    assert [hit["document"] for hit in answer["data"]] == [hit.document for hit in expected]
    where = served.post("/v1/search", {"index": "kings", "query": "the", "where": "year>=2001"}).json()
    assert "row-0" not in [hit["document"] for hit in where["data"]]
    assert served.post("/v1/search", {"index": "none", "query": "a"}).status_code == 404
    assert served.post("/v1/search", {"index": "kings", "query": " "}).status_code == 400


def test_a_wrong_model_for_a_route_is_a_400_that_says_which_can(served):
    answer = served.post("/v1/completions", {"model": "vectors", "prompt": "a"})
    assert answer.status_code == 400
    assert "models that can: writer" in answer.json()["error"]["message"]
