"""Files on Hugging Face's hub, fetched where a user names it as `hf:OWNER/NAME[@REVISION]`, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from langue.errors import LangueError, reason
from langue.extra import need

PREFIX = "hf:"

TOKENIZER = ("*.json", "*.txt", "*.jinja", "spiece.model", "tokenizer.model", "*.spm")
"""Files of a tokenizer."""


def is_remote(source: Path | str) -> bool:
    """True for the name of a model or a tokenizer on the hub."""
    return _name(source).startswith(PREFIX)


def local(source: Path | str, patterns: Sequence[str] = TOKENIZER) -> Path:
    """The folder of a model or a tokenizer on this machine: of what is named on the hub the one in huggingface_hub's
    cache, into which it is fetched if it is not there yet; anything else is a path already.

    Args:
        source: a path, or hf:OWNER/NAME[@REVISION].
        patterns: the files to fetch.

    Raises:
        LangueError: huggingface_hub is missing, or there is no such model, or no network.
    """
    if not is_remote(source):
        return Path(source)
    name, _, revision = _name(source).removeprefix(PREFIX).partition("@")
    library = need("huggingface_hub", "hf", str(source))
    # Folders below the first hold the same weights for other programs, but for modules of sentence-transformers.
    below = [pattern for pattern in patterns if "/" in pattern]
    try:
        folder = library.snapshot_download(
            name, revision=revision or None, allow_patterns=list(patterns), ignore_patterns=["*/*"]
        )
        if below:
            folder = library.snapshot_download(name, revision=revision or None, allow_patterns=below)
    except Exception as error:  # of many kinds, from a wrong name to a network that is down
        raise LangueError(f"{source} cannot be fetched: {reason(error)}") from None
    return Path(folder)


def _name(source: Path | str) -> str:
    return source if isinstance(source, str) else source.as_posix()
