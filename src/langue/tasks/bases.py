"""Weights of trained models, those included of which a folder holds adapters alone, and names the base."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from langue.errors import LangueError
from langue.models import Base, Model, load_model, read_base
from langue.models.build import plain_weights
from langue.tasks.fingerprints import of_weights


def load_weights(folder: Path, device: str | torch.device = "cpu") -> Model:
    """Read a model that a training kept, with the base of its adapters if it holds no more than these.

    Raises:
        LangueError: a file is missing or damaged, or the base is gone or is another one.
    """
    base = read_base(folder)
    return load_model(folder, device, None if base is None else base_weights(base, folder))


def base_weights(base: Base, adapters: Path) -> dict[str, Tensor]:
    """The plain weights of the base of adapters.

    Args:
        base: where it is, and its fingerprint.
        adapters: the folder that names it, for errors.

    Raises:
        LangueError: the base is gone or is another one.
    """
    from langue.tasks.folders import read_model

    try:
        weights = plain_weights(read_model(Path(base.path))[0].model)
    except LangueError as error:
        raise LangueError(f"{adapters} holds adapters alone: {error}") from None
    sha256 = of_weights({}, weights)
    if sha256 != base.sha256:
        raise LangueError(
            f"{base.path} is not the model that the adapters of {adapters} stand on: its weights have the fingerprint "
            f"{sha256[:16]}, not {base.sha256[:16]}; put the right one there"
        )
    return weights
