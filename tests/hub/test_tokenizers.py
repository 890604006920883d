"""Tokenizers of Hugging Face folders give the numbers that Transformers gives, however they are kept, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from tests.hub import published as _  # noqa: F401  keeps Transformers quiet
from tokenizers import Tokenizer as Engine
from tokenizers import models, normalizers, pre_tokenizers, trainers

from langue.errors import LangueError
from langue.hub.tokenizer import write_tokenizer
from langue.models import ModelConfig
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

TEXT = ["The quick brown fox jumps over the lazy dog. Zwölf Boxkämpfer jagen Viktor! 3,141.59 日本\n" * 10]
TEXTS = ["The quick fox", "über den Deich, THE Boxkämpfer's  3,1\n\tdog 日本語", "", " dog "]
DECODER = ModelConfig(vocab_size=400)
ENCODER = ModelConfig(vocab_size=400, form="encoder", segments=2)


def agree(ours: Tokenizer, theirs: transformers.PreTrainedTokenizerBase) -> None:
    for first in TEXTS:
        assert ours.encode(first) == theirs.encode(first, add_special_tokens=False)
        for pair in [(first,), (first, TEXTS[0])]:
            told = theirs(*pair, return_token_type_ids=True)
            found = ours.pair(*[ours.encode(text) for text in pair])
            assert found == (told["input_ids"], told["token_type_ids"])


def byte_level_files(folder: Path, special: list[str]) -> None:
    engine = Engine(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    engine.train_from_iterator(TEXT, trainer)
    engine.model.save(str(folder))


def word_piece_files(folder: Path) -> None:
    engine = Engine(models.WordPiece(unk_token="[UNK]"))
    engine.normalizer = normalizers.BertNormalizer(lowercase=True)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    engine.train_from_iterator(TEXT, trainer)
    engine.model.save(str(folder))


def test_gpt2s_two_files(tmp_path: Path) -> None:
    byte_level_files(tmp_path, ["<|endoftext|>"])
    ours = Tokenizer.load(tmp_path)
    agree(ours, transformers.GPT2Tokenizer.from_pretrained(tmp_path))
    assert (ours.end, ours.pad, ours.unknown) == (0, 0, None)


def test_robertas_two_files(tmp_path: Path) -> None:
    byte_level_files(tmp_path, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    ours = Tokenizer.load(tmp_path)
    agree(ours, transformers.RobertaTokenizer.from_pretrained(tmp_path))
    assert (ours.start, ours.pad, ours.separator, ours.end, ours.mask) == (0, 1, 2, 2, 4)


@pytest.mark.parametrize("told", [{}, {"do_lower_case": False}, {"do_lower_case": True, "strip_accents": False}])
def test_berts_word_list(tmp_path: Path, told: dict[str, bool]) -> None:
    word_piece_files(tmp_path)
    if told:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    ours = Tokenizer.load(tmp_path)
    agree(ours, transformers.BertTokenizer.from_pretrained(tmp_path, **told))
    assert (ours.pad, ours.unknown, ours.start, ours.separator, ours.mask) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("kind", ["gpt2", "roberta", "bert"])
def test_there_and_back(tmp_path: Path, kind: str) -> None:
    if kind == "bert":
        word_piece_files(tmp_path)
    else:
        byte_level_files(tmp_path, ["<|endoftext|>"] if kind == "gpt2" else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    ours = Tokenizer.load(tmp_path)
    ours.save(tmp_path / "run")
    kept = Tokenizer.load(tmp_path / "run")
    assert kept.fingerprint == ours.fingerprint
    config = DECODER if kind == "gpt2" else ENCODER
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "config.json").write_text(json.dumps({"model_type": kind}))
    write_tokenizer(kept, config, tmp_path / "again")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "again")
    agree(ours, theirs)
    agree(Tokenizer.load(tmp_path / "again"), theirs)
    for role, name in ours.roles.items():
        assert getattr(theirs, role) == name


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece", "char", "byte"])
@pytest.mark.parametrize("config", [DECODER, ENCODER], ids=["decoder", "encoder"])
def test_our_own_tokenizers_at_theirs(tmp_path: Path, kind: str, config: ModelConfig) -> None:
    ours = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), TEXT)
    model_type = "bert" if config.form == "encoder" else "llama"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    write_tokenizer(ours, config, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    if config.form == "encoder":
        agree(ours, theirs)
        assert (theirs.cls_token_id, theirs.mask_token_id) == (ours.start, ours.mask)
    else:  # a writer's text is not framed
        for text in TEXTS:
            assert theirs(text)["input_ids"] == ours.encode(text)
        assert theirs.eos_token_id == ours.end
    assert theirs.pad_token_id == ours.pad


def test_added_tokens_keep_their_numbers(tmp_path: Path) -> None:
    word_piece_files(tmp_path)
    size = len((tmp_path / "vocab.txt").read_text().splitlines())
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<b>": size + 1, "<a>": size}))
    ours = Tokenizer.load(tmp_path)
    assert [ours.engine.token_to_id(name) for name in ("<a>", "<b>")] == [size, size + 1]
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<b>": size + 7}))
    with pytest.raises(LangueError, match=f"<b> cannot have the number {size + 7}"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"vocab.txt": "a\nb\n"}, "vocab.txt lacks the special token"),
        ({"vocab.json": "{}", "merges.txt": ""}, "vocab.json lacks the special token"),
        ({"vocab.json": "{", "merges.txt": ""}, "vocab.json cannot be read"),
        ({"vocab.json": "[1]", "merges.txt": ""}, "vocab.json is damaged"),
        (
            {"vocab.json": "{}", "merges.txt": "", "tokenizer_config.json": '{"tokenizer_class": "Qwen2Tokenizer"}'},
            "builds GPT-2's and RoBERTa's tokenizers, not Qwen2Tokenizer",
        ),
        ({"vocab.json": "{}", "merges.txt": "", "config.json": '{"model_type": "qwen2"}'}, "tokenizers, not qwen2"),
        ({"other.json": "{}"}, "holds no tokenizer"),
        (
            {"vocab.txt": "[UNK]\n[SEP]\n[PAD]\n[CLS]\n[MASK]\n", "tokenizer_config.json": '{"do_lower_case": 7}'},
            "'int' object is not an instance of 'bool'.*; its tokenizer is damaged",
        ),
    ],
)
def test_what_is_no_tokenizer_of_theirs_is_said(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(LangueError, match=sentence):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe"])
def test_a_number_out_of_all_proportion_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """By such numbers the engine would make a list of two billion places before it wrote itself down."""
    engine = train_tokenizer(TokenizerSettings.model_validate({"kind": kind, "vocab_size": 300}), ["the sea"]).engine
    content = json.loads(engine.to_str())
    content["model"]["vocab"]["the"] = 2**31
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(LangueError, match="its token 'the' has the number 2147483648"):
        Tokenizer.load(tmp_path)
