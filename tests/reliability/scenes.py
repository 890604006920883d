"""The verbs that write, each on something small, for `crashes.play`."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from crashes import Scene, run

import embed_rows
import labelled_rows
import pair_rows
import spoken_rows
import tiny
from langue.data import TokenStore
from langue.experiment import RunFolder
from langue.files import check_folder
from langue.text import Tokenizer
from langue.training.checkpoint import latest


def _write_pairs(folder: Path) -> Path:
    rows = "".join(f"{source}\t{target}\n" for source, target in pair_rows.pairs(60))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.tsv").write_text(f"source\ttarget\n{rows}")
    (folder / "recipe.yaml").write_text(pair_rows.RECIPE)
    return folder / "recipe.yaml"


def _write_alike(folder: Path) -> Path:
    embed_rows.write_rows(folder / "train.jsonl", embed_rows.rows("pairs", 80))
    (folder / "recipe.yaml").write_text(embed_rows.RECIPE)
    return folder / "recipe.yaml"


_RECIPES: dict[str, Callable[[Path], Path]] = {
    "generate": tiny.write_tiny,
    "classify": partial(labelled_rows.write_recipe, rows=labelled_rows.sentences(60)),
    "translate": _write_pairs,
    "embed": _write_alike,
    "transcribe": spoken_rows.write_spoken,
}
_STEPS = (
    *("--training.steps", "8", "--training.checkpoint_every", "3", "--training.evaluate_every", "4"),
    *("--training.device", "cpu", "--no-report"),
)


def scenes(ready: Path, server: str | None) -> dict[str, Scene]:
    """Every scene by name.

    Args:
        ready: a folder in which models are prepared that verbs use.
        server: the address of a PostgreSQL with pgvector, if there is one.
    """
    _prepare(ready)
    return {
        **{f"train {task}": _train(task) for task in _RECIPES},
        "tokenizer train": _tokenizer(),
        "data prepare": _store(ready),
        **{f"export {kind}": _export(ready, kind) for kind in ("hf", "gguf")},
        "transcribe": _written(["transcribe", ready / "transcribe" / "run", ready / "transcribe" / "wav"]),
        "translate": _written(["translate", ready / "translate" / "run", "--file", ready / "sources.txt"]),
        "embed": _written(["embed", ready / "embed" / "run", "--file", ready / "sources.txt"], "vectors.npy"),
        **{
            f"index {verb} ({kind})": _index(ready, verb, kind, server)
            for kind in ("memory", "lance", *(["postgres"] if server else []))
            for verb in ("build", "add", "delete")
        },
    }


def _prepare(ready: Path) -> None:
    """Train what the verbs need, in children, so that this process starts no threads."""
    log = ready / "log"
    for task in ("generate", "translate", "embed", "transcribe"):
        recipe = _RECIPES[task](ready / task)
        arguments = ["train", str(recipe), "--out", str(ready / task / "run"), *_STEPS]
        assert run(arguments, log) == 0, log.read_text()
    llama = tiny.write_tiny(
        ready / "llama", tiny.RECIPE.replace("{layers: 1, width: 16", "{preset: llama-nano, width: 16")
    )
    options = ["--tokenizer.kind", "byte-bpe", "--tokenizer.vocab_size", "300", "--model.feedforward_width", "24"]
    arguments = ["train", str(llama), "--out", str(ready / "llama" / "run"), *options, "--model.key_heads", "2"]
    assert run(arguments, log) == 0, log.read_text()
    (ready / "sources.txt").write_text("".join(f"{source}\n" for source, _ in pair_rows.pairs(30, seed=3)))
    for part, seed in (("documents", 1), ("more", 2)):
        (ready / part).mkdir()
        for number, row in enumerate(embed_rows.rows("texts", 40, seed=seed)):
            (ready / part / f"{part}-{number}.txt").write_text(row["text"])


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder that a user sees."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _nothing(folder: Path) -> None:
    """Nothing is needed."""


def _unless(target: Path, arguments: Sequence[str]) -> Sequence[str]:
    """A second start, but of a work that is done already: verbs refuse to write over what is there."""
    return [] if target.exists() else arguments


def _train(task: str) -> Scene:
    def command(folder: Path) -> list[str]:
        return ["train", str(folder / "recipe.yaml"), "--out", str(folder / "run"), *_STEPS]

    def again(folder: Path) -> list[str]:
        return [*command(folder), *(["--resume"] if RunFolder(folder / "run").is_run() else [])]

    def sound(folder: Path) -> None:
        run = RunFolder(folder / "run")
        if run.is_run():
            check_folder(run.path)
            check_folder(run.model)
            if run.checkpoints.is_dir():
                latest(run.checkpoints)

    def whole(folder: Path) -> Any:
        weights = hashlib.sha256((folder / "run" / "model" / "model.safetensors").read_bytes()).hexdigest()
        rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_bytes().split(b"\n")[:-1]]
        return weights, [(row["step"], row["split"], row["loss"]) for row in rows]

    def set_up(folder: Path) -> None:
        _RECIPES[task](folder)

    return Scene(set_up, command, whole, "run", again, sound)


def _tokenizer() -> Scene:
    def set_up(folder: Path) -> None:
        (folder / "text.txt").write_text(tiny.text(3000))

    def command(folder: Path) -> list[str]:
        return ["tokenizer", "train", str(folder / "text.txt"), "--vocab-size", "400", "--out", str(folder / "out")]

    def sound(folder: Path) -> None:
        if (folder / "out" / "tokenizer.json").exists():
            Tokenizer.load(folder / "out")

    def again(folder: Path) -> Sequence[str]:
        return _unless(folder / "out" / "tokenizer.json", command(folder))

    return Scene(set_up, command, lambda folder: digests(folder / "out"), "out", again, sound)


def _store(ready: Path) -> Scene:
    def set_up(folder: Path) -> None:
        (folder / "text.txt").write_text(tiny.text(60_000))

    def command(folder: Path) -> list[str]:
        tokenizer = str(ready / "generate" / "run")
        return ["data", "prepare", str(folder / "text.txt"), "--tokenizer", tokenizer, "--out", str(folder / "out")]

    def sound(folder: Path) -> None:
        if (folder / "out").exists():
            TokenStore.open(folder / "out")

    def again(folder: Path) -> Sequence[str]:
        return _unless(folder / "out", command(folder))

    def whole(folder: Path) -> Any:
        return {name: digest for name, digest in digests(folder / "out").items() if name.startswith("shard")}

    return Scene(set_up, command, whole, "out", again, sound)


def _export(ready: Path, kind: str) -> Scene:
    def command(folder: Path) -> list[str]:
        return ["export", str(ready / "llama" / "run"), str(folder / "out"), "--format", kind]

    def sound(folder: Path) -> None:
        if (folder / "out").exists():
            check_folder(folder / "out")

    def again(folder: Path) -> Sequence[str]:
        return _unless(folder / "out", command(folder))

    return Scene(_nothing, command, lambda folder: digests(folder / "out"), "out", again, sound)


def _written(start: Sequence[str | Path], name: str = "out.txt") -> Scene:
    """A verb that writes one file by --out."""

    def command(folder: Path) -> list[str]:
        return [*map(str, start), "--out", str(folder / name)]

    return Scene(_nothing, command, lambda folder: (folder / name).read_bytes(), name)


def _index(ready: Path, verb: str, kind: str, server: str | None) -> Scene:
    model = str(ready / "embed" / "run")
    build = ["index", "build", str(ready / "documents"), "--model", model, "--kind", kind, "--out"]
    numbers = itertools.count()
    names: dict[Path, str] = {}

    def place(folder: Path) -> str:
        if kind != "postgres":
            return str(folder / "index")
        if folder not in names:
            names[folder] = f"{server}#{verb}_{next(numbers)}"
        return names[folder]

    def set_up(folder: Path) -> None:
        if verb == "build":
            return
        kept = ready / f"index-{kind}"
        if kind == "postgres":
            assert run([*_plain(build), place(folder)], ready / "log") == 0
            return
        if not kept.exists():
            assert run([*build, str(kept)], ready / "log") == 0
        shutil.copytree(kept, folder / "index")

    def command(folder: Path) -> list[str]:
        if verb == "build":
            return [*(build if kind != "postgres" else _plain(build)), place(folder)]
        if verb == "add":
            return ["index", "add", place(folder), str(ready / "more")]
        return ["index", "delete", place(folder), *(f"{ready}/documents/documents-{n}.txt" for n in range(0, 40, 2))]

    def search(folder: Path) -> bytes | None:
        out = folder.with_suffix(".found")
        out.unlink(missing_ok=True)
        status = run(["index", "search", place(folder), "boat in the storm", "--json", "--k", "50"], out)
        hits = [line for line in out.read_bytes().split(b"\n") if line.startswith(b"{")]
        return b"\n".join(hits) if status == 0 else None

    def again(folder: Path) -> Sequence[str]:
        """To delete what is gone is a mistake of the user's, so that a delete that is done is not done again."""
        out = folder.with_suffix(".info")
        out.unlink(missing_ok=True)
        assert verb != "delete" or run(["index", "info", place(folder), "--json"], out) == 0
        return [] if verb == "delete" and b'"documents":20' in out.read_bytes() else command(folder)

    def sound(folder: Path) -> None:
        if verb != "build":
            assert search(folder) is not None, "the index that was there cannot be searched"

    return Scene(set_up, command, search, "index", again, sound)


def _plain(build: Sequence[str]) -> list[str]:
    """Without the kind of a folder, which a server has none of."""
    at = build.index("--kind")
    return [*build[:at], *build[at + 2 :]]
