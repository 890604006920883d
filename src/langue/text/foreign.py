"""Tokenizers that came before `tokenizer.json`: GPT-2's and RoBERTa's vocab.json with merges.txt, BERT's vocab.txt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Engine

from langue.errors import LangueError

_BERT = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
_ROBERTA = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_GPT2 = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")

# Others keep their vocabulary in the same two files and cut text at other places before.
_BYTE_LEVEL = ("GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast", "gpt2", "roberta")


def build_engine(folder: Path, told: Mapping[str, Any]) -> tuple[Engine, dict[str, str]] | None:
    """The engine of a folder without `tokenizer.json`, and the roles of its special tokens, or None.

    Args:
        folder: where the files are.
        told: tokenizer_config.json.

    Raises:
        LangueError: the files are damaged, or of a tokenizer that cannot be told from them.
    """
    if (folder / "vocab.txt").is_file():
        return _bert(folder, told)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return _byte_level(folder, told)
    if (folder / "source.spm").is_file():
        raise LangueError(
            f"{folder} has its tokenizer in source.spm, target.spm and vocab.json, from which neither Langue nor "
            f"AutoTokenizer makes a tokenizer.json; put one there, such as that of a copy made for transformers.js"
        )
    models_of_others = sorted(path.name for path in folder.glob("*.model"))
    if models_of_others:
        raise LangueError(
            f"{folder} has its tokenizer in {models_of_others[0]}, which Langue does not read; convert it: "
            f"AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes tokenizer.json"
        )
    return None


def _bert(folder: Path, told: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    path = folder / "vocab.txt"
    try:
        words = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LangueError(f"{path} cannot be read: {error}") from None
    words = [word.rstrip("\r") for word in (words[:-1] if words[-1] == "" else words)]
    vocabulary = {word: number for number, word in enumerate(words)}
    roles = _roles(_BERT, told, vocabulary, path)
    engine = Engine(models.WordPiece(vocabulary, unk_token=roles["unk_token"]))
    engine.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=told.get("tokenize_chinese_chars", True),
        strip_accents=told.get("strip_accents"),
        lowercase=told.get("do_lower_case", True),
    )
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece()
    start, separator = roles["cls_token"], roles["sep_token"]
    engine.post_processor = processors.TemplateProcessing(
        single=f"{start}:0 $A:0 {separator}:0",
        pair=f"{start}:0 $A:0 {separator}:0 $B:1 {separator}:1",
        special_tokens=[(start, vocabulary[start]), (separator, vocabulary[separator])],
    )
    _add_tokens(engine, roles, told, folder)
    return engine, roles


def _byte_level(folder: Path, told: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    kind = told.get("tokenizer_class") or _json(folder / "config.json").get("model_type")
    if kind is not None and kind not in _BYTE_LEVEL:
        raise LangueError(
            f"{folder} has no tokenizer.json, and from vocab.json and merges.txt Langue builds GPT-2's and RoBERTa's "
            f"tokenizers, not {kind}; AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes it"
        )
    vocabulary = _json(folder / "vocab.json")
    try:
        model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    except Exception as error:  # the engine raises bare Exceptions
        raise LangueError(f"{folder} has a damaged tokenizer: vocab.json or merges.txt: {error}") from None
    is_roberta = "<|endoftext|>" not in vocabulary
    roles = _roles(_ROBERTA if is_roberta else _GPT2, told, vocabulary, folder / "vocab.json")
    space = told.get("add_prefix_space", False)
    engine = Engine(model)
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    engine.decoder = decoders.ByteLevel()
    if is_roberta:
        separator, start = roles["sep_token"], roles["cls_token"]
        engine.post_processor = processors.RobertaProcessing(
            (separator, vocabulary[separator]), (start, vocabulary[start]), trim_offsets=True, add_prefix_space=space
        )
    else:
        engine.post_processor = processors.ByteLevel(trim_offsets=False)
    _add_tokens(engine, roles, told, folder)
    return engine, roles


def _roles(
    usual: Mapping[str, str], told: Mapping[str, Any], vocabulary: Mapping[str, Any], path: Path
) -> dict[str, str]:
    """The special tokens, of which each must be a word of the vocabulary."""
    roles = dict(usual)
    for role in usual:
        token = told.get(role)
        name = token.get("content") if isinstance(token, dict) else token
        roles[role] = name if isinstance(name, str) else roles[role]
        if type(vocabulary.get(roles[role])) is not int:
            raise LangueError(f"{path} lacks the special token {roles[role]}")
    return roles


def _add_tokens(engine: Engine, roles: Mapping[str, str], told: Mapping[str, Any], folder: Path) -> None:
    """Special tokens, and those that were added to the vocabulary later, in the order of their numbers."""
    for role, name in roles.items():
        # RoBERTa's <mask> takes the space before it along.
        lstrip = role == "mask_token" and name == _ROBERTA[role]
        engine.add_special_tokens([AddedToken(name, lstrip=lstrip, normalized=False, special=True)])
    later = {str(number): {"content": name} for name, number in _json(folder / "added_tokens.json").items()}
    described = told.get("added_tokens_decoder")
    later |= described if isinstance(described, dict) else {}
    try:
        for number, token in sorted(later.items(), key=lambda item: int(item[0])):
            options = {name: token[name] for name in ("lstrip", "rstrip", "single_word") if name in token}
            normalized = token.get("normalized", False)
            engine.add_tokens(
                [AddedToken(token["content"], normalized=normalized, special=token.get("special", False), **options)]
            )
            if engine.token_to_id(token["content"]) != int(number):
                raise ValueError(f"{token['content']} cannot have the number {number}")
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise LangueError(f"{folder} has a damaged tokenizer: its added tokens: {error}") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise LangueError(f"{path} cannot be read: {error}") from None
    return content if isinstance(content, dict) else {}
