"""Folders of T5, mT5, Marian and Llama with SentencePiece's files alone: used, trained, and written again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import transformers
from tests import piece_files
from tests.hub.published import CASES, MARIAN, T5, save
from tests.hub.test_rewriters import END, writer
from tests.pair_rows import write_pairs
from tests.piece_files import ENGLISH, FRENCH, GERMAN, lines, random_texts, train_pieces, write_marian

import langue
from langue import cli
from langue.data.parallel import Pair
from langue.errors import LangueError
from langue.hub import read_published
from langue.hub.write import write_published
from langue.remote import MODEL
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

ALL = [*lines(ENGLISH), *lines(GERMAN), *lines(FRENCH)]
PLAIN = [*lines(ENGLISH, 200, 1), *lines(GERMAN, 200, 1), *lines(FRENCH, 200, 1)]
RECIPE = """\
task: translate
model: {form: seq2seq}
data: {train: train.tsv, dev: 0.1, test: null}
training: {steps: 4, batch_tokens: 300, learning_rate: 0.01, evaluate_every: 4, checkpoint_every: 4, device: cpu}
samples: {max_tokens: 0}
"""
WORDS = ["the old king saw a red boat on the sea", "please press", "summer days"]


def write_pieces(folder: Path, kind: str, told: dict[str, Any], **more: Any) -> Any:
    """A folder's tokenizer files, without tokenizer.json; what SentencePiece itself makes of them."""
    options = {"t5": piece_files.T5, "mt5": piece_files.MT5, "llama": piece_files.LLAMA}[kind] | more
    path = folder / ("tokenizer.model" if kind == "llama" else "spiece.model")
    theirs = train_pieces(path, ALL, **options)
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return theirs


def test_t5s_numbers_are_theirs(tmp_path: Path) -> None:
    write_pieces(tmp_path, "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 100})
    ours, theirs = Tokenizer.load(tmp_path), transformers.T5Tokenizer.from_pretrained(tmp_path)
    for text in PLAIN:
        assert [*ours.before, *ours.encode(text), *ours.after] == theirs(text)["input_ids"]
        assert ours.decode(ours.encode(text)) == theirs.decode(theirs(text)["input_ids"], skip_special_tokens=True)
    assert ours.vocab_size == len(theirs)
    for sentinel in ("<extra_id_0>", "<extra_id_99>"):
        assert ours.engine.token_to_id(sentinel) == theirs.convert_tokens_to_ids(sentinel) >= ours.vocab_size - 100
        assert ours.engine.token_to_id(sentinel) in ours.specials
    assert (ours.pad, ours.end, ours.unknown) == (theirs.pad_token_id, theirs.eos_token_id, theirs.unk_token_id)


def test_gemmas_numbers_are_theirs(tmp_path: Path) -> None:
    options = {
        "model_type": "bpe", "byte_fallback": True, "vocab_size": 700, "normalization_rule_name": "identity",
        "add_dummy_prefix": False, "remove_extra_whitespaces": False,
        "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3,
        "pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>",
    }  # fmt: skip
    pieces = train_pieces(tmp_path / "tokenizer.model", ALL, **options)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GemmaTokenizer"}))
    ours = Tokenizer.load(tmp_path)
    for text in [*PLAIN, *random_texts(300)]:
        assert ours.encode(text) == pieces.encode(text) or "<" in text
        assert ours.decode(ours.encode(text)) == text.replace("▁", " ")
    assert (ours.pad, ours.end, ours.unknown, ours.opening) == (0, 1, 3, [2])


def test_xlm_rs_numbers_are_theirs(tmp_path: Path) -> None:
    train_pieces(tmp_path / "sentencepiece.bpe.model", ALL, unk_id=0, bos_id=1, eos_id=2)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}))
    ours, theirs = Tokenizer.load(tmp_path), transformers.XLMRobertaTokenizer.from_pretrained(tmp_path)
    for text in PLAIN:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)
        assert ours.pair(ours.encode(text), ours.encode("please"))[0] == theirs(text, "please")["input_ids"]
        assert ours.decode(ours.encode(text)) == text or ours.unknown in ours.encode(text)
    assert (ours.start, ours.pad, ours.separator, ours.unknown) == (0, 1, 2, 3)
    assert ours.mask == theirs.mask_token_id == ours.vocab_size - 1


def test_debertas_numbers_are_sentencepieces(tmp_path: Path) -> None:
    special = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    pieces = train_pieces(tmp_path / "spm.model", ALL, pad_id=0, bos_id=1, eos_id=2, unk_id=3, **special)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "deberta-v2"}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"[MASK]": pieces.get_piece_size()}))
    ours = Tokenizer.load(tmp_path)
    for text in PLAIN:
        assert ours.encode(text) == pieces.encode(text)
        assert ours.pair(ours.encode(text))[0] == [1, *pieces.encode(text), 2]
    assert (ours.pad, ours.start, ours.separator, ours.unknown, ours.mask) == (0, 1, 2, 3, pieces.get_piece_size())


def test_m2m100s_numbers_are_theirs(tmp_path: Path) -> None:
    pieces = train_pieces(tmp_path / "sentencepiece.bpe.model", ALL, model_type="bpe", unk_id=0, bos_id=1, eos_id=2)
    names = ["<s>", "<pad>", "</s>", "<unk>", *(pieces.id_to_piece(n) for n in range(3, pieces.get_piece_size()))]
    (tmp_path / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    theirs = transformers.M2M100Tokenizer.from_pretrained(tmp_path, src_lang="fr")
    languages = list(theirs.lang_token_to_id)
    told = {"tokenizer_class": "M2M100Tokenizer", "src_lang": "fr", "additional_special_tokens": languages}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    ours = Tokenizer.load(tmp_path)
    for text in PLAIN:
        ids = ours.encode(text)
        assert [*ours.before, *ids, *ours.after] == theirs(text)["input_ids"]
        assert ours.decode(ids) == text or ours.unknown in ids
    for code in ("fr", "de", "zu"):
        assert ours.language(code) == theirs.get_lang_id(code)
    assert (ours.pad, ours.end, ours.unknown) == (1, 2, 3)


@pytest.mark.parametrize(("told", "more"), [({}, 100), ({"extra_ids": 7}, 7), ({"extra_ids": 0}, 0)])
def test_sentinels_stand_behind_the_pieces(tmp_path: Path, told: dict[str, Any], more: int) -> None:
    theirs = write_pieces(tmp_path, "t5", told)
    ours = Tokenizer.load(tmp_path)
    assert ours.vocab_size == theirs.get_piece_size() + more
    assert ours.engine.token_to_id("<extra_id_0>") == (ours.vocab_size - 1 if more else None)
    shutil.rmtree(tmp_path)
    theirs = write_pieces(tmp_path, "mt5", {})
    assert Tokenizer.load(tmp_path).vocab_size == theirs.get_piece_size()  # among which they are


def test_llamas_numbers_are_theirs(tmp_path: Path) -> None:
    added = {"32": {"content": "<s>", "special": True}}
    pieces = write_pieces(tmp_path, "llama", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True})
    ours, theirs = Tokenizer.load(tmp_path), transformers.LlamaTokenizer.from_pretrained(tmp_path)
    for text in PLAIN:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)
        assert ours.prompt(text) == theirs(text)["input_ids"]
    for text in random_texts(300):
        assert ours.encode(text) == pieces.encode(text)
        assert ours.decode(ours.encode(text)) == text.replace("▁", " ")
    assert (ours.start, ours.end) == (theirs.bos_token_id, theirs.eos_token_id)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": False, "pad_token": "[PAD]"}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"[PAD]": pieces.get_piece_size()}))
    later = Tokenizer.load(tmp_path)
    assert later.opening == []
    assert later.pad == pieces.get_piece_size()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    with pytest.raises(LangueError, match="<s> cannot have the number 32"):
        Tokenizer.load(tmp_path)


def test_a_llama_writes_what_theirs_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}
    write_pieces(tmp_path, "llama", told, byte_fallback=False, vocab_size=260)  # bytes at random are no text
    reader = transformers.LlamaTokenizer.from_pretrained(tmp_path)
    case, settings = CASES["llama"]
    numbers = {"vocab_size": len(reader), "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.5}
    monkeypatch.setitem(CASES, "llama", (case, {**settings, **numbers}))
    theirs, ours = save("llama", tmp_path), langue.load(tmp_path)
    for text in WORDS:
        asked = reader(text, return_tensors="pt")
        row = theirs.generate(
            **asked, do_sample=False, max_new_tokens=8, suppress_tokens=sorted(ours.tokenizer.specials)
        )
        written = reader.decode(row[0], skip_special_tokens=True)
        assert text + ours.generate(text, max_tokens=8, temperature=0.0) == written
        assert text + "".join(ours.stream(text, max_tokens=8, temperature=0.0)) == written


def test_marians_numbers_are_theirs(tmp_path: Path) -> None:
    numbers = write_marian(tmp_path)
    theirs = transformers.MarianTokenizer.from_pretrained(tmp_path)
    target, source = Tokenizer.load(tmp_path), Tokenizer.load(tmp_path / "source.spm")
    hard = ["Über ß 日本", "Ü日 ßÜ", ">>fra<< the king", ">>deu<<the  king", " >>x the", "", " "]
    same = 0
    for text in [*hard, *PLAIN, *random_texts(1500)]:
        wanted = theirs(text)["input_ids"], theirs(text_target=text)["input_ids"]
        found = [*source.encode(text), source.end], [*target.encode(text), target.end]
        same += found == wanted
        if text in hard or text in PLAIN:
            assert found == wanted
        shown = theirs.decode(wanted[1], skip_special_tokens=True)
        assert target.decode(wanted[1]).strip() == shown
    assert same > 0.98 * (len(hard) + len(PLAIN) + 1500)
    for tokenizer in (source, target):
        assert tokenizer.vocab_size == len(numbers)
        assert (tokenizer.end, tokenizer.pad, tokenizer.unknown) == (0, numbers["<pad>"], 1)
        for name, number in numbers.items():
            if number not in tokenizer.specials:
                assert tokenizer.decode([number], skip_special=False) == name.replace("▁", " ").lstrip(" ")
        for name in ("</s>", "<pad>", "a <unk> b"):
            assert not {0, 1, numbers["<pad>"]} & set(tokenizer.encode(name)) - {tokenizer.unknown}


def test_what_one_side_alone_writes_the_other_never_reads(tmp_path: Path) -> None:
    numbers = write_marian(tmp_path)
    sides = {
        file: {line.id_to_piece(number) for number in range(line.get_piece_size())}
        for file in ("source.spm", "target.spm")
        for line in [sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / file))]
    }
    for file, other in (("source.spm", "target.spm"), ("target.spm", "source.spm")):
        tokenizer = Tokenizer.load(tmp_path / file)
        foreign = {numbers[name] for name in sides[other] - sides[file] if len(name) > 1 and name in numbers}
        assert len(foreign) > 50
        for text in [*PLAIN, *(name.replace("▁", " ") for name in sides[other])]:
            assert not foreign & set(tokenizer.encode(text))


def small(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A folder as it was first published: their model with random weights, and SentencePiece's files; and both."""
    if kind == "marian":
        write_marian(folder)
        reader = transformers.MarianTokenizer.from_pretrained(folder)
        numbers: dict[str, Any] = {
            "decoder_start_token_id": reader.pad_token_id,
            "bad_words_ids": [[reader.pad_token_id]],
        }
        numbers |= {"forced_eos_token_id": None}
    else:
        write_pieces(folder, kind, {"tokenizer_class": "T5Tokenizer", "extra_ids": 0 if kind == "mt5" else 100})
        reader = transformers.T5Tokenizer.from_pretrained(folder)
        numbers = {"decoder_start_token_id": 0}
    size = len(reader) + (0 if kind == "marian" else 28)  # as T5's table has more rows than there are tokens
    numbers |= {"vocab_size": size, "pad_token_id": reader.pad_token_id, "eos_token_id": reader.eos_token_id}
    base = MARIAN if kind == "marian" else T5
    monkeypatch.setitem(CASES, kind, (CASES[kind][0], {**CASES[kind][1], **base, **numbers}))
    monkeypatch.setitem(END, kind, reader.eos_token_id)
    return writer(kind, folder), reader


def written(theirs: Any, reader: Any, texts: list[str], never: set[int]) -> list[list[int]]:
    """The tokens that Transformers' generate writes, text by text."""
    found = []
    for text in texts:
        rows = theirs.generate(
            **reader(text, return_tensors="pt"), num_beams=4, max_new_tokens=12, no_repeat_ngram_size=2,
            suppress_tokens=sorted(never), use_cache=False,
        )  # fmt: skip
        found.append(
            [number for number in rows[0].tolist() if number not in (reader.pad_token_id, reader.eos_token_id)]
        )
    return found


@pytest.mark.parametrize("kind", ["t5", "mt5", "marian"])
def test_folders_as_they_were_first_published(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, reader = small(kind, tmp_path / "theirs", monkeypatch)
    assert not (tmp_path / "theirs" / "tokenizer.json").exists()
    texts = [*WORDS, *PLAIN[:6], *([">>fra<< the sea", "Über"] if kind == "marian" else [])]
    task = langue.load(tmp_path / "theirs")
    if kind == "mt5":  # Transformers' reader of which knows no bytes
        texts = [text for text in texts if reader(text)["input_ids"][:-1] == task.tokenizer.encode(text)]
    assert len(texts) > 5
    never = task.tokenizer.specials - {reader.eos_token_id} | {*range(len(reader), theirs.config.vocab_size)}
    expected = written(theirs, reader, texts, never)
    options = {"max_tokens": 12, "no_repeat_ngram": 2}
    found = task.rewrite(texts, **options)
    assert [each.best.tokens for each in found] == expected
    assert len({each.text for each in found}) > 2
    if kind != "mt5":  # whose bytes, written at random, are no characters
        assert [each.text.strip() for each in found] == [reader.decode(ids).strip() for ids in expected]
    run, again = tmp_path / "run", tmp_path / "again"
    assert cli.run(["import", str(tmp_path / "theirs"), str(run)]) == 0
    assert cli.run(["export", str(run), str(again)]) == 0
    for place in (run, again):
        task.join([langue.load(place)])
        assert langue.load(place).translate(texts, **options) == [each.text for each in found]
    model, reader = (
        getattr(transformers, name).from_pretrained(again) for name in ("AutoModelForSeq2SeqLM", "AutoTokenizer")
    )
    assert written(model, reader, texts, never) == expected


@pytest.mark.parametrize("kind", ["t5", "marian"])
def test_what_is_fetched_is_all_that_is_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, _ = small(kind, tmp_path, monkeypatch)
    for file in tmp_path.iterdir():
        assert any(fnmatch(file.name, pattern) for pattern in MODEL)
    # As most of them were published: with a pickle, which a class of its own makes weights of.
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    name = type(theirs).__name__
    with pytest.raises(LangueError, match=rf"it: {name}.from_pretrained\(DIR\).*, and copy the tokenizer's files"):
        read_published(tmp_path)
    assert not any(fnmatch("pytorch_model.bin", pattern) for pattern in MODEL)


@pytest.mark.parametrize("kind", ["t5", "marian"])
def test_they_learn_on(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(kind, tmp_path / "theirs", monkeypatch)
    first = langue.load(tmp_path / "theirs")
    rows = list(zip(lines(ENGLISH, 60), lines(GERMAN, 60), strict=True))
    recipe = str(write_pairs(tmp_path, RECIPE, rows))
    assert cli.run(["import", str(tmp_path / "theirs"), str(tmp_path / "imported")]) == 0
    for number, place in enumerate(("theirs", "imported", "run0", "run1/checkpoints/step-00000004")):
        run = tmp_path / f"run{number}"
        assert cli.run(["train", recipe, "--start-from", str(tmp_path / place), "--out", str(run)]) == 0
        assert cli.run(["train", recipe, "--resume", "--out", str(run), "--training.log_every", "1"]) == 0
        task = langue.load(run)
        for text in ("the old king", "der alte König"):
            assert task.sides.source.encode(text) == first.sides.source.encode(text)
            assert task.sides.target.encode(text) == first.sides.target.encode(text)
    assert cli.run(["export", str(run), str(tmp_path / "again")]) == 0
    model, reader = (
        getattr(transformers, name).from_pretrained(tmp_path / "again")
        for name in ("AutoModelForSeq2SeqLM", "AutoTokenizer")
    )
    source, target = rows[0]
    told = reader(source, return_tensors="pt"), reader(text_target=target, return_tensors="pt")["input_ids"]
    loss = task.loss([Pair(source, target, (), 0, "", 0, 0)])["loss"]
    assert loss == pytest.approx(model(**told[0], labels=told[1]).loss.item(), abs=1e-4)
    assert loss != pytest.approx(first.loss([Pair(source, target, (), 0, "", 0, 0)])["loss"], abs=1e-4)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"spiece.model": "", "config.json": '{"model_type": "albert"}'}, "M2M-100, not albert; AutoTokenizer"),
        (
            {"tokenizer.model": "", "tokenizer_config.json": '{"tokenizer_class": "CodeGenTokenizer"}'},
            "not CodeGenTokenizer",
        ),
        ({"sentencepiece.bpe.model": ""}, "has its tokenizer in sentencepiece.bpe.model, .* not this one"),
        (
            {"sentencepiece.bpe.model": "", "vocab.json": '{"<s>": 0}', "config.json": '{"model_type": "m2m_100"}'},
            "its additional_special_tokens have no __en__",
        ),
        ({"spiece.model": "x"}, "spiece.model is no model file of SentencePiece's, or damaged: it is cut off"),
        ({"source.spm": "", "vocab.json": "{}"}, "vocab.json lacks the special token </s>"),
        ({"target.spm": "", "vocab.json": '{"a": 1}'}, "vocab.json is damaged: it does not number its tokens from 0"),
        ({"target.spm": "", "vocab.json": '{"a b": 0}'}, "vocab.json is damaged: it does not number its tokens from 0"),
        ({"source.spm": "", "vocab.json": '{"</s>": 0, "<unk>": 1, "<pad>": 2}'}, "target.spm cannot be read: No such"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(LangueError, match=sentence):
        Tokenizer.load(tmp_path)


def test_sentinels_without_number_are_said(tmp_path: Path) -> None:
    write_pieces(tmp_path, "t5", {"extra_ids": 10**9})
    with pytest.raises(LangueError, match="its extra_ids are 1000000000"):
        Tokenizer.load(tmp_path)


def test_two_tokenizers_that_share_nothing_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small("marian", tmp_path / "theirs", monkeypatch)
    checkpoint = read_published(tmp_path / "theirs")
    assert checkpoint.tokenizer is not None
    (tmp_path / "out").mkdir()
    other = train_tokenizer(TokenizerSettings(kind="char"), [ENGLISH])
    with pytest.raises(LangueError, match="which share their numbers, and these do not; write it with --format onnx"):
        write_published(replace(checkpoint, source_tokenizer=other), tmp_path / "out")
    with pytest.raises(LangueError, match="are written with the tokenizers of a Marian folder, and these are others"):
        write_published(replace(checkpoint, source_tokenizer=other, tokenizer=other), tmp_path / "out")
