"""Fetching a checkpoint that the user named as `hf:OWNER/NAME`: weights, settings and vocabulary, and nothing else."""

from __future__ import annotations

from pathlib import Path

from langue import remote

PATTERNS = ["*.safetensors", *remote.TOKENIZER, "[0-9]_*/*.json", "[0-9]_*/*.safetensors"]
"""What is fetched; pickles and Python code never are."""


def local(source: Path | str) -> Path:
    """The folder of a model on this machine, fetched if it is named on the hub and not there yet.

    Raises:
        LangueError: huggingface_hub is missing, or there is no such checkpoint, or no network.
    """
    return remote.local(source, PATTERNS)
