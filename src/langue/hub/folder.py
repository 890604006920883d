"""A folder of Hugging Face's, taken for what it is: other people's files, of which not one may be executed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langue.errors import LangueError, hint, reading, unreadable
from langue.hub.weights import TensorPlace, read_weights
from langue.remote import LANGUAGE, MODEL, folder_of, language_of, local, missing_folder
from langue.text.foreign import languages_in

CONFIG = "config.json"
VOCABULARY = "vocab.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
GENERATION = "generation_config.json"
BEGINNINGS = ("decoder_start_token_id", "forced_bos_token_id")
"""Settings of how an encoder–decoder's text begins, which stand in either of the two files; the second counts."""
GENERATION_ONLY = ("alignment_heads",)
"""Settings that stand in the second of them alone, and belong to the model all the same."""

EXTRACTOR = "preprocessor_config.json"
EXTRACTOR_ONLY = ("do_normalize", "sampling_rate")
"""Settings of how recordings become a model's input that count for families which know them."""

CTRANSLATE2, SPECIFICATION = "model.bin", "WhisperSpec"
"""The file of a Whisper as CTranslate2 keeps it, and the name that stands at its beginning."""

JSON_LIMIT = 200_000_000
"""Bytes of the largest JSON file that is read; a tokenizer of a quarter of a million tokens has 30 million."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def is_published(path: Path) -> bool:
    """True if a folder holds a model as Hugging Face lays it out, or as a pickle, and not as Langue does; it may be
    named by the file of a language."""
    path = folder_of(path)
    if is_ctranslate2(path):
        return True
    if not path.is_dir() or (path / "model").is_dir():
        return path.suffix in PICKLES and path.is_file()
    try:
        return "model_type" in read_json(path / CONFIG)
    except LangueError:
        return _pickle(path) is not None


def is_ctranslate2(path: Path) -> bool:
    """True if a folder holds a Whisper of CTranslate2's; other files of the name model.bin are pickles."""
    try:
        with (path / CTRANSLATE2).open("rb") as file:
            return file.read(6 + len(SPECIFICATION))[6:] == SPECIFICATION.encode()
    except PermissionError as error:
        raise unreadable(path / CTRANSLATE2, error) from None
    except OSError:
        return False


def read_if_there(path: Path) -> dict[str, Any]:
    """`read_json`, but nothing of a file that is missing."""
    return read_json(path) if path.is_file() else {}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        LangueError: it is missing, too large, or something else.
    """
    try:
        if path.stat().st_size > JSON_LIMIT:
            raise LangueError(f"{path} has {path.stat().st_size:,} bytes, which is too large for what it should hold")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LangueError(f"{path.parent} holds no model of Hugging Face's: {path.name} is missing") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise LangueError(f"{path} is damaged: it is not valid JSON") from None
    if not isinstance(content, dict):
        raise LangueError(f"{path} is damaged: it holds no settings")
    return content


def refuse_code(content: dict[str, Any], path: Path) -> None:
    """Refuse a file that names Python code to be loaded along with it."""
    if content.get("auto_map"):
        raise LangueError(
            f"{path} wants Python code from its author to be run (auto_map), and Langue runs none; "
            f"use a checkpoint of a family that it knows"
        )


def _pickle(path: Path) -> str | None:
    """The name of a pickle in a folder, or of the file itself."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    return next((file.name for file in files if file.suffix in PICKLES), None)


def refuse_pickles(path: Path) -> None:
    """Refuse a folder that is not there, or has weights in pickles alone."""
    if not path.exists():
        raise missing_folder(path)
    pickle = _pickle(path)
    if pickle is not None and not any((path / file).exists() for file in (WEIGHTS, INDEX)):
        raise LangueError(
            f"{path} holds {pickle}, a pickle, which can run any code when it is opened; convert it where you trust "
            f"it: {_class(path)}.from_pretrained(DIR).save_pretrained(NEW, safe_serialization=True), and copy the "
            f"tokenizer's files"
        )


def _class(path: Path) -> str:
    """The class that config.json names, since the trunk alone would lose the head."""
    try:
        names = read_json(path / CONFIG).get("architectures")
    except LangueError:
        names = None
    name = names[0] if isinstance(names, list) and names else None
    return name if isinstance(name, str) and name.isidentifier() else "AutoModel"


def all_weights(path: Path) -> dict[str, TensorPlace]:
    """The tensors of all safetensors files of a folder.

    Raises:
        LangueError: one is missing, damaged, or lies elsewhere.
    """
    if (path / WEIGHTS).exists():
        return read_weights(_inside(path, WEIGHTS, path))
    if (path / INDEX).exists():
        return _shards(path)
    raise LangueError(f"{path} holds no weights: {WEIGHTS} is missing")


def language_in(path: Path) -> str | None:
    """The language of a model: that by whose file it is named, or the only one that its folder has letters of."""
    known = languages_in(read_if_there(folder_of(path) / VOCABULARY))
    return language_of(path) or (known[0] if len(known) == 1 else None)


def language_from(origin: Mapping[str, Any]) -> str | None:
    """The language of an origin (`PretrainedModel.origin`), by which a file may be named."""
    name = origin.get("language")
    return language_of(LANGUAGE.format(name)) if isinstance(name, str) else None


def in_language(path: Path, language: str) -> Path:
    """The place of a model in one of its languages, where it has letters of its own for each; else the place itself."""
    folder = local(path, MODEL)
    several = folder.is_dir() and languages_in(read_if_there(folder / VOCABULARY))
    return Path(f"{path.as_posix()}/{LANGUAGE.format(language)}") if several else path


def weights_in_language(path: Path, part: str) -> dict[str, TensorPlace]:
    """The tensors of a folder that is named by the file of a language, whose own stand in place of the folder's.

    Args:
        path: the file.
        part: the regular expression of the tensors that it holds.

    Raises:
        LangueError: there is none of that language, or it holds others.
    """
    folder = path.parent
    if not path.is_file():
        known = languages_in(read_if_there(folder / VOCABULARY))
        others = f"; {hint(str(language_of(path)), known)}" if known else ", nor letters of single languages"
        raise LangueError(f"{folder} has no {path.name}{others}")
    own = read_weights(_inside(folder, path.name, folder))
    if strange := [name for name in own if not re.fullmatch(part, name)]:
        raise LangueError(f"{path} is damaged: it holds {strange[0]}, which belongs to no single language")
    shared = {name: place for name, place in all_weights(folder).items() if not re.fullmatch(part, name)}
    return {**shared, **own}


def _shards(path: Path) -> dict[str, TensorPlace]:
    index = path / INDEX
    shard_of = read_json(index).get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(file, str) for file in shard_of.values()):
        raise LangueError(f"{index} is damaged: its weight_map does not say where each tensor is")
    places: dict[str, TensorPlace] = {}
    for shard in sorted(set(shard_of.values())):
        with reading(index):
            tensors = read_weights(_inside(path, shard, index))
        for name, place in tensors.items():
            # Buffers that Transformers makes anew were left out of many an index.
            if shard_of.get(name, shard) != shard or name in places:
                raise LangueError(f"{index} is damaged: it does not say that {shard} holds {name}")
            places[name] = place
    missing = sorted(shard_of.keys() - places.keys())
    if missing:
        raise LangueError(f"{path / shard_of[missing[0]]} lacks {missing[0]}, which {INDEX} says it holds")
    return places


def _inside(folder: Path, name: str, source: Path) -> Path:
    """A file of the folder itself.

    Raises:
        LangueError: the name or a link leads elsewhere, or there is no such file.
    """
    if not name.endswith(".safetensors") or Path(name).name != name or "\\" in name or "\0" in name:
        raise LangueError(f"{source} names {name!r}, which is no safetensors file of its own folder")
    path = folder / name
    if not path.is_file():
        raise LangueError(f"{folder} is not complete: {name} is missing")
    # The cache of huggingface_hub keeps files as links from snapshots/REVISION to blobs.
    home = folder.resolve()
    homes = [home, home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [home]
    if path.resolve().parent not in homes:
        raise LangueError(f"{path} is a link that leads out of its folder; put the file itself there")
    return path
