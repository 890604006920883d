"""A recipe for data of which nobody has said more: the task by their layout, model and budget by their size and by the
machine. Each begins with a recipe that comes along, so that little is chosen here: `BASES`, `BUDGETS` and `_sized`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from langue import machine
from langue.content import read_yaml
from langue.data.folders import walk
from langue.data.layouts import TableLayout
from langue.data.look import Look
from langue.data.look_words import headline
from langue.data.sources import EMBEDDED, TABLES, TEXT
from langue.errors import LangueError
from langue.experiment.start import read_start
from langue.models import ModelConfig
from langue.models.count import parameters
from langue.models.presets import preset
from langue.recipe import Recipe
from langue.recipes import SCHEMA, find_recipe
from langue.remote import is_name
from langue.settings import override
from langue.tasks.recipes import read_recipe
from langue.text.whisper_tokens import is_whispers
from langue.training import choose_device
from langue.wording import duration, short


class RecipePair(NamedTuple):
    """The recipes that come along for a task: without trained weights, with some, and with a Whisper's."""

    scratch: str | None
    trained: str
    whisper: str | None = None


BASES: Mapping[str, RecipePair] = {
    "generate": RecipePair("generate", "adapt"),
    "fill": RecipePair("fill", "fill"),
    "classify": RecipePair("classify-scratch", "classify"),
    "tag": RecipePair("tag-scratch", "tag"),
    "answer": RecipePair("answer-scratch", "squad"),
    "translate": RecipePair("translate-en-de", "translate-en-de"),
    "summarize": RecipePair("summarize-debian", "summarize-debian"),
    "transcribe": RecipePair("transcribe-ctc", "transcribe", "transcribe-whisper"),
    "embed": RecipePair("embed-scratch", "embed"),
    "chat": RecipePair("chat-scratch", "chat"),
    "prefer": RecipePair(None, "preferences"),
}


class FirstBudget(NamedTuple):
    """The time that a first training takes.

    Attributes:
        rate: seconds for a million characters.
        least, most: seconds.
        epochs: passes at most.
        examples: rows that are read in all, the same ones again where there are fewer, but each `LEAST_EPOCHS` times.
    """

    rate: float
    least: float
    most: float
    epochs: float
    examples: float = math.inf


BUDGETS: Mapping[str, FirstBudget] = {
    "generate": FirstBudget(25, 30, 1200, 30),
    "fill": FirstBudget(60, 60, 1200, 30),
    "classify": FirstBudget(60, 40, 600, 12, 20_000),
    "tag": FirstBudget(60, 40, 600, 12, 20_000),
    "answer": FirstBudget(30, 60, 1200, 8, 40_000),
    "translate": FirstBudget(300, 60, 2700, 40),
    "summarize": FirstBudget(60, 60, 1800, 40),
    "transcribe": FirstBudget(1e6, 60, 3600, 200),
    "embed": FirstBudget(60, 60, 900, 4),
    "chat": FirstBudget(60, 40, 1200, 20),
    "prefer": FirstBudget(120, 60, 900, 1),
}
"""A first training's time; of recordings, as long as they are themselves. Of SST-2's 6,920 sentences a new model has
learnt in three passes what it will, and knows them by heart from there on."""

LEAST_EPOCHS = 3

SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "dev": ("dev", "valid", "validation", "val"),
    "test": ("test",),
}
"""Names of files in a folder that say which part of the data they are."""

HELD_OUT_CHARACTERS, HELD_OUT_ROWS = 60_000, 1_000
"""The size of what is set aside to measure by, so that measuring takes little of a training."""

VOCABULARIES: Mapping[float, int] = {200_000: 512, 20_000_000: 1024, math.inf: 4096}
"""Tokens of a text of so many characters. In a first training's time they teach more than single characters: of Tiny
Shakespeare 2.43 bits a byte after 320 steps, where characters come to 2.69."""

ONE_TEXT: Mapping[str, int] = {"generate": 1, "classify": 1, "tag": 2, "translate": 2, "summarize": 2, "embed": 2}
"""Tasks whose models can be tried by the first text of a row, and how many columns of texts it has at most."""

SHORT = 100
"""Characters of the longest text that a model is tried by."""

LEAST_FOR_LARGER = 1_000_000
"""Characters below which a larger model would know the text by heart."""

SHARE_OF_PEAK = 0.45
"""The share of the fastest matrix products that a small model gets out of a machine."""


@dataclass(frozen=True)
class Guess:
    """A recipe that was chosen for data.

    Attributes:
        seen: the data.
        content: of the recipe's file.
        recipe: the same with every field.
        speed: FLOP/s of the machine.
    """

    seen: Look
    content: Mapping[str, Any]
    recipe: Recipe
    speed: float

    def lines(self) -> list[str]:
        """Two lines: the data and the task; the model and the budget."""
        recipe, training = self.recipe, self.recipe.training
        model = f"model {recipe.model.preset} from nothing, tokenizer {recipe.tokenizer.kind}"
        if recipe.model.path is not None:
            model = f"the model of {recipe.model.path}" + ("" if recipe.adapt is None else ", by adapters")
        where = f"{choose_device(training.device)} ({os.cpu_count()} cores, {self.speed / 1e9:.0f} GFLOP/s)"
        return [
            headline(self.seen),
            f"{model}; {_bounds(recipe)} on {where}; longer teaches more: --training.seconds "
            f"{10 * round(training.seconds or 60)}",
        ]

    def line_of(self, file: Path, out: Path) -> str:
        """A line about the recipe's file, and how to go on from it."""
        return f"recipe: {file}; to change it and train again: langue train {file} --out {out}-2"


def _bounds(recipe: Recipe) -> str:
    """The budget in words."""
    training = recipe.training
    words = {
        "seconds": training.seconds and duration(training.seconds),
        "epochs": training.epochs and f"{training.epochs:g} times through the data",
        "steps": training.steps and f"{training.steps:,} steps",
        "tokens": training.tokens and f"{short(training.tokens)} tokens",
    }
    return " or ".join(str(word) for word in words.values() if word) + " at most"


def guess(
    seen: Look,
    sources: Mapping[str, Any],
    changes: Mapping[str, str] | None = None,
    start_from: Path | str | None = None,
) -> Guess:
    """Choose a recipe.

    Args:
        seen: the data, whose layout decides the task.
        sources: the same data as a recipe names them: train, and dev and test where there are such.
        changes: fields that somebody has set, by dotted name.
        start_from: weights to begin with.

    Raises:
        LangueError: nothing can be learnt from such data, or only by a trained model and there is none.
    """
    if seen.layout is None:
        raise LangueError(seen.problem)
    changes = dict(changes or {})
    trained = start_from or changes.get("model.path")
    content = _base(seen.layout.task, seen, trained)
    device = choose_device(changes.get("training.device", "auto"))
    speed = machine.matmul_peak(device)
    content["data"] = _data(seen, seen.layout, sources, content)
    content["training"] |= _budget(seen)
    content["samples"] = {**content.get("samples", {}), **_prompt(seen, seen.layout.task)}
    content = _sized(content, seen, speed) if trained is None else _on_weights(content, trained)
    for name in ("task", "data.columns", "data.text"):
        changes.pop(name, None)  # the layout has them already
    content = override(override(content, dict(seen.layout.fields)), changes)
    return Guess(seen, content, read_recipe(content), speed)


def _base(task: str, seen: Look, trained: Path | str | None) -> dict[str, Any]:
    """The content of the recipe that comes along for a task.

    Raises:
        LangueError: only trained weights can learn it, and there are none, or not where they should be.
    """
    if task not in BASES:
        raise LangueError(
            f"--task {task}: no recipe is chosen for it by data alone; langue recipe list has those there are"
        )
    recipes = BASES[task]
    name = recipes.scratch if trained is None else recipes.trained
    if trained is not None and recipes.whisper is not None and _is_whisper(trained):
        name = recipes.whisper
    if name is None:
        raise LangueError(
            f"{seen.names[0]}: task {task} teaches a model that writes already; name it: --start-from RUN"
        )
    content = read_yaml(find_recipe(name))
    return {**content, "task": task, "training": dict(content["training"])}


def _is_whisper(trained: Path | str) -> bool:
    tokenizer = read_start(Path(trained)).checkpoint.tokenizer
    return tokenizer is not None and is_whispers(tokenizer)


def _data(seen: Look, layout: TableLayout, sources: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The section of the data: what is set aside is no more than measuring has time for."""
    if seen.kind == "text":
        share = min(0.1, HELD_OUT_CHARACTERS / max(1, seen.characters))
    else:
        share = min(0.1, HELD_OUT_ROWS / seen.rows)
    columns = {"columns": layout.renamed} if layout.renamed else {}
    kept = {name: base["data"][name] for name in ("pairs",) if name in base["data"]}
    return {
        "dev": float(f"{share:.2g}"),
        **kept,
        **columns,
        **{part: _absolute(names) for part, names in sources.items()},
    }


def _absolute(names: Any) -> Any:
    """Paths that lead to the same from wherever the recipe is read; names of other sources as they are."""
    if isinstance(names, list):
        return [_absolute(name) for name in names]
    return names if names == EMBEDDED or is_name(names) else str(Path(names).expanduser().absolute())


def _budget(seen: Look) -> dict[str, Any]:
    assert seen.layout is not None
    pace = BUDGETS[seen.layout.task]
    amount = seen.seconds / 1e6 if seen.layout.task == "transcribe" else _characters(seen) / 1e6
    seconds = min(max(pace.rate * amount, pace.least), pace.most)
    epochs = min(pace.epochs, max(LEAST_EPOCHS, pace.examples / seen.rows))
    return {"steps": None, "seconds": round(seconds), "epochs": float(f"{epochs:.2g}")}


def _characters(seen: Look) -> float:
    """Characters of all data, also where only the first rows were looked at."""
    return seen.characters if seen.whole else max(seen.characters, seen.size)


def _on_weights(content: dict[str, Any], trained: Path | str) -> dict[str, Any]:
    """A recipe that goes on with trained weights, whose architecture comes with them, and their tokenizer if they have
    one."""
    kept = {name: value for name, value in content.get("model", {}).items() if name == "dropout"}
    path = str(trained) if is_name(str(trained)) else str(Path(trained).absolute())
    return {**content, "model": {**kept, "path": path}}


def _sized(content: dict[str, Any], seen: Look, speed: float) -> dict[str, Any]:
    """A recipe whose model and tokenizer are as large as data and machine allow.

    A model of 11M parameters takes the place of one of 1M where all of the text is read once in the time there is.
    """
    if content["task"] != "generate":
        return content
    content = {**content, "model": dict(content["model"])}
    vocabulary = next(size for length, size in VOCABULARIES.items() if _characters(seen) <= length)
    content["tokenizer"] = {"kind": "byte-bpe", "vocab_size": vocabulary}
    content["training"] |= {"learning_rate": 2.0e-2, "momentum": 0.9, "decay_share": 1.0}
    larger = parameters(ModelConfig(**preset("gpt-micro"), vocab_size=vocabulary))
    operations = 6 * larger * _characters(seen)
    if _characters(seen) >= LEAST_FOR_LARGER and operations <= SHARE_OF_PEAK * speed * content["training"]["seconds"]:
        content["model"] |= {"preset": "gpt-micro", "context": 256}
        content["training"] |= {"batch_size": 64, "learning_rate": 4.0e-3, "momentum": 0.95, "evaluate_every": 250}
    return content


def _prompt(seen: Look, task: str) -> dict[str, str]:
    """A short text of the data to try the model by; of running text its first words, for the model to go on from."""
    columns = seen.texts if task in ONE_TEXT and len(seen.texts) <= ONE_TEXT[task] else ()
    kept = sorted(seen.kept, key=lambda row: row.number)
    texts = (value for row in kept for name in columns[:1] if (value := row.values.get(name)))
    lines = (" ".join(text if isinstance(text, list) else str(text).split()) for text in texts)
    if task == "generate":
        lines = (" ".join(line.split()[:2])[:30] for line in lines)
    line = next((line for line in lines if 0 < len(line) <= SHORT), None)
    return {} if line is None else {"prompt": line}


def splits_of(names: list[str]) -> dict[str, Any]:
    """The data as a recipe names them: of one folder with files such as train.csv, dev.csv and test.csv, these."""
    if len(names) > 1:
        return {"train": names}
    folder = Path(names[0]).expanduser()
    files = [file for file in walk(folder)[0] if file.parent == folder] if folder.is_dir() else []
    known = [file for file in files if file.suffix.lower() in (*TABLES, *TEXT, ".json", ".conll")]
    parts = {part: [str(file) for file in known if file.stem.lower() in stems] for part, stems in SPLITS.items()}
    if not parts["train"]:
        return {"train": names[0]}
    return {part: files[0] if len(files) == 1 else files for part, files in parts.items() if files}


def guess_in_text(made: Guess, command: str) -> str:
    """The recipe as a file to be changed, with the fields that were chosen and none that follow.

    Args:
        made: the recipe.
        command: by which it came about.
    """
    text = yaml.safe_dump(dict(made.content), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return f"# yaml-language-server: $schema={SCHEMA.as_uri()}\n# Chosen by: {command}\n{text}"
