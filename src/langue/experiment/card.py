"""The model card: README.md of a run folder, for whoever is handed the folder and nothing else.

Its facts are those of the tokenizer, the weights and the measurements that lie in the folder, not the recipe's wishes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from langue.console import with_article
from langue.data.settings import Aligned
from langue.experiment.card_head import head, in_yaml, measures, title
from langue.experiment.run import RunFolder
from langue.files import write_text
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.metrics.cost import Cost
from langue.models import ModelConfig, read_base
from langue.models.presets import preset
from langue.recipe import ModelSettings, Recipe
from langue.remote import bare, folder_of, is_name, is_on_hub
from langue.report.cost import cost_rows, read_cost
from langue.report.markdown import block, code, plain
from langue.report.record import Record, Row, number, read_record
from langue.report.teacher import comparison_rows
from langue.tasks.training_task import training_task
from langue.text import Tokenizer
from langue.text.kind import describe
from langue.wording import counted, duration

_CARD = """\
---
{head}
---

# {name}

{form_of} of {layers} {mixer} {blocks}{preset}, {parameters} parameters, trained by Langue
{purpose}{begun}.

| | |
|---|---|
{rows}

## Use

{command}

{call}
{beside}{sample}{cost}
## Limits

{limits}
"""


_SMALLER_CARD = """\
---
{head}
---

# {name}

{form_of} of {layers} {mixer} {blocks}, {parameters} parameters, {purpose}. Langue made it of {origin}: {steps}.

{cost}
## Use

{command}

{call}

`cost.html` shows the same, `cost.json` has every number.

## Limits

{limits}
"""


def smaller_card(name: str, task: str, recipe: Recipe, model: ModelConfig, tokenizer: Tokenizer, cost: Cost) -> str:
    """The card of a model that was made of a larger one.

    Args:
        name: of the folder.
        task: that the model is for.
        recipe: of that task.
        model: its architecture.
        tokenizer: the model's.
        cost: what it was measured to cost.
    """
    words = training_task(recipe).words_of(recipe)
    prompt, quoted = words.example(recipe, tokenizer), json.dumps(name, ensure_ascii=False)
    content = _SMALLER_CARD.format(
        head=in_yaml(
            {
                "library_name": "langue",
                "pipeline_tag": words.pipeline,
                "tags": ["langue", *model.mixers, model.form],
                "base_model": cost.source,
            }
        ),
        origin=code(cost.source),
        steps=", then ".join(map(code, cost.steps)),
        name=plain(name),
        form_of=with_article(model.form).capitalize(),
        layers=model.layer_count,
        mixer=model.described_mixers,
        blocks="block" if model.layer_count == 1 else "blocks",
        parameters=f"{cost.after.parameters:,}",
        purpose=words.purpose,
        cost=_cost_section(cost, name),
        command=block(words.in_shell(name, prompt), "sh"),
        call=block(f"import langue\n\nmodel = langue.load({quoted})\n{words.in_python(prompt)}", "python"),
        limits=words.limits,
    )
    return content.encode("utf-8", "replace").decode()


_COST = """\
## What it cost

| | {source} | {name} | change |
|---|---:|---:|---:|
{rows}
"""

_COST_OF_LOSS = """
Losses are means over {targets:,} {unit}s of {measured_on}{chosen}; in brackets the bounds of 95 % of their difference
(paired bootstrap over {count:,} rows).
"""


def _cost_section(cost: Cost, name: str) -> str:
    rows = "\n".join(f"| {row.name} | {row.before} | {row.after} | {row.change} |" for row in cost_rows(cost))
    section, loss = _COST.format(source=plain(cost.source), name=plain(name), rows=rows), cost.loss
    if loss is None or cost.measured_on is None:
        return section
    return section + _COST_OF_LOSS.format(
        targets=loss.targets,
        unit=loss.unit,
        measured_on=code(cost.measured_on),
        chosen="" if cost.calibrated_on is None else ", by which nothing was chosen",
        count=loss.rows,
    )


def write_card(folder: RunFolder, name: str | None = None) -> None:
    """Write the card from what the run folder holds; a second call writes it anew.

    Args:
        folder: the run's.
        name: of a folder that is being written beside its place, the name that it will have.
    """
    write_text(folder.card, card(folder, name))


_BESIDE = """
`report.html` shows how it learned, `recipe.yaml` says everything that decided it, `environment.json` what it ran on.
"""


def card(folder: RunFolder, name: str | None = None, published: Mapping[str, Any] | None = None) -> str:
    """The card's Markdown.

    Args:
        folder: the run's.
        name: the name that the model is used by, if it is not the folder's.
        published: fields of the head, of a card that goes where the rest of the folder does not.
    """
    recipe, record = folder.recipe(), read_record(folder.path)
    record = record if name is None else replace(record, name=name)
    model, words = recipe.model, training_task(recipe).words_of(recipe)
    tokenizer = Tokenizer.load(folder.path)
    prompt, quoted = words.example(recipe, tokenizer), json.dumps(record.name, ensure_ascii=False)
    call = f"import langue\n\nmodel = langue.load({quoted})\n{words.in_python(prompt)}"
    base = None if model.path is None else base_name(model.path)
    on_hub = base if model.path is not None and is_on_hub(model.path) else None  # a folder's name is a stranger's there
    content = _CARD.format(
        name=plain(title(record.name)),
        purpose=words.purpose,
        head=in_yaml(head(recipe, record, on_hub, data_name(recipe), **published or {})),
        beside=_BESIDE if published is None else "",
        command=block(words.in_shell(record.name, prompt), "sh"),
        call=block(call, "python"),
        limits=words.limits,
        form=model.form,
        form_of=with_article(model.form).capitalize(),
        mixer=model.described_mixers,
        layers=model.layer_count,
        blocks="block" if model.layer_count == 1 else "blocks",
        preset=f" ({model.preset})" if is_preset(model) else "",
        parameters=f"{record.parameters or 0:,}",
        begun="" if base is None else f", begun from {plain(base)}",
        rows="\n".join(f"| {name} | {value} |" for name, value in _facts(folder, recipe, record, tokenizer)),
        sample=_sample(record),
        cost="" if (cost := read_cost(folder.path)) is None else "\n" + _cost_section(cost, record.name),
    )
    return content.encode("utf-8", "replace").decode()  # a folder's name may be no text


def base_name(path: Path) -> str:
    """The name of trained weights, without the folders of the machine they lay on, or the file of a language."""
    path = folder_of(path)
    if is_name(path):
        return bare(path)
    return "/".join(path.parts[-3::2]) if path.parent.name == "checkpoints" else path.name


def is_preset(model: ModelSettings) -> bool:
    """True if a model is what its preset says, but for the length of its context and its dropout."""
    if model.preset is None:
        return False
    published = ModelSettings(preset=model.preset)
    names = preset(model.preset).keys() - {"context", "dropout"}
    return all(getattr(model, name) == getattr(published, name) for name in names)


def _facts(folder: RunFolder, recipe: Recipe, record: Record, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    facts = [("data", code(source_names(recipe.data.train)))]
    if recipe.model.path is not None:
        facts.append(("begun from", code(base_name(recipe.model.path))))
    facts += _adapters(folder, recipe)
    facts.append(("tokenizer", describe(tokenizer)))
    if (folder.model / SOURCE_TOKENIZER).is_file():
        facts.append(("tokenizer of sources", describe(Tokenizer.load(folder.model / SOURCE_TOKENIZER))))
    seen = f"{record.tokens:,} {record.kind.unit}"
    facts += [
        ("context", f"{recipe.model.context:,} positions"),
        ("training", f"{counted(record.step, 'step')}, {seen}, {duration(record.seconds)}"),
    ]
    best = record.best() or {}
    where = "dev data" if best.get("split") == "dev" else "its own training data"
    loss = number(best, "loss")
    if loss is not None:
        facts.append((f"loss on {where}", f"{loss:.4f} nats at step {best['step']:,}"))
    facts += _scores(best, f" on {where}")
    facts += [fact for row in record.test for fact in _scores(row, " on test data")]
    return facts + [(name, plain(value)) for name, value in comparison_rows(folder.path)]


def _scores(row: Row, where: str) -> list[tuple[str, str]]:
    """The metrics of a row; a loss with a step has a fact of its own."""
    return [
        (plain(name.replace("_", " ")) + where, f"{value:.4f}")
        for name, value in measures(row).items()
        if row["split"] == "test" or name != "loss"
    ]


def _adapters(folder: RunFolder, recipe: Recipe) -> list[tuple[str, str]]:
    """The adapters that learnt beside the base, and the base's fingerprint."""
    if recipe.adapt is None:
        return []
    base = read_base(folder.model)
    facts = [("adapters", recipe.adapt.described)]
    return facts if base is None else [*facts, ("base", f"{code(base_name(Path(base.path)))}, SHA-256 {base.sha256}")]


def data_name(recipe: Recipe) -> str:
    """The name of what a run learnt from, of a benchmark its own."""
    return getattr(recipe.data, "benchmark", None) or source_names(recipe.data.train)


def source_names(source: Aligned | str | Iterable[str]) -> str:
    """The names of data without the folders of the machine it lay on."""
    if isinstance(source, Aligned):
        return source_names([source.source, source.target])
    if isinstance(source, str):
        return source if is_name(source) else Path(source).name
    return ", ".join(source_names(part) for part in source)


def _sample(record: Record) -> str:
    samples = record.samples()
    return f"\n## What it writes\n\n{block(samples[-1]['sample'].strip(chr(10)), 'text')}\n" if samples else ""
