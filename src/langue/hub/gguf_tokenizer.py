"""The tokenizer inside a GGUF file: lists of tokens and merges become an engine, and an engine becomes lists."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine

from langue.console import say
from langue.errors import LangueError
from langue.hub.gguf_file import GGUFFile
from langue.text import Tokenizer
from langue.text.frame import read_frame
from langue.text.piece_engine import merges_by_score
from langue.text.pieces import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED
from langue.text.tokenizer_files import DEFAULT, framed

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# Rules by which text is cut before its bytes are merged, by the name that a file gives to it: patterns that cut one
# after the other. Names that stand for the same patterns are given in the second table.
_PATTERNS: dict[str, tuple[str, ...]] = {
    "gpt-2": (_GPT2,),
    "smollm": (r"\p{N}", _GPT2),
    "llama-bpe": (_WORDS % r"\p{N}{1,3}",),
    "qwen2": (_WORDS % r"\p{N}",),
}
_SAME_AS = {
    "mpt": "gpt-2",
    "olmo": "gpt-2",
    "starcoder": "smollm",
    "refact": "smollm",
    "command-r": "smollm",
    "codeshell": "smollm",
    "llama3": "llama-bpe",
    "llama-v3": "llama-bpe",
    "stablelm2": "qwen2",
    "deepseek-r1-qwen": "qwen2",
}
# A word that is a token is that token, even if its merges would lead elsewhere.
_WHOLE_WORDS = ("llama-bpe",)

# Hugging Face's names of the tokens' roles.
_ROLES = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}

# Other tokens that end a text by the file, and the names of those that end one in llama.cpp whatever a file says
# (llama-vocab.cpp, `special_eog_ids`).
_ENDS = ("eot", "eom")
_ENDING_NAMES = {
    *("<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>"),
    *("<|eom_id|>", "<EOT>", "_<EOT>", "<|end_of_text|>", "<end_of_utterance>"),
}
_OPENED = ("llama-bpe",)
"""Rules of cutting whose texts begin with a token unless a file says otherwise, as all texts of SentencePiece's do."""


def read_tokenizer(file: GGUFFile) -> Tokenizer:
    """The tokenizer of a GGUF file.

    Raises:
        LangueError: there is none, it contradicts itself, or it is of a kind that Langue does not know.
    """
    kind = file.setting("tokenizer.ggml.model", str)
    if kind not in ("gpt2", "llama"):
        raise LangueError(f"{file.path} has a tokenizer of the kind {kind!r}; Langue reads gpt2 and llama")
    tokens = file.setting("tokenizer.ggml.tokens", list)
    numbers = {token: number for number, token in enumerate(tokens)}
    if len(numbers) < len(tokens):
        raise LangueError(f"{file.path} is damaged: two of its tokens have the same name")
    types = [int(kind) for kind in file.settings.get("tokenizer.ggml.token_type", [])] or [NORMAL] * len(tokens)
    if len(types) != len(tokens):
        raise LangueError(f"{file.path} is damaged: it has {len(tokens)} tokens, but {len(types)} token types")
    named = {name: _named(file, name, len(tokens)) for name in (*_ROLES, *_ENDS)}
    for number in named.values():
        if number is not None and types[number] == NORMAL:
            types[number] = CONTROL
    try:
        engine = _byte_level(file, numbers) if kind == "gpt2" else _sentencepiece(file, tokens, numbers, types)
        for token, of in zip(tokens, types, strict=True):
            if of in (CONTROL, UNKNOWN):
                engine.add_special_tokens([AddedToken(token, special=True, normalized=False)])
            elif of == USER_DEFINED:
                engine.add_tokens([AddedToken(token, special=False, normalized=False)])
    except LangueError:
        raise
    except Exception as error:  # the engine raises bare Exceptions
        raise LangueError(f"{file.path} is damaged: its tokens and merges do not fit together: {error}") from None
    roles = {role: tokens[number] for name, role in _ROLES.items() if (number := named[name]) is not None}
    _frame(file, engine, kind, roles)
    ends = [number for name in _ENDS if (number := named[name]) is not None]
    ends += [n for n, of in enumerate(types) if of == CONTROL and tokens[n] in _ENDING_NAMES]
    return Tokenizer(engine, roles, ends, _chat_templates(file))


def _frame(file: GGUFFile, engine: Engine, kind: str, roles: dict[str, str]) -> None:
    """Put before and behind a text what the file says, or where it says nothing, what llama.cpp puts there."""
    opened = kind == "llama" or _rule_name(file) in _OPENED
    before = file.setting("tokenizer.ggml.add_bos_token", bool, opened)
    after = file.setting("tokenizer.ggml.add_eos_token", bool, False)
    names = [
        [roles[role]] if put and role in roles else [] for role, put in (("bos_token", before), ("eos_token", after))
    ]
    if any(names):
        engine.post_processor = framed(engine, *names, second=1)


def _chat_templates(file: GGUFFile) -> dict[str, str]:
    key = "tokenizer.chat_template"
    more = {name.removeprefix(f"{key}."): name for name in file.settings if name.startswith(f"{key}.")}
    return {name: file.setting(of, str) for name, of in {DEFAULT: key, **more}.items() if of in file.settings}


def _rule_name(file: GGUFFile) -> str:
    """The rule by which text is cut into words, by our name of it."""
    name = file.setting("tokenizer.ggml.pre", str, "gpt-2")
    return _SAME_AS.get(name, name)


def _named(file: GGUFFile, name: str, tokens: int) -> int | None:
    """The number of the token of a role."""
    key = f"tokenizer.ggml.{name}_token_id"
    if key not in file.settings:
        return None
    number = file.setting(key, int)
    if not 0 <= number < tokens:
        raise LangueError(f"{file.path} is damaged: its {key} is {number}, but it has {tokens} tokens")
    return number


def _byte_level(file: GGUFFile, numbers: dict[str, int]) -> Engine:
    """BPE over bytes, as GPT-2 has it."""
    name = _rule_name(file)
    if name not in _PATTERNS:
        known = ", ".join([*_PATTERNS, *_SAME_AS])
        raise LangueError(f"{file.path} cuts text into words by the rule {name!r}; Langue knows {known}")
    merges = [tuple(merge.split(" ")) for merge in file.setting("tokenizer.ggml.merges", list)]
    if any(len(merge) != 2 for merge in merges):
        raise LangueError(f"{file.path} is damaged: not every merge is of two tokens")
    engine = Engine(models.BPE(vocab=numbers, merges=merges, ignore_merges=name in _WHOLE_WORDS))
    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in _PATTERNS[name]]
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.pre_tokenizer = pre_tokenizers.Sequence([*cuts, bytewise])
    engine.decoder = decoders.ByteLevel()
    if name == "qwen2":
        engine.normalizer = normalizers.NFC()
    return engine


def _sentencepiece(file: GGUFFile, tokens: list[str], numbers: dict[str, int], types: list[int]) -> Engine:
    """BPE over characters as SentencePiece has it: of all pairs that make a token, the one of the best score merges."""
    scores = file.settings.get("tokenizer.ggml.scores", [])
    if len(scores) != len(tokens):
        raise LangueError(f"{file.path} is damaged: it has {len(tokens)} tokens, but {len(scores)} scores")
    unknown = next((token for token, kind in zip(tokens, types, strict=True) if kind == UNKNOWN), None)
    usable = [kind in (NORMAL, UNUSED) for kind in types]
    pairs = merges_by_score(tokens, scores, usable)
    engine = Engine(
        models.BPE(vocab=numbers, merges=pairs, unk_token=unknown, fuse_unk=True, byte_fallback=BYTE in types)
    )
    steps: list[Any] = [normalizers.Replace(" ", "▁")]
    back: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if file.setting("tokenizer.ggml.add_space_prefix", bool, True):
        steps.insert(0, normalizers.Prepend("▁"))
        back.append(decoders.Strip(" ", 1, 0))
    engine.normalizer = normalizers.Sequence(steps)
    engine.decoder = decoders.Sequence(back)
    return engine


def write_tokenizer(writer: Any, tokenizer: Tokenizer, vocab_size: int) -> None:
    """Give a `gguf.GGUFWriter` the lists of a byte-level BPE tokenizer; tokens that a model has beyond it are unused.

    Raises:
        LangueError: the tokenizer is of another kind, or has more tokens than the model.
    """
    content = json.loads(tokenizer.engine.to_str())
    if tokenizer.vocab_size > vocab_size:
        raise LangueError(f"the tokenizer has {tokenizer.vocab_size} tokens, but the model only {vocab_size}")
    pre = _rule(content)
    if pre is None or not content["model"]["merges"]:
        raise LangueError(
            "GGUF is written with byte-level BPE tokenizers alone, and this one is another; "
            "train the model with tokenizer: {kind: byte-bpe}, or export it to ONNX"
        )
    names, types = _names(tokenizer, content, vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(names)
    writer.add_token_types(types)
    merges = content["model"]["merges"]  # in older files of the engine each is one text
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    _write_frame(writer, tokenizer)
    writer.add_pad_token_id(tokenizer.pad)
    writer.add_add_space_prefix(False)
    if tokenizer.chat_templates:
        writer.add_chat_template([{"name": n, "template": t} for n, t in tokenizer.chat_templates.items()])


def _write_frame(writer: Any, tokenizer: Tokenizer) -> None:
    """Write the tokens before and behind a text, and those that end one.

    Raises:
        LangueError: more stands before a text than a file can say.
    """
    opening, bos = tokenizer.opening, tokenizer.roles.get("bos_token")
    if len(opening) > 1:
        raise LangueError(
            f"GGUF puts one token before a text, and this tokenizer puts {', '.join(tokenizer.names(opening))}"
        )
    named = tokenizer.end if bos is None else tokenizer.engine.token_to_id(bos)
    writer.add_bos_token_id(opening[0] if opening else named)
    writer.add_eos_token_id(tokenizer.end)
    writer.add_add_bos_token(bool(opening))
    frame = read_frame(tokenizer.engine)
    writer.add_add_eos_token(frame is not None and frame.around()[1] == [tokenizer.end])
    others = [end for end in tokenizer.ends[1:] if tokenizer.engine.id_to_token(end) not in _ENDING_NAMES]
    for add, end in zip((writer.add_eot_token_id, writer.add_eom_token_id), others, strict=False):
        add(end)
    if len(others) > len(_ENDS):
        left = ", ".join(tokenizer.names(others[len(_ENDS) :]))
        say(f"GGUF has no place for all tokens that end a text; left out: {left}")


def _names(tokenizer: Tokenizer, content: dict[str, Any], vocab_size: int) -> tuple[list[str], list[int]]:
    names, types = [f"[PAD{number}]" for number in range(vocab_size)], [UNUSED] * vocab_size
    for name, number in tokenizer.engine.get_vocab(with_added_tokens=True).items():
        names[number], types[number] = name, NORMAL
    for added in content["added_tokens"]:
        types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    return names, types


def _rule(content: dict[str, Any]) -> str | None:
    """The name of the rule by which an engine cuts text into words, or None when no file could say it."""
    normal = content["normalizer"]
    if content["model"]["type"] != "BPE" or (normal is not None and normal["type"] != "NFC"):
        return None
    patterns = _patterns(content["pre_tokenizer"])
    whole_words = bool(content["model"].get("ignore_merges"))
    for name, known in _PATTERNS.items():
        if patterns == known and whole_words == (name in _WHOLE_WORDS):
            return name
    return None


def _patterns(pre: dict[str, Any] | None) -> tuple[str, ...] | None:
    """The patterns that cut text one after the other, if all that follows them is bytes."""
    steps = [] if pre is None else pre["pretokenizers"] if pre["type"] == "Sequence" else [pre]
    patterns: list[str] = []
    for step in steps:
        if step["type"] == "Split" and step["behavior"] == "Isolated" and not step["invert"]:
            patterns += step["pattern"].values()
        elif step["type"] == "Digits" and step["individual_digits"]:
            patterns.append(r"\p{N}")
        elif step["type"] == "ByteLevel" and not step["add_prefix_space"] and step is steps[-1]:
            patterns += [_GPT2] if step["use_regex"] else []
        else:
            return None
    return tuple(patterns) if steps and steps[-1]["type"] == "ByteLevel" else None
