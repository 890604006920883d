"""Weights of trained models, those included of which a folder holds adapters alone, and names the base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from langue.errors import LangueError
from langue.models import Base, Model, load_model, read_base
from langue.models.build import plain_weights
from langue.tasks.fingerprints import of_weights


def load_weights(folder: Path, device: str | torch.device = "cpu", base: Path | None = None) -> Model:
    """Read a model that a training kept, with the base of its adapters if it holds no more than these.

    Args:
        folder: of the model.
        device: of the model.
        base: where the base of the adapters is, if it is elsewhere than the folder says.

    Raises:
        LangueError: a file is missing or damaged, or the base is gone or is another one, or the folder has no adapters
            that could stand on one.
    """
    named = placed(read_base(folder), base, folder)
    model = load_model(folder, device, None if named is None else base_weights(named, folder))
    model.base = named
    return model


def placed(base: Base | None, place: Path | None, adapters: Path) -> Base | None:
    """The base of adapters at another place, if there is one.

    Raises:
        LangueError: there is a place, and the folder holds no adapters.
    """
    if place is None:
        return base
    if base is None:
        raise LangueError(f"{adapters} holds a whole model and no adapters; name it alone, without {place}")
    return replace(base, path=str(place))


def as_base(path: Path, model: Model) -> Base:
    """A model as the base of adapters, with its fingerprint."""
    return Base(str(path), of_weights({}, plain_weights(model)))


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
        raise LangueError(
            f"{adapters} holds adapters alone: {error}; if their base has moved, name it: BASE --adapter {adapters}"
        ) from None
    sha256 = of_weights({}, weights)
    if sha256 != base.sha256:
        raise LangueError(
            f"{base.path} is not the model that the adapters of {adapters} stand on: its weights have the fingerprint "
            f"{sha256[:16]}, not {base.sha256[:16]}; put the right one there, or name it: BASE "
            f"--adapter {adapters}"
        )
    return weights
