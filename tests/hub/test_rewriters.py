"""T5, BART and Marian write what Transformers' generate writes, and every verb takes their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.hub.published import BART, CASES, IDS, MARIAN, RIGHT, T5, save
from tests.tiny import text
from tokenizers import processors

import langue
from langue import cli
from langue.data.parallel import Pair
from langue.engine import Engine, GenerationSettings, Request
from langue.hub import PretrainedModel, read_published
from langue.hub.write import write_published
from langue.models import ModelConfig, build
from langue.tasks.translate.predict import Translate
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

LENGTH = 12
END = {"t5": 1, "mt5": 1, "bart": 2, "mbart": 2, "marian": 0, "m2m": 2}
WRITERS = [name for name in CASES if name.split()[0] in END and "trunk" not in name]


@torch.no_grad()
def writer(name: str, folder: Path) -> Any:
    """A model of theirs whose texts vary in what they say and how long they are."""
    theirs = save(name, folder)
    draws = torch.Generator().manual_seed(1)
    for place, parameter in theirs.named_parameters():
        if parameter.ndim == 2 and parameter.requires_grad:
            is_table = any(each in place for each in ("shared", "embed", "relative"))
            deviation = 0.3 if is_table else 3.0 * parameter.shape[1] ** -0.5
            parameter.copy_(deviation * torch.randn(parameter.shape, generator=draws))
        elif place.endswith("bias"):
            parameter.mul_(0.1)  # which says the same of all texts
    for place, buffer in theirs.named_buffers():
        if place == "final_logits_bias":
            buffer.mul_(0.1)[0, END[name.split()[0]]] += 3.0  # so that some texts end soon and some late
    if name == "bart deep":
        theirs.generation_config.forced_bos_token_id = 0
    theirs.generation_config.forced_eos_token_id = None  # with which a text that is cut off may win
    theirs.save_pretrained(folder)
    return theirs


def texts_of(rows: list[list[int]], end: int) -> list[list[int]]:
    """What stands behind the decoder's first token and before the end."""
    return [row[1:][: row[1:].index(end)] if end in row[1:] else row[1:] for row in rows]


@pytest.mark.parametrize(
    ("beams", "mine", "other"),
    [
        (1, {}, {}),
        (4, {}, {}),
        (4, {"stopping": "exact"}, {"early_stopping": "never"}),
        (4, {"stopping": "early"}, {"early_stopping": True}),
    ],
)
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_texts(name: str, beams: int, mine: dict[str, Any], other: dict[str, Any], tmp_path: Path) -> None:
    theirs = writer(name, tmp_path)
    end = END[name.split()[0]]
    sources = torch.cat([IDS, IDS.roll(3, 1) % 50 + 4, IDS.flip(0) // 2 + 3])
    valid = RIGHT.repeat(3, 1)
    # Random models with tied heads like to repeat themselves.
    options = {"num_beams": beams, "do_sample": False, "max_new_tokens": LENGTH, "no_repeat_ngram_size": 2, **other}
    # Positions of M2M-100 pass over padding, so that it is no token to be written.
    never = [theirs.config.pad_token_id] if name.startswith("m2m") else []
    options |= {"suppress_tokens": never} if never else {}
    # Transformers counts the layers of a T5's encoder to make its decoder's cache, and fails where that is deeper.
    rows = theirs.generate(sources, attention_mask=valid.long(), use_cache=False, **options)
    model = read_published(tmp_path).model
    config = model.config
    begin = [each for each in (config.decoder_start_token_id, config.forced_bos_token_id) if each is not None]
    assert len(begin) == (2 if name == "bart deep" else 1)
    more = len(begin) - 1
    settings = GenerationSettings(
        beams=beams, temperature=0.0, max_tokens=LENGTH - more, length_offset=float(more), no_repeat_ngram=2, **mine
    )
    texts = [row[keep].tolist() for row, keep in zip(sources, valid, strict=True)]
    requests = [Request(begin, settings, [end], source=text, suppress_tokens=never) for text in texts]
    found = Engine(model, settings).run(requests)
    expected = texts_of(rows.tolist(), end)
    assert [[*begin[1:], *each[0].tokens] for each in found] == expected
    assert len({tuple(row) for row in expected}) > 3


@pytest.fixture(scope="module")
def plain() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="char"), [text()])


def framed(plain: Tokenizer, kind: str, folder: Path) -> Tokenizer:
    """A tokenizer whose own file frames texts as T5's and Marian's do, A </s>, or as BART's, <s> A </s>."""
    start, end = ("<|start|>", plain.start), ("<|end|>", plain.end)
    around = f"{start[0]} $A {end[0]}" if kind == "bart" else f"$A {end[0]}"
    plain.engine.post_processor = processors.TemplateProcessing(single=around, pair=None, special_tokens=[start, end])
    roles = {"eos_token": "<|end|>", "pad_token": "<|pad|>", **({"bos_token": "<|start|>"} if kind == "bart" else {})}
    Tokenizer(plain.engine, roles).save(folder)
    plain.engine.post_processor = None
    return Tokenizer.load(folder)


SIZES = {"t5": T5, "bart": BART, "marian": {**MARIAN, "activation_function": "relu"}}


@pytest.mark.parametrize("kind", SIZES)
def test_every_verb_on_a_folder(
    kind: str, plain: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size, pad, end, start = plain.vocab_size, plain.pad, plain.end, plain.start
    first = end if kind == "bart" else pad
    numbers = {"vocab_size": size, "pad_token_id": pad, "eos_token_id": end, "decoder_start_token_id": first}
    if kind != "t5":
        numbers |= {"forced_eos_token_id": None}
    monkeypatch.setitem(CASES, kind, (CASES[kind][0], {**SIZES[kind], **numbers}))
    monkeypatch.setitem(END, kind, end)
    theirs = writer(kind, tmp_path / "theirs")
    tokenizer = framed(plain, kind, tmp_path / "theirs")
    words = ["the old king", "a dog"]
    run, again = tmp_path / "run", tmp_path / "again"
    assert cli.run(["import", str(tmp_path / "theirs"), str(run)]) == 0
    assert cli.run(["export", str(run), str(again)]) == 0
    verb = "summarize" if kind == "bart" else "translate"
    found = []
    for place in (tmp_path / "theirs", run, again):
        capsys.readouterr()
        assert cli.run([verb, str(place), *words, "--max-tokens", "9", "--no-repeat-ngram", "2"]) == 0
        found.append(capsys.readouterr().out.splitlines())
    assert found[0] == found[1] == found[2]
    # A T5 does whatever it is told to, and no folder of the three can say which of the two it is for.
    other = "translate" if verb == "summarize" else "summarize"
    asked = [other, str(tmp_path / "theirs"), "old king", "--instruction", "the "]
    assert cli.run([*asked, "--max-tokens", "9", "--no-repeat-ngram", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == found[0][:1]

    reader = transformers.AutoTokenizer.from_pretrained(again)
    writing = transformers.AutoModelForSeq2SeqLM.from_pretrained(again)
    before = [start] if kind == "bart" else []
    for word, ours in zip(words, found[0], strict=True):
        ids = reader(word, return_tensors="pt").input_ids
        assert ids[0].tolist() == [*before, *tokenizer.encode(word), end]
        never = sorted(tokenizer.specials - {end, *before})
        rows = writing.generate(
            ids, num_beams=4, max_new_tokens=9 + len(before), no_repeat_ngram_size=2,
            suppress_tokens=never, forced_bos_token_id=start if before else None, use_cache=False,
        )  # fmt: skip
        assert " ".join(reader.decode(rows[0], skip_special_tokens=True).strip().split("\n")) == ours
    assert theirs.generation_config.decoder_start_token_id == writing.generation_config.decoder_start_token_id == first
    task, pairs = langue.load(run), [Pair("the king", "a dog", (), 0, "", 0, 0)]
    assert task.loss(pairs) == langue.load(again).loss(pairs)
    labels = torch.tensor([[*before, *tokenizer.encode("a dog"), end]])
    expected = theirs(input_ids=reader("the king", return_tensors="pt").input_ids, labels=labels).loss
    assert task.loss(pairs)["loss"] == pytest.approx(expected.item(), abs=1e-4)


def test_what_langue_trained_goes_on_at_theirs(plain: Tokenizer, tmp_path: Path) -> None:
    config = ModelConfig(
        form="seq2seq", vocab_size=plain.vocab_size, position="sinusoidal", norm="layer", norm_place="post", bias=True,
        feedforward="relu", width=32, layers=1, heads=2, embedding_scale=True, context=64,
        encoder={"layers": 2, "heads": 2},
        initializer_range=0.4,
    )  # fmt: skip
    write_published(PretrainedModel(build(config, seed=2), plain), tmp_path)
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    reader = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert type(theirs).__name__ == "MarianMTModel"
    assert (theirs.config.encoder_layers, theirs.config.decoder_layers) == (2, 1)
    task = Translate(build(config, seed=2), plain)
    ids = reader("the old king", return_tensors="pt").input_ids
    assert ids[0].tolist() == [*plain.encode("the old king"), plain.end]
    never = sorted(plain.specials - {plain.end})
    rows = theirs.generate(ids, num_beams=4, max_new_tokens=9, suppress_tokens=never)
    assert reader.decode(rows[0], skip_special_tokens=True).strip() == task.translate("the old king", max_tokens=9)
    assert langue.load(tmp_path).translate("the old king", max_tokens=9) == task.translate("the old king", max_tokens=9)
