"""The doors at which files come in: how sound files are made for each, and how a user would open them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seeds

from langue.errors import LangueError

Seal = Callable[[Path], None]


@dataclass(frozen=True)
class Door:
    """One way for files to come in.

    Attributes:
        make: writes sound files into a folder.
        open: opens one, or a folder of them, and uses what it holds.
        files: patterns of those that are changed.
        folder: whether a folder within the folder is opened, rather than a single file.
        sealed: after a change, makes the folder's own hashes fit again, so that what lies behind them is reached.
        slow: whether opening takes a second, so that fewer must do.
    """

    make: Callable[[Path], None]
    open: Callable[[Path], Any]
    files: tuple[str, ...] = ("*",)
    folder: bool = False
    sealed: Seal | None = None
    slow: bool = False


def _task(path: Path) -> None:
    import langue

    task = langue.load(path, "cpu")
    if task.name == "generate":
        task.generate("the old", max_tokens=3, seed=1)
    elif task.name == "classify":
        task.classify(["the film was fine"])
    elif task.name == "embed":
        task.embed(["the boat"])
    elif task.name in ("translate", "summarize"):
        getattr(task, task.name)(["the king"], max_tokens=3)


def _recipe(path: Path) -> None:
    from langue.models.count import parameters
    from langue.tasks.recipes import read_recipe

    recipe = read_recipe(path)
    size = recipe.model.vocab_size or 300
    parameters(recipe.architecture().model_copy(update={"vocab_size": size}))


def _published(path: Path) -> None:
    import torch

    from langue.batch import Batch
    from langue.hub import read_source

    model = read_source(str(path)).model
    if model.config.form == "seq2seq" or model.config.audio is not None:
        return
    model.hidden(Batch(torch.zeros(1, 3, dtype=torch.long)))


def _tokenizer(path: Path) -> None:
    from langue.hub.tokenizer import read_source_tokenizer, read_tokenizer

    for tokenizer in (read_tokenizer(path), read_source_tokenizer(path)):
        if tokenizer is not None:
            _use_tokenizer(tokenizer)


def _use_tokenizer(tokenizer: Any) -> None:
    for text in ("the old King saw a red boat, 42 日本 \n", "a <|end|> é " * 5, "a" * 2000, ""):
        ids = tokenizer.encode(text)
        tokenizer.decode(ids)
        tokenizer.pair(ids)
        tokenizer.prompt(text, special=True)
    tokenizer.encode_batch(["the boat", "42"])


def _documents(path: Path) -> None:
    from langue.data import ReadSettings, Tally, find_sources, read_documents

    for unit in ("file", "line", "paragraph"):
        settings = ReadSettings(documents=unit)
        for _ in read_documents(find_sources(path), settings, Tally()):
            pass


def _found(path: Path) -> None:
    from langue.search import IndexSettings
    from langue.search.documents import read_documents

    for document in read_documents(path, IndexSettings()):
        if hasattr(document, "digest"):
            document.digest()


_READER: list[Any] = []


def _pages(path: Path) -> None:
    """By one process for all, since starting it takes longer than reading."""
    from langue.pages.reader import PageError, PageReader

    if not _READER:
        _READER.append(PageReader())
    try:
        for _ in _READER[0].read(path):
            pass
    except PageError as error:
        if "too long" in str(error) or "memory" in str(error):
            raise RuntimeError(str(error)) from None
        raise LangueError(str(error)) from None


def _spoken(path: Path) -> None:
    from langue.data.spoken_folders import spoken_rows

    path.with_suffix(".wav").touch()  # whose recording nobody opens
    spoken_rows(path)


_TASKS: dict[str, Any] = {}


def _judged(path: Path) -> None:
    """What a model of the folder says of the rows beside it; it is the same model for all of a child's rows."""
    import langue

    if not _TASKS:
        _TASKS["task"] = langue.load(path / "run", "cpu")
    langue.evaluate(_TASKS["task"], str(next(path.glob("rows.*"))), device="cpu")


def _aligned(path: Path) -> None:
    from langue.data import PairDataSettings
    from langue.data.parallel import read_pairs, without_empty

    files = {"source": str(path / "train.en"), "target": str(path / "train.xx")}
    data = PairDataSettings.model_validate({"train": files, "dev": 0.1})
    for split in ("train", "dev"):
        for _ in without_empty(read_pairs(data, split, ("source", "target")), duplicates=False):
            pass


def _recording(path: Path) -> None:
    from langue.data.audio import read_audio, seconds_of

    seconds_of(path)
    read_audio(path, truncated="accept")
    read_audio(path, 0.2, 0.4)


def _manifest(path: Path) -> None:
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled
    from langue.data.recordings import recording_of

    for row in read_labelled(str(path), DataSettings(train="")):
        recording = recording_of(row)
        recording.seconds  # noqa: B018
        recording.read()


def _index(path: Path) -> None:
    from tests.search.small import Counting

    from langue.search import Index

    index = Index.open(path / "index", Counting())
    for mode in ("dense", "text", "hybrid"):
        index.search("the boat", k=3, mode=mode, where=["source!=x"])


def _checkpoint(path: Path) -> None:
    from langue.training.checkpoint import load

    load(path)


def _store(path: Path) -> None:
    from langue.data import TokenStore

    store = TokenStore.open(path)
    store.read(0, min(store.tokens, 1000))
    store.document_ends  # noqa: B018


def _sounds(path: Path) -> None:
    from langue.data.sounds import SoundStore

    store = SoundStore(path)
    for number in range(len(store)):
        store[number]


def _report(path: Path) -> None:
    from langue.report import write_report

    write_report(path)


def _inputs(path: Path) -> None:
    from langue.cli.inputs import Inputs, read_inputs, text_in

    Inputs("text", read_inputs(path)).change(lambda value, place: text_in(value, place, "text"))


def _race(path: Path) -> None:
    from langue.report import write_race_report

    write_race_report(path)


def _benchmark(path: Path) -> None:
    from langue.data.benchmarks import BENCHMARKS, read_benchmark

    name, split = (path / "name.txt").read_text().split()
    assert name in BENCHMARKS
    read_benchmark(name, path, split)


def _beir(path: Path) -> None:
    from langue.data.benchmarks import read_beir

    read_beir(path)


def _own_tokenizer(path: Path) -> None:
    from langue.text import Tokenizer

    _use_tokenizer(Tokenizer.load(path))


def seal_files(folder: Path) -> None:
    """Write the manifests of hashes of a folder and all within it anew, those deepest in it first."""
    from langue.files import seal
    from langue.files.manifest import FORMAT

    for manifest in sorted(folder.rglob("manifest.json"), key=lambda path: -len(path.parts)):
        if FORMAT.encode() in manifest.read_bytes():
            seal(manifest.parent)


def seal_store(folder: Path) -> None:
    """Make the manifest of a token store or of recordings fit what there is."""
    from langue.data.store import manifest_digest

    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for shard in manifest.get("shards", []):
            for ending, key in ((".bin", "sha256"), (".idx", "index_sha256")):
                shard[key] = _sha256(folder / f"{shard['name']}{ending}")
        for name in manifest.get("files", []):
            manifest["files"][name] = [(folder / name).stat().st_size, _sha256(folder / name)]
        manifest["sha256"] = manifest_digest(manifest)
        path.write_text(json.dumps(manifest, indent=2) + "\n")
    except Exception:  # what was changed is the manifest itself, beyond recognition
        return


def seal_index(folder: Path) -> None:
    """Make the manifests of an index and of its model fit what there is."""
    from langue.files.manifest import describe

    seal_files(folder)
    path = folder / "index" / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for name in manifest["files"]:
            if (path.parent / name).is_file():
                manifest["files"][name] = describe(path.parent / name)
        seeds.write_index_manifest(path, manifest)
    except Exception:  # what was changed is the manifest itself, beyond recognition
        return


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


JSON_FILES = ("*/*.json", "*/*/*.json")
RUN_FILES = ("*/*.json", "*/*.yaml", "*/*.jsonl", "*/model/*")

DOORS: dict[str, Door] = {
    "recipe": Door(seeds.recipes, _recipe),
    "run": Door(seeds.runs, _task, RUN_FILES, folder=True),
    "run, sealed again": Door(seeds.runs, _task, RUN_FILES, folder=True, sealed=seal_files),
    "config": Door(seeds.published, _published, JSON_FILES, folder=True),
    "safetensors": Door(seeds.published, _published, ("*/*.safetensors",), folder=True),
    "safetensors in parts": Door(seeds.parts, _published, ("*/*.safetensors", "*/*.index.json"), folder=True),
    "sentence-transformers": Door(seeds.sentence, _task, ("*/*.json", "*/*/*"), folder=True),
    "tokenizer": Door(seeds.tokenizers, _tokenizer, ("*/*",), folder=True),
    "tokenizer of ours": Door(seeds.own_tokenizers, _own_tokenizer, ("*/*.json",), folder=True, sealed=seal_files),
    "GGUF": Door(seeds.gguf, _published),
    "CTranslate2": Door(seeds.ctranslate2, _published, ("*/*",), folder=True),
    "text": Door(seeds.texts, _documents),
    "JSON lines": Door(seeds.tables("jsonl"), _documents),
    "CSV": Door(seeds.tables("csv", "tsv"), _documents),
    "parquet": Door(seeds.tables("parquet"), _documents),
    "rows of an index": Door(seeds.tables("jsonl", "csv", "tsv", "parquet"), _found),
    "inputs of a verb": Door(seeds.inputs, _inputs),
    "HTML": Door(seeds.html, _pages),
    "PDF": Door(seeds.pdf, _pages),
    "papers": Door(seeds.papers, _pages),
    "transcripts": Door(seeds.transcripts, _spoken),
    "labels": Door(seeds.labels, _judged, ("*/rows.*",), folder=True),
    "pairs": Door(seeds.pairs, _judged, ("*/rows.*",), folder=True),
    "answers": Door(seeds.answers, _judged, ("*/rows.*",), folder=True),
    "tags": Door(seeds.tags, _judged, ("*/rows.*",), folder=True),
    "aligned files": Door(seeds.aligned, _aligned, ("*/train.*",), folder=True),
    "audio": Door(seeds.recordings, _recording),
    "manifest of recordings": Door(seeds.manifests, _manifest, ("rows.*",)),
    "memory index": Door(seeds.index("memory"), _index, ("*/index/**/*",), folder=True),
    "memory index, sealed again": Door(
        seeds.index("memory"), _index, ("*/index/**/*",), folder=True, sealed=seal_index
    ),
    "lance index": Door(seeds.index("lance"), _index, ("*/index/**/*",), folder=True),
    "lance index, sealed again": Door(seeds.index("lance"), _index, ("*/index/**/*",), folder=True, sealed=seal_index),
    "checkpoint": Door(seeds.checkpoints, _checkpoint, ("*/*",), folder=True),
    "checkpoint, sealed again": Door(seeds.checkpoints, _checkpoint, ("*/*",), folder=True, sealed=seal_files),
    "token store": Door(seeds.stores, _store, ("*/*",), folder=True),
    "token store, sealed again": Door(seeds.stores, _store, ("*/*",), folder=True, sealed=seal_store),
    "kept recordings, sealed again": Door(seeds.sounds, _sounds, ("*/*",), folder=True, sealed=seal_store),
    "report": Door(seeds.report, _report, RUN_FILES, folder=True, sealed=seal_files, slow=True),
    "race": Door(seeds.race, _race, ("*/race.json",), folder=True, sealed=seal_files, slow=True),
    "benchmarks": Door(seeds.benchmarks, _benchmark, ("*/*/*",), folder=True),
    "BEIR": Door(seeds.beir, _beir, ("*/*", "*/qrels/*"), folder=True),
}
