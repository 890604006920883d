"""Pushing: a model in another program's format, with its card, to Hugging Face's hub."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.errors import LangueError, reason
from langue.experiment.card import card
from langue.experiment.run import RunFolder
from langue.extra import need
from langue.files import write_text
from langue.hub import local, new_folder
from langue.hub.formats import write_format
from langue.remote import HUB
from langue.tasks.folders import read_model

CARD = "README.md"

LIBRARIES = {"hf": "transformers", "peft": "peft"}
"""The library that reads a format, as the hub calls it, where it is not Langue."""

_FAULTS = {401: "log in by `hf auth login`, or set HF_TOKEN", 403: "your token may not write there"}


@dataclass(frozen=True)
class Parcel:
    """A folder as it will be at its place on the hub.

    Attributes:
        folder: which lies here for a moment.
        name: OWNER/NAME.
        private: whether nobody else may see it.
    """

    folder: Path
    name: str
    private: bool

    @property
    def files(self) -> dict[str, int]:
        """Bytes of each file, by name."""
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in paths}

    def send(self) -> str:
        """Make the repository if there is none, and upload the files.

        Returns:
            Where it lies.

        Raises:
            LangueError: huggingface_hub is missing, nobody is logged in, the hub cannot be reached, or what was to be
                private is there already and public.
        """
        library = need("huggingface_hub", "hf", f"{HUB}{self.name}")
        api = library.HfApi(library_name="langue")
        try:
            url = api.create_repo(self.name, private=self.private or None, exist_ok=True)
            if self.private and not api.model_info(self.name).private:
                raise LangueError(f"{HUB}{self.name} is there already and public, so nothing was sent")
            api.upload_folder(repo_id=self.name, folder_path=self.folder, commit_message="Push a model of Langue's")
        except LangueError:
            raise
        except Exception as error:  # of many kinds, from a wrong name to a network that is down
            raise LangueError(f"{HUB}{self.name} cannot be written: {_fault(error)}") from None
        return str(url)


def _fault(error: Exception) -> str:
    if type(error).__name__ == "LocalTokenNotFoundError":
        return _FAULTS[401]
    if type(error).__name__ in ("ConnectError", "ConnectionError", "ConnectTimeout", "OfflineModeIsEnabled"):
        return "Hugging Face's hub cannot be reached"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return _FAULTS.get(status, reason(error)) if status is not None else reason(error)


@contextmanager
def packed(
    source: Path | str,
    target: str,
    *,
    private: bool = False,
    kind: str = "hf",
    license: str | None = None,
    language: Sequence[str] = (),
) -> Iterator[Parcel]:
    """A model in a format, with its card, in a folder that is gone afterwards.

    Args:
        source: a run, or a model's folder with a README.md.
        target: hf:OWNER/NAME.
        private: see `Parcel`.
        kind: a format of `langue export`.
        license: see the recipe's `card`, before which it goes.
        language: likewise.

    Raises:
        LangueError: the target is no name on the hub, the format has no such model, or there is nothing to make a card
            of.
    """
    owner, _, name = target.removeprefix(HUB).partition("/")
    if not target.startswith(HUB) or not owner or not name or "/" in name or "@" in name:
        raise LangueError(f"{target} is no place on Hugging Face's hub; write hf:OWNER/NAME")
    words = {"license": license, "language": list(language), "library": LIBRARIES.get(kind, "langue")}
    text = _card(local(source), target, words)
    with tempfile.TemporaryDirectory(prefix="langue-push-") as place:
        folder = Path(place) / name
        with new_folder(folder) as stage:
            write_format(kind, read_model(Path(source))[0], stage)
        write_text(folder / CARD, text)  # which no manifest lists, since those who fetch the model need no card
        yield Parcel(folder, f"{owner}/{name}", private)


def _card(source: Path, target: str, words: Mapping[str, Any]) -> str:
    run = RunFolder(source)
    if run.is_run():
        return card(run, target, words)
    if not run.card.is_file():
        raise LangueError(f"{source} is no run, and holds no {CARD} that could be the model's card; write one")
    return run.card.read_text(encoding="utf-8")
