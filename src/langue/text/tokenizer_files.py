"""The files beside a tokenizer: what its tokens are for, which end a text, and how a chat is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, processors
from tokenizers import Tokenizer as Engine

from langue.errors import LangueError, reading
from langue.files import check_file
from langue.text.special import ROLES

ROLE_FILES = ("tokenizer_config.json", "special_tokens_map.json")
"""Hugging Face's files of what special tokens are for; the first that says it counts."""

ADDED = "added_tokens.json"
GENERATION, CONFIG = "generation_config.json", "config.json"
ENDS = "eos_token_id"
"""Tokens that end a text, in the first of these two files that there is, as Transformers' `generate` takes them."""

TEMPLATE, MORE_TEMPLATES = "chat_template.jinja", "additional_chat_templates"
DEFAULT = "default"

MOST = 100_000_000
"""Bytes of the largest of these files that is read."""


@dataclass(frozen=True)
class TokenizerFiles:
    """The content of the files.

    Attributes:
        settings: tokenizer_config.json and special_tokens_map.json together.
        roles: what special tokens are for, such as {"cls_token": "[CLS]"}.
        ends: numbers of the tokens that end a text.
        chat_templates: Jinja sources by name; "default" is the usual one.
        added: tokens that were added to the vocabulary later, by number.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    ends: tuple[int, ...] = ()
    chat_templates: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[int, AddedToken] = field(default_factory=dict)


def read_tokenizer_files(folder: Path) -> TokenizerFiles:
    """The content of a folder's files about its tokenizer.

    Raises:
        LangueError: one of them is damaged, or names code to be run.
    """
    settings: dict[str, Any] = {}
    for name in ROLE_FILES:
        content = read_object(folder / name)
        if content.get("auto_map"):
            raise LangueError(f"{folder / name} wants Python code to be run (auto_map), and Langue runs none")
        settings = {**{name: value for name, value in content.items() if value is not None}, **settings}
    names = sorted({role for purpose in ROLES.values() for role in purpose})
    roles = {role: name for role in names if (name := token_text(settings.get(role))) is not None}
    return TokenizerFiles(
        settings, roles, _ends(folder), _templates(folder, settings), read_added(folder, settings, roles)
    )


def read_object(path: Path) -> dict[str, Any]:
    """The settings in a JSON file; none where there is no file.

    Raises:
        LangueError: it is damaged, or larger than any such file.
    """
    with reading(path):
        if not path.is_file():
            return {}
        if path.stat().st_size > MOST:
            raise LangueError(f"{path} has {path.stat().st_size:,} bytes, which is too large for what it should hold")
        content = json.loads(check_file(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise LangueError(f"{path} is damaged: it holds no settings")
    return content


def framed(engine: Engine, before: list[str], after: list[str], second: int = 0) -> processors.PostProcessor:
    """The frame that puts tokens before and behind each text, or each of two, of which the second has this segment."""
    one = [*before, "$A", *after]
    two = [f"{piece}:{second}" for piece in (*before, "$B", *after)]
    return processors.TemplateProcessing(
        single=one,
        pair=[*one, *two],
        special_tokens=[(name, engine.token_to_id(name)) for name in dict.fromkeys((*before, *after))],
    )


def add_tokens(engine: Engine, added: Mapping[int, AddedToken], folder: Path) -> None:
    """Give an engine the tokens that were added later and that its own file does not hold.

    Raises:
        LangueError: one cannot have its number.
    """
    with reading(f"{folder}: its added tokens"):
        known = engine.get_added_tokens_decoder()
        missing = {n: token for n, token in sorted(added.items()) if n not in known or repr(known[n]) != repr(token)}
        engine.add_tokens(list(missing.values()))
        for number, token in missing.items():
            if engine.token_to_id(token.content) != number:
                raise LangueError(f"{folder} has a damaged tokenizer: {token.content} cannot have the number {number}")


def _ends(folder: Path) -> tuple[int, ...]:
    file = GENERATION if (folder / GENERATION).is_file() else CONFIG
    value = read_object(folder / file).get(ENDS)
    ends = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(number) is int for number in ends):
        raise LangueError(f"{folder / file} is damaged: {ENDS} is {value!r:.60}, which are no tokens")
    return tuple(ends)


def _templates(folder: Path, settings: Mapping[str, Any]) -> dict[str, str]:
    """Files count before tokenizer_config.json, as in Transformers."""
    template = settings.get("chat_template")
    templates: dict[str, str] = {}
    with reading(f"{folder}: its chat template"):
        if (folder / TEMPLATE).is_file():
            templates[DEFAULT] = check_file(folder / TEMPLATE).read_text(encoding="utf-8")
        for file in sorted((folder / MORE_TEMPLATES).glob("*.jinja")):
            templates[file.stem] = file.read_text(encoding="utf-8")
        if not templates and isinstance(template, str):
            templates = {DEFAULT: template}
        elif not templates and isinstance(template, list):
            templates = {str(entry["name"]): str(entry["template"]) for entry in template}
    return templates


def read_added(folder: Path, settings: Mapping[str, Any], roles: Mapping[str, str]) -> dict[int, AddedToken]:
    """Tokens that were added later, from tokenizer_config.json or else the older file, as Transformers reads them.

    Raises:
        LangueError: they are damaged.
    """
    decoder = settings.get("added_tokens_decoder")
    with reading(f"{folder}: its added tokens"):
        if decoder is not None:
            return {int(number): _token(dict(token)) for number, token in decoder.items()}
        special = {*roles.values(), *map(str, settings.get("additional_special_tokens") or ())}
        return {
            int(number): AddedToken(name, normalized=name not in special, special=name in special)
            for name, number in read_object(folder / ADDED).items()
        }


def _token(entry: dict[str, Any]) -> AddedToken:
    names = ("lstrip", "rstrip", "single_word", "normalized", "special")
    options = {name: bool(entry[name]) for name in names if name in entry}
    return AddedToken(entry["content"], **{"normalized": not options.get("special", False), **options})


def token_text(token: Any) -> str | None:
    """A token's text, which is given itself or as the part of a description."""
    name = token.get("content") if isinstance(token, dict) else token
    return name if isinstance(name, str) else None
