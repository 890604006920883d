"""The tokenizer of a Hugging Face folder, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Engine
from tokenizers import processors

from langue.content import write_json
from langue.hub.marian_tokenizer import write_marian_tokenizer
from langue.models import ModelConfig
from langue.remote import language_of
from langue.text import Tokenizer
from langue.text.foreign import MARIAN
from langue.text.frame import Frame, Piece, read_frame

FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


def read_tokenizer(path: Path) -> Tokenizer | None:
    """The tokenizer of a folder, or None where it has none.

    Raises:
        LangueError: it is damaged, or of a kind that Langue does not read.
    """
    if language_of(path) is not None:
        return Tokenizer.load(path)
    others = any(file.suffix in (".model", ".spm") for file in path.iterdir())
    return Tokenizer.load(path) if others or any((path / file).is_file() for file in FILES) else None


def read_source_tokenizer(path: Path) -> Tokenizer | None:
    """The tokenizer by which a folder's model reads, or None where that is the one by which it writes.

    Raises:
        LangueError: it is damaged.
    """
    file = source_file(path)
    # As a run keeps it: its tokens' names say what they are for.
    return None if file is None else Tokenizer(Tokenizer.load(file).engine)


def source_file(path: Path) -> Path | None:
    """The file of the tokenizer by which a folder's model reads, where that is another than that by which it writes."""
    files = [path / file for file in MARIAN]
    if (path / FILES[0]).exists() or not all(file.is_file() for file in files):
        return None
    return None if files[0].read_bytes() == files[1].read_bytes() else files[0]


def write_tokenizer(tokenizer: Tokenizer, config: ModelConfig, folder: Path) -> None:
    """Write the three files from which `AutoTokenizer` makes a tokenizer that gives the same numbers.

    A tokenizer of Langue's own keeps no frame in its file; for an encoder of text or any model that represents texts,
    which expect one, it is put there, and for an encoder–decoder the end that stands behind what it reads.
    """
    engine = Engine.from_str(tokenizer.engine.to_str())
    framed = (config.form == "encoder" and config.audio is None) or config.embedder is not None
    if framed and read_frame(engine) is None:
        engine.post_processor = _template(tokenizer, tokenizer.frame)
    if config.form == "seq2seq" and read_frame(engine) is None:
        end = (tokenizer.end, 0)
        engine.post_processor = _template(tokenizer, Frame((("A", 0), end), (("A", 0), end, ("B", 0), end)))
    tokenizer.save_chat_templates(folder)
    (folder / "tokenizer.json").write_text(engine.to_str(pretty=True), encoding="utf-8")
    write_json(folder / "tokenizer_config.json", _config(tokenizer, config, "PreTrainedTokenizerFast"))
    write_json(folder / "special_tokens_map.json", roles_of(tokenizer, config))


def write_tokenizers(source: Tokenizer, target: Tokenizer, config: ModelConfig, folder: Path) -> None:
    """Write the files of a model that reads by one tokenizer and writes by another, as Marian does.

    Raises:
        LangueError: the two are not of its kind.
    """
    write_marian_tokenizer(source, target, _config(target, config, "MarianTokenizer"), folder)


def _config(tokenizer: Tokenizer, config: ModelConfig, kind: str) -> dict[str, Any]:
    """tokenizer_config.json, for the class that takes a tokenizer as its files describe it."""
    return {
        "tokenizer_class": kind,
        "model_max_length": config.context,
        "model_input_names": ["input_ids", *(["token_type_ids"] if config.segments > 1 else []), "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **roles_of(tokenizer, config),
    }


def roles_of(tokenizer: Tokenizer, config: ModelConfig) -> dict[str, str]:
    """Special tokens by their role, as the tokenizer came with them or, if it is Langue's own, uses them."""
    if tokenizer.roles:
        return dict(tokenizer.roles)
    numbers = {"pad_token": tokenizer.pad, "unk_token": tokenizer.unknown}
    if config.form == "encoder":
        numbers |= {"cls_token": tokenizer.start, "sep_token": tokenizer.separator, "mask_token": tokenizer.mask}
    else:  # a writer begins where a document ended, unless something opens each text
        numbers |= {"bos_token": (*tokenizer.opening, tokenizer.end)[0], "eos_token": tokenizer.end}
    return {role: _name(tokenizer, number) for role, number in numbers.items() if number is not None}


def _name(tokenizer: Tokenizer, number: int) -> str:
    name = tokenizer.engine.id_to_token(number)
    assert name is not None
    return name


def _template(tokenizer: Tokenizer, frame: Frame) -> processors.PostProcessor:
    specials = sorted({what for what, _ in (*frame.single, *frame.pair) if isinstance(what, int)})
    names = {number: _name(tokenizer, number) for number in specials}

    def written(pieces: tuple[Piece, ...]) -> list[str]:
        return [f"{'$' + what if isinstance(what, str) else names[what]}:{part}" for what, part in pieces]

    return processors.TemplateProcessing(
        single=written(frame.single),
        pair=written(frame.pair),
        special_tokens=[(name, number) for number, name in names.items()],
    )
