"""Tokenizers that came before `tokenizer.json`: GPT-2's and RoBERTa's vocab.json with merges.txt, BERT's vocab.txt, the
letters of models that write by CTC, and SentencePiece's files of T5, Llama, Gemma, XLM-R, M2M-100 and Marian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Engine

from langue.errors import LangueError, hint, listed
from langue.remote import LANGUAGE
from langue.text.hostile import check_engine
from langue.text.piece_engine import make_engine
from langue.text.pieces import read_pieces
from langue.text.tokenizer_files import add_tokens, framed, read_added, read_object, token_text

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

_LETTERS = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}

_T5 = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_GEMMA = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
_M2M100 = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

# Others keep their vocabulary in files of the same names and cut text at other places before, or number it otherwise:
# tokenizer classes and families, as tokenizer_config.json and config.json name them.
_BYTE_LEVEL = ("GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast", "gpt2", "roberta")
_CTCS = ("Wav2Vec2CTCTokenizer", "wav2vec2", "hubert")
_T5S = ("T5Tokenizer", "T5TokenizerFast", "MT5Tokenizer", "MT5TokenizerFast", "t5", "mt5")
_LLAMAS = ("LlamaTokenizer", "LlamaTokenizerFast", "llama", "mistral")
_GEMMAS = ("GemmaTokenizer", "GemmaTokenizerFast", "gemma2", "gemma3_text")
_XLM_RS = ("XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "xlm-roberta")
_M2M100S = ("M2M100Tokenizer", "m2m_100")
_DEBERTAS = ("DebertaV2Tokenizer", "DebertaV2TokenizerFast", "deberta-v2")

MOST_LANGUAGES = 200
"""Languages that a message lists."""

Builder = Callable[[Path, Mapping[str, Any]], tuple[Engine, dict[str, str]]]

# What Marian reads with, and what it writes with; the numbers of both stand in vocab.json.
MARIAN = ("source.spm", "target.spm")


def build_engine(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]] | None:
    """The engine of a folder without `tokenizer.json`, and the roles of its special tokens, or None.

    Of a Marian folder it is that of what is written.

    Args:
        folder: where the files are.
        config: tokenizer_config.json.

    Raises:
        LangueError: the files are damaged, or of a tokenizer that cannot be known from them.
    """
    if (folder / "vocab.txt").is_file():
        return _bert(folder, config)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return _byte_level(folder, config)
    if any((folder / file).is_file() for file in MARIAN):
        return build_marian(folder, config, MARIAN[1])
    for file, builders in _PIECES.items():
        if (folder / file).is_file():
            kind = _kind(folder, config) or _USUAL.get(file)
            build = next((build for build, kinds in builders if kind in kinds), None)
            if build is None:
                raise _refusal(folder, file, kind)
            return build(folder, config)
    if (folder / "vocab.json").is_file() and _kind(folder, config) in _CTCS:
        return build_letters(folder, config)
    models_of_others = sorted(path.name for path in folder.glob("*.model"))
    if models_of_others:
        raise _refusal(folder, models_of_others[0], _kind(folder, config))
    return None


def _kind(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The class of a folder's tokenizer, or else the family of its model."""
    return config.get("tokenizer_class") or read_object(folder / "config.json").get("model_type")


def _refusal(folder: Path, file: str, kind: str | None) -> LangueError:
    return LangueError(
        f"{folder} has its tokenizer in {file}, from which Langue builds those of T5, Llama, Gemma, DeBERTa, XLM-R and "
        f"M2M-100, not {kind or 'this one'}; AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes "
        f"tokenizer.json"
    )


def _bert(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    path = folder / "vocab.txt"
    try:
        words = path.read_bytes().decode("utf-8").split("\n")  # read_text would end a line at a CR as well
    except (OSError, UnicodeDecodeError) as error:
        raise LangueError(f"{path} cannot be read: {error}") from None
    words = [word.rstrip("\r") for word in (words[:-1] if words[-1] == "" else words)]
    vocabulary = {word: number for number, word in enumerate(words)}
    roles = _roles(_BERT, config, vocabulary, path)
    engine = Engine(models.WordPiece(vocabulary, unk_token=roles["unk_token"]))
    engine.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
        lowercase=config.get("do_lower_case", True),
    )
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece()
    engine.post_processor = _bert_frame(roles, vocabulary)
    _add_tokens(engine, roles, config, folder)
    return engine, roles


def _byte_level(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    kind = config.get("tokenizer_class") or read_object(folder / "config.json").get("model_type")
    if kind is not None and kind not in _BYTE_LEVEL:
        raise LangueError(
            f"{folder} has no tokenizer.json, and from vocab.json and merges.txt Langue builds GPT-2's and RoBERTa's "
            f"tokenizers, not {kind}; AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes it"
        )
    vocabulary = read_object(folder / "vocab.json")
    try:
        model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    except Exception as error:  # the engine raises bare Exceptions
        raise LangueError(f"{folder} has a damaged tokenizer: vocab.json or merges.txt: {error}") from None
    is_roberta = "<|endoftext|>" not in vocabulary
    roles = _roles(_ROBERTA if is_roberta else _GPT2, config, vocabulary, folder / "vocab.json")
    space = config.get("add_prefix_space", False)
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
    _add_tokens(engine, roles, config, folder)
    return engine, roles


def build_letters(
    folder: Path, config: Mapping[str, Any], language: str | None = None
) -> tuple[Engine, dict[str, str]]:
    """A letter for each token, one of which stands for the space between words.

    A letter whose other case alone has a token is read as that, since transcripts seldom are in capitals.

    Args:
        folder: of vocab.json.
        config: tokenizer_config.json.
        language: whose letters they are, where there are some for each of several.

    Raises:
        LangueError: the files are damaged, or it is not clear which language is meant.
    """
    path = folder / "vocab.json"
    numbers = _known_numbers(folder, config, path, language)
    roles = {role: token_text(config.get(role)) or name for role, name in _LETTERS.items()}
    for role in ("unk_token", "pad_token"):
        if roles[role] not in numbers:
            raise LangueError(f"{path} lacks the special token {roles[role]}")
    # Where nothing ends a text, the token that is never written does.
    roles |= {} if roles["eos_token"] in numbers else {"eos_token": roles["pad_token"]}
    roles = {role: name for role, name in roles.items() if name in numbers}
    between = token_text(config.get("word_delimiter_token")) or "|"
    engine = Engine(models.WordLevel(numbers, unk_token=roles["unk_token"]))
    steps = [normalizers.Replace(letter, other) for letter, other in _other_cases(numbers)]
    engine.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", between)])
    engine.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    engine.decoder = decoders.Sequence([decoders.Replace(between, " "), decoders.Fuse()])
    for name in roles.values():
        engine.add_special_tokens([AddedToken(name, normalized=False, special=True)])
    check_engine(engine, path)
    return engine, roles


def languages_in(vocabulary: Mapping[str, Any]) -> list[str]:
    """The languages for each of which a vocabulary has numbers of its own, as MMS's has; none of another."""
    return [name for name, numbers in vocabulary.items() if isinstance(numbers, dict)]


def _known_numbers(folder: Path, config: Mapping[str, Any], path: Path, language: str | None) -> dict[str, int]:
    """The numbers of a vocabulary and of what was added to it, but for those for which the model has no logit.

    Raises:
        LangueError: they are damaged, or it is not clear which language is meant.
    """
    numbers = read_object(path)
    if language is not None or languages_in(numbers):
        numbers = _numbers_in(language, numbers, folder)
    if not all(type(number) is int for number in numbers.values()):
        raise LangueError(f"{path} is damaged: it does not number its tokens")
    size = read_object(folder / "config.json").get("vocab_size") if language is None else len(numbers)
    added = {token.content: number for number, token in read_added(folder, config, {}).items()}
    limit = size if type(size) is int else len(numbers) + len(added)
    return {name: number for name, number in {**added, **numbers}.items() if number < limit}


def _numbers_in(language: str | None, vocabulary: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The numbers of one of the languages of a vocabulary; of none in particular, if there is but one."""
    languages = languages_in(vocabulary)
    if language is None and len(languages) > 1:
        example = folder / LANGUAGE.format(languages[0])
        raise LangueError(
            f"{folder} knows {len(languages)} languages, each with letters of its own; name one, as in {example} (or "
            f"langue transcribe --language {languages[0]}): {listed(languages, MOST_LANGUAGES)}"
        )
    if language is not None and language not in languages:
        raise LangueError(f"{folder} has no letters for the language {language}; {hint(language, languages)}")
    return vocabulary[language or languages[0]]


def _other_cases(names: Mapping[str, int]) -> list[tuple[str, str]]:
    """Letters without a token whose other case has one, each with that."""
    letters = [name for name in names if len(name) == 1]
    pairs = [(other, letter) for letter in letters for other in (letter.lower(), letter.upper())]
    return [(other, letter) for other, letter in pairs if len(other) == 1 and other not in names]


def _t5(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    """T5's, whose sentinels stand behind the pieces, the last one first, unless they are among them."""
    path = folder / "spiece.model"
    pieces = read_pieces(path)
    engine = make_engine(pieces)
    roles = _roles(_T5, config, engine.get_vocab(), path)
    count = config.get("extra_ids", 0 if any("<extra_id_0>" in name for name in pieces.names) else 100)
    if type(count) is not int or not 0 <= count <= 10_000:
        raise LangueError(f"{folder} has a damaged tokenizer: its extra_ids are {count!r}")
    sentinels = [f"<extra_id_{number}>" for number in reversed(range(count))]
    engine.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in sentinels])
    _add_tokens(engine, roles, config, folder)
    engine.post_processor = framed(engine, [], [roles["eos_token"]])
    return engine, roles


def _llama(folder: Path, config: Mapping[str, Any], usual: Mapping[str, str] = _LLAMA) -> tuple[Engine, dict[str, str]]:
    """Llama's, and Gemma's with special tokens of other names."""
    path = folder / "tokenizer.model"
    engine = make_engine(read_pieces(path))
    roles = _roles(usual, config, engine.get_vocab(), path)
    _add_tokens(engine, roles, config, folder)
    before = [roles["bos_token"]] if config.get("add_bos_token", True) else []
    after = [roles["eos_token"]] if config.get("add_eos_token", False) else []
    engine.post_processor = framed(engine, before, after)
    return engine, roles


def _deberta(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    """DeBERTa's, with [MASK] behind the pieces."""
    path = folder / "spm.model"
    pieces = read_pieces(path)
    numbers = {name: number for number, name in enumerate(dict.fromkeys((*pieces.names, "[MASK]")))}
    roles = _roles(_BERT, config, numbers, path)
    engine = make_engine(pieces, numbers, list(roles.values()))
    _add_tokens(engine, roles, config, folder)
    engine.post_processor = _bert_frame(roles, numbers)
    return engine, roles


def _xlm_r(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    """XLM-R's, whose numbers are fairseq's: four special tokens, the pieces behind SentencePiece's own three, and
    <mask>."""
    path = folder / "sentencepiece.bpe.model"
    pieces = read_pieces(path)
    names = ["<s>", "<pad>", "</s>", "<unk>", *pieces.names[3:], "<mask>"]
    numbers = {name: number for number, name in enumerate(names)}
    if len(numbers) < len(names):
        raise LangueError(f"{path} is no model file of XLM-R: it has a piece of the name of a special token")
    roles = _roles(_ROBERTA, config, numbers, path)
    engine = make_engine(pieces, numbers, list(roles.values()))
    _add_tokens(engine, roles, config, folder)
    start, end = roles["cls_token"], roles["sep_token"]
    engine.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} {end} $B {end}",
        special_tokens=[(start, numbers[start]), (end, numbers[end])],
    )
    return engine, roles


def _m2m100(folder: Path, config: Mapping[str, Any]) -> tuple[Engine, dict[str, str]]:
    """M2M-100's, whose pieces are numbered by vocab.json, and behind them languages as tokenizer_config.json has them;
    that of a text stands before it."""
    path = folder / "vocab.json"
    numbers = dict(read_object(path))
    numbered = all(type(number) is int for number in numbers.values())
    if not numbered or sorted(numbers.values()) != list(range(len(numbers))) or any(" " in name for name in numbers):
        raise LangueError(f"{path} is damaged: it does not number its tokens from 0 on")
    more = config.get("additional_special_tokens") or config.get("extra_special_tokens") or ()
    names = [token_text(token) for token in more]
    languages = [name for name in names if name is not None and name not in numbers]
    source = f"__{config.get('src_lang') or 'en'}__"
    if source not in languages:
        raise LangueError(f"{folder} has a damaged tokenizer: its additional_special_tokens have no {source}")
    numbers |= {name: len(numbers) + place for place, name in enumerate(languages)}
    roles = _roles(_M2M100, config, numbers, path)
    engine = make_engine(read_pieces(folder / "sentencepiece.bpe.model"), numbers, [*roles.values(), *languages])
    _add_tokens(engine, roles, config, folder)
    engine.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in languages])
    engine.post_processor = framed(engine, [source], [roles["eos_token"]])
    return engine, roles


_PIECES: dict[str, tuple[tuple[Builder, tuple[str, ...]], ...]] = {
    "spiece.model": ((_t5, _T5S),),
    "tokenizer.model": ((_llama, _LLAMAS), (partial(_llama, usual=_GEMMA), _GEMMAS)),
    "spm.model": ((_deberta, _DEBERTAS),),
    "sentencepiece.bpe.model": ((_xlm_r, _XLM_RS), (_m2m100, _M2M100S)),
}
"""Functions that build a tokenizer from a file of SentencePiece's, and the classes and families that they are for."""

_USUAL = {"spiece.model": _T5S[0], "tokenizer.model": _LLAMAS[0]}
"""The class of a folder that names none."""


def build_marian(folder: Path, config: Mapping[str, Any], file: str) -> tuple[Engine, dict[str, str]]:
    """One side's engine of a Marian folder, and the roles of its special tokens.

    Both sides share the numbers of vocab.json, and each reads with its own pieces; that of a language to translate into
    stands before a source as a token: `>>fra<<`.

    Args:
        folder: where the files are.
        config: tokenizer_config.json.
        file: one of MARIAN.

    Raises:
        LangueError: the files are damaged.
    """
    path = folder / "vocab.json"
    numbers = read_object(path)
    numbered = all(type(number) is int for number in numbers.values())
    if not numbered or sorted(numbers.values()) != list(range(len(numbers))) or any(" " in name for name in numbers):
        raise LangueError(f"{path} is damaged: it does not number its tokens from 0 on")
    roles = _roles(_T5, config, numbers, path)
    languages = [name for name in numbers if name.startswith(">>") and name.endswith("<<")]
    engine = make_engine(read_pieces(folder / file), numbers, [*roles.values(), *languages])
    engine.add_tokens([AddedToken(name, rstrip=True, normalized=False) for name in languages])
    _add_tokens(engine, roles, config, folder)
    engine.post_processor = framed(engine, [], [roles["eos_token"]])
    return engine, roles


def _bert_frame(roles: Mapping[str, str], numbers: Mapping[str, int]) -> processors.PostProcessor:
    """[CLS] before the text or the first of two, [SEP] behind each, the second being of segment 1."""
    start, end = roles["cls_token"], roles["sep_token"]
    return processors.TemplateProcessing(
        single=f"{start}:0 $A:0 {end}:0",
        pair=f"{start}:0 $A:0 {end}:0 $B:1 {end}:1",
        special_tokens=[(start, numbers[start]), (end, numbers[end])],
    )


def _roles(
    usual: Mapping[str, str], config: Mapping[str, Any], vocabulary: Mapping[str, Any], path: Path
) -> dict[str, str]:
    """The special tokens, of which each must be a word of the vocabulary."""
    roles = dict(usual)
    for role in usual:
        roles[role] = roles[role] if (name := token_text(config.get(role))) is None else name
        if type(vocabulary.get(roles[role])) is not int:
            raise LangueError(f"{path} lacks the special token {roles[role]}")
    return roles


def _add_tokens(engine: Engine, roles: Mapping[str, str], config: Mapping[str, Any], folder: Path) -> None:
    """Special tokens, and those that were added to the vocabulary later, in the order of their numbers."""
    for role, name in roles.items():
        # RoBERTa's <mask> takes the space before it along.
        lstrip = role == "mask_token" and name == _ROBERTA[role]
        engine.add_special_tokens([AddedToken(name, lstrip=lstrip, normalized=False, special=True)])
    add_tokens(engine, read_added(folder, config, roles), folder)
