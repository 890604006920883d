"""Answers from passages: by a model that finds them, by ones that write, and what each cites."""

import pytest

from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.models.config import ClassifierConfig
from langue.search import Index, IndexSettings
from langue.search.ask import CitedAnswer, PassageReader, _messages, _written
from langue.tasks.answer.predict import Answer
from langue.tasks.answer.settings import AnswerSettings
from langue.tasks.generate.predict import Generate
from langue.tasks.translate.predict import Translate
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.chat import ChatTemplate

TEXTS = ["The ferry leaves the harbour at noon.", "The ferry is blue.", "A ferry costs two coins.", "Bread."]
QUESTION = "When does the ferry leave?"


@pytest.fixture
def index(tmp_path):
    rows = [{"id": str(number), "text": text} for number, text in enumerate(TEXTS)]
    return Index.build(rows, tmp_path / "index", settings=IndexSettings(kind="memory"))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TokenizerSettings(kind="byte"), [])


def small(form: str, tokenizer, **changes):
    size = tokenizer.vocab_size
    return build(ModelConfig(form=form, layers=1, width=16, heads=2, context=1024, vocab_size=size, **changes), seed=3)


@pytest.mark.parametrize("no_answer", [False, True])
def test_the_best_of_all_passages_is_the_answer_and_is_marked(index, tokenizer, no_answer):
    head = ClassifierConfig(outputs=2, level="position")
    settings = AnswerSettings(no_answer=no_answer, null_threshold=1000.0, stride=8)
    task = Answer(small("encoder", tokenizer, classifier=head), tokenizer, settings)
    reply = PassageReader(index, task, k=3).ask(QUESTION)
    hits = index.search(QUESTION, 3)
    best = []
    for number, hit in enumerate(hits, 1):
        spans = task.answer(QUESTION, hit.text, top=2, scores=True)
        nothing = next((span["score"] for span in spans if not span["text"]), 0.0)
        best.append((spans[0]["score"] - nothing, number, spans[0]))
    score, number, span = max(best, key=lambda entry: entry[0])
    [(cited, passage)] = reply.citations
    assert (reply.score, cited, reply.text) == (pytest.approx(score, rel=1e-6), number, span["text"])
    start, end = passage.sentence
    assert passage.text[start:end] == reply.text
    assert passage.document == hits[number - 1].document


def test_no_answer_is_none_where_the_model_says_so(index, tokenizer):
    head = ClassifierConfig(outputs=2, level="position")
    never = AnswerSettings(no_answer=True, null_threshold=-1000.0, stride=8)
    task = Answer(small("encoder", tokenizer, classifier=head), tokenizer, never)
    assert PassageReader(index, task).ask(QUESTION) == CitedAnswer(QUESTION, "", [])


def test_nothing_is_asked_of_a_model_where_no_passage_is_found(index, tokenizer):
    assert PassageReader(index, Generate(small("decoder", tokenizer), tokenizer)).ask("zebra") == CitedAnswer(
        "zebra", "", []
    )


def test_a_decoder_reads_numbered_passages_as_far_as_it_has_room(index, tokenizer):
    task = Generate(small("decoder", tokenizer), tokenizer)
    hits = index.search(QUESTION, 3)
    expected = task.chat(_messages(QUESTION, hits), temperature=0.0, max_tokens=8)["content"]
    reply = PassageReader(index, task, k=3, max_tokens=8).ask(QUESTION)
    assert reply.text == expected.strip()
    assert [number for number, _ in reply.citations] == [1, 2, 3]
    room = task.model.context_limit - len(ChatTemplate(tokenizer).prompt(_messages(QUESTION, hits), ()))
    for more, count in ((0, 3), (1, 2)):
        cited = PassageReader(index, task, k=3, max_tokens=room + more).ask(QUESTION).citations
        assert len(cited) == count


def test_passages_that_are_named_are_cited_alone(index, tokenizer):
    class Quoting(Generate):
        def chat(self, messages, **options):
            assert "[2] " in messages[0]["content"]
            return {"role": "assistant", "content": "At noon [2], and [9] is no passage."}

    hits = index.search(QUESTION, 3)
    reply = _written(Quoting(small("decoder", tokenizer), tokenizer), QUESTION, hits, 8)
    assert reply.citations == [(2, hits[1])]


def test_an_encoder_decoder_reads_question_and_context(index, tokenizer):
    task = Translate(small("seq2seq", tokenizer), tokenizer)
    reply = PassageReader(index, task, k=2, max_tokens=8).ask(QUESTION)
    context = " ".join(hit.text for hit in index.search(QUESTION, 2))
    source = f"question: {QUESTION} context: {context}"
    assert reply.text == task.rewrite([source], max_tokens=8)[0].text
    assert len(reply.citations) == 2


def test_a_model_for_something_else_is_refused(index, tmp_path):
    with pytest.raises(LangueError, match="missing"):
        PassageReader.load(index, tmp_path / "missing")
