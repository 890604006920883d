"""Texts that are no Unicode and weights that are no numbers: each task says so in one sentence."""

import numpy as np
import pytest
import torch

from langue.engine import Engine, Request, SamplingSettings
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.models.audio_config import AudioConfig
from langue.models.config import ClassifierConfig, EmbedderConfig
from langue.tasks.answer.predict import Answer
from langue.tasks.classify.predict import Classify
from langue.tasks.classify.settings import ClassifySettings
from langue.tasks.embed.predict import Embed
from langue.tasks.fill.predict import Fill
from langue.tasks.generate.predict import Generate
from langue.tasks.tag.predict import Tag
from langue.tasks.tag.settings import TagSettings
from langue.tasks.transcribe.ctc_transcriber import CTCTranscriber
from langue.tasks.translate.predict import Translate
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.encoder import LocalEncoder, ProcessEncoder

TOKENIZER = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=280), ["the cat sat on the mat. " * 9])
BROKEN = ["\ud800", "the cat \udce4 sat", "a" * 5000 + "\udfff"]
SMALL = {"vocab_size": TOKENIZER.vocab_size, "width": 16, "layers": 1, "heads": 2, "context": 64}


def task_of(name):
    if name == "generate":
        return Generate(build(ModelConfig(**SMALL)), TOKENIZER)
    if name == "fill":
        return Fill(build(ModelConfig(form="encoder", **SMALL)), TOKENIZER)
    if name == "classify":
        head = ClassifierConfig(outputs=2, pooling="mean")
        model = build(ModelConfig(form="encoder", classifier=head, **SMALL))
        return Classify(model, TOKENIZER, ClassifySettings(labels=("no", "yes")))
    if name == "embed":
        return Embed(build(ModelConfig(form="encoder", embedder=EmbedderConfig(pooling="mean"), **SMALL)), TOKENIZER)
    if name in ("tag", "answer"):
        head = ClassifierConfig(outputs=2, level="position")
        model = build(ModelConfig(form="encoder", classifier=head, **SMALL))
        return Tag(model, TOKENIZER, TagSettings(labels=("A", "B"))) if name == "tag" else Answer(model, TOKENIZER)
    if name == "transcribe":
        return CTCTranscriber(
            build(ModelConfig(form="encoder", tie_embeddings=False, audio=AudioConfig(), **SMALL)), TOKENIZER
        )
    return Translate(build(ModelConfig(form="seq2seq", **SMALL)), TOKENIZER)


ASKED = {
    "generate": lambda task, text: task.generate(text, max_tokens=2),
    "generate special": lambda task, text: task.generate(text, special=True, max_tokens=2),
    "generate beams": lambda task, text: task.generate([text, "b"], beams=2, max_tokens=2),
    "generate must": lambda task, text: task.generate("a", beams=2, max_tokens=9, must=[text]),
    "generate stream": lambda task, text: list(task.stream(text, max_tokens=2)),
    "fill": lambda task, text: task.fill(f"{text} <|mask|> mat"),
    "classify": lambda task, text: task.classify(text),
    "embed": lambda task, text: task.embed(text),
    "translate": lambda task, text: task.translate(text, max_tokens=3),
    "translate prefix": lambda task, text: task.translate("a cat", max_tokens=3, prefix=text),
}


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("name", ASKED)
def test_half_of_a_surrogate_pair_is_refused(name, text):
    with pytest.raises(LangueError, match="is no Unicode: the character at") as caught:
        ASKED[name](task_of(name.split()[0]), text)
    str(caught.value).encode()  # so that it can be printed


def test_whoever_encodes_many_texts_refuses_it_too():
    for encoder in (LocalEncoder(TOKENIZER, np.dtype("<u2")), ProcessEncoder(TOKENIZER, np.dtype("<u2"))):
        with pytest.raises(LangueError, match="is no Unicode"):
            encoder.encode(["fine", BROKEN[1]])
    assert encoder.encode(["the cat"]).tokens.tolist() == TOKENIZER.encode("the cat")
    encoder.close()


NO_INPUTS = [None, 5, 3.5, b"a", {}, [None], ["a", 5], object(), np.array(3.5), {"text": None}, [{"text": 5}]]
VERBS = {
    **{name: lambda task, value: getattr(task, task.name)(value) for name in
       ("generate", "fill", "classify", "embed", "translate", "tag", "transcribe")},
    "answer": lambda task, value: task.answer(value, "a"),
    "answer context": lambda task, value: task.answer("a", value),
    "generate stream": lambda task, value: list(task.stream(value)),
    "embed stream": lambda task, value: list(task.embed_stream(value)),
    **{f"{name} predict": lambda task, value: task.predict(value) for name in
       ("generate", "fill", "classify", "embed", "translate", "tag", "transcribe", "answer")},
}  # fmt: skip


@pytest.mark.parametrize("value", NO_INPUTS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", VERBS)
def test_what_is_no_input_is_refused_in_a_sentence(name, value):
    with pytest.raises(LangueError):
        VERBS[name](task_of(name.split()[0]), value)


def test_the_type_that_came_and_what_is_wanted_are_named():
    for value, words in (
        (None, r"^the input should be a text or a list of such, got None$"),
        (3.5, r"^the input should be a text or a list of such, got float$"),
        (["a", 5], r"^input 2 should be a text, got int$"),
    ):
        with pytest.raises(LangueError, match=words):
            task_of("translate").translate(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ASKED)
def test_output_that_is_no_number_is_refused(name, number):
    task = task_of(name.split()[0])
    model = task.models[0] if name.startswith("translate") else task.model
    with torch.no_grad():
        model.get_parameter("embedding.table.weight").fill_(number)
    with pytest.raises(LangueError, match="output is not finite"):
        ASKED[name](task, "the cat")


def test_a_search_of_no_numbers_ends_at_once():
    model = build(ModelConfig(**SMALL))
    with torch.no_grad():
        model.embedding.table.weight.fill_(float("nan"))
    with pytest.raises(LangueError, match="output is not finite"):
        Engine(model).run([Request([1], SamplingSettings(max_tokens=100_000), TOKENIZER.ends)])
