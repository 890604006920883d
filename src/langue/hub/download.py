"""Fetching a checkpoint that the user named as `hf:OWNER/NAME`: weights, settings and vocabulary, and nothing else."""

from __future__ import annotations

from pathlib import Path

from langue.errors import LangueError
from langue.extra import need

PATTERNS = ["*.safetensors", "*.json", "*.txt", "spiece.model", "tokenizer.model", "*.spm"]
"""What is fetched; pickles and Python code never are."""


def download(name: str) -> Path:
    """The folder of a checkpoint in huggingface_hub's cache, fetched if it is not there yet.

    Raises:
        LangueError: huggingface_hub is missing, or there is no such checkpoint, or no network.
    """
    library = need("huggingface_hub", "hf", f"hf:{name}")
    try:
        # Folders below the first hold the same weights for other programs.
        folder = library.snapshot_download(name, allow_patterns=PATTERNS, ignore_patterns=["*/*"])
    except Exception as error:  # of many kinds, from a wrong name to a network that is down
        raise LangueError(f"hf:{name} cannot be fetched: {' '.join(str(error).split())}") from None
    return Path(folder)
