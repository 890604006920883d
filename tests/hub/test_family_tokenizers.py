"""Tokenizers of families that keep theirs in tokenizer.json, as Transformers' own classes write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from tests.hub.published import VOCABULARY as _  # noqa: F401  keeps Transformers quiet
from tests.hub.test_tokenizers import TEXT
from tokenizers import Tokenizer as Engine
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from langue.hub.tokenizer import write_tokenizer
from langue.models import ModelConfig
from langue.text import Tokenizer

SENTENCES = [
    "The quick fox",
    "über den Deich, THE Boxkämpfer's  3,1\n\tdog 日本語 🙂",
    "",
    " dog ",
    "e\u0301 ﬁ <s> </s>",
]
DECODER, ENCODER = ModelConfig(vocab_size=900), ModelConfig(vocab_size=900, form="encoder", segments=2)
SEQ2SEQ = ModelConfig(vocab_size=900, form="seq2seq")


def unigram() -> list[tuple[str, float]]:
    engine = Engine(models.Unigram())
    engine.pre_tokenizer = pre_tokenizers.Metaspace()
    engine.train_from_iterator(TEXT, trainers.UnigramTrainer(vocab_size=120, show_progress=False))
    return [tuple(piece) for piece in json.loads(engine.to_str())["model"]["vocab"]]


def merged(special: list[str], space: bool) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of BPE over characters, with ▁ for a space, or over bytes."""
    engine = Engine(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never") if space else byte_level
    alphabet = [] if space else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    engine.train_from_iterator(TEXT, trainer)
    model = json.loads(engine.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def xlm_r() -> transformers.PreTrainedTokenizerBase:
    special = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces = [piece for piece in unigram() if piece[0] not in ("<unk>", "<s>", "</s>")]
    return transformers.XLMRobertaTokenizer(vocab=[*special, *pieces, ("<mask>", 0.0)])


def neox() -> transformers.PreTrainedTokenizerBase:
    vocabulary, merges = merged(["<|endoftext|>", "<|padding|>"], space=False)
    return transformers.GPTNeoXTokenizer(vocab=vocabulary, merges=merges)


def gemma() -> transformers.PreTrainedTokenizerBase:
    byte = [f"<0x{number:02X}>" for number in range(256)]
    vocabulary, merges = merged(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *byte], space=True)
    return transformers.GemmaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True)


def nllb() -> transformers.PreTrainedTokenizerBase:
    vocabulary, merges = merged(["<s>", "<pad>", "</s>", "<unk>"], space=True)
    return transformers.NllbTokenizer(
        vocab=vocabulary, merges=merges, src_lang="eng_Latn", extra_special_tokens=["eng_Latn", "fra_Latn"]
    )


def modernbert() -> transformers.PreTrainedTokenizerBase:
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    vocabulary, merges = merged(["<|padding|>", "<|endoftext|>"], space=False)
    engine = Engine(models.BPE(vocabulary, merges))
    engine.normalizer = normalizers.NFC()
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens(list(special.values()))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=engine, **special)
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id

    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def distilbert() -> transformers.PreTrainedTokenizerBase:
    engine = Engine(models.WordPiece(unk_token="[UNK]"))
    engine.normalizer = normalizers.BertNormalizer(lowercase=False)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    engine.train_from_iterator(TEXT, trainer)
    return transformers.DistilBertTokenizerFast(vocab=engine.get_vocab(), do_lower_case=False)


MAKERS = {
    "distilbert": (distilbert, ENCODER),
    "xlm-roberta": (xlm_r, ENCODER),
    "modernbert": (modernbert, ENCODER),
    "gpt_neox": (neox, DECODER),
    "gemma2": (gemma, DECODER),
    "m2m_100": (nllb, SEQ2SEQ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_numbers_and_back(kind: str, tmp_path: Path) -> None:
    make, config = MAKERS[kind]
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    make().save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = Tokenizer.load(tmp_path)
    agree(ours, theirs)
    ours.save(tmp_path / "run")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "config.json").write_text(json.dumps({"model_type": kind}))
    write_tokenizer(Tokenizer.load(tmp_path / "run"), config, tmp_path / "again")
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "again")
    agree(Tokenizer.load(tmp_path / "again"), again)
    for text in SENTENCES[:4]:
        assert again(text)["input_ids"] == theirs(text)["input_ids"]
    for role, name in ours.roles.items():
        assert getattr(again, role) == name


def agree(ours: Tokenizer, theirs: transformers.PreTrainedTokenizerBase) -> None:
    for text in SENTENCES[:4]:  # the last of them names special tokens, which are letters like any other for us
        ids = theirs.encode(text, add_special_tokens=False)
        assert ours.encode(text) == ids
        assert [*ours.before, *ids, *(ours.after if len(theirs("")["input_ids"]) > len(ours.before) else [])] == theirs(
            text
        )["input_ids"]
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert ours.encode(SENTENCES[4], special=True) == theirs.encode(SENTENCES[4], add_special_tokens=False)
