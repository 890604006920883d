"""The model card: README.md of a run folder, for whoever is handed the folder and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from langue.data.settings import Aligned
from langue.experiment.course import course_of
from langue.experiment.run import RunFolder
from langue.files import write_text
from langue.recipe import Recipe
from langue.report.record import Record, number, read_record
from langue.report.words import SCORES, counted, duration

_CARD = """\
---
library_name: langue
pipeline_tag: {pipeline}
tags: [langue, {mixer}, {form}]
---

# {name}

A {form} of {layers} {mixer} blocks{preset}, {parameters} parameters, trained by Langue
{purpose}.

| | |
|---|---|
{rows}

## Use

```sh
{command}
```

```python
import langue

model = langue.load("{name}")
{call}
```

`report.html` shows how it learned, `recipe.yaml` says everything that decided it, `environment.json` what it ran on.
{sample}
## Limits

{limits}
"""


def write_card(folder: RunFolder) -> None:
    """Write the card from what the run folder holds; a second call writes it anew."""
    write_text(folder.card, card(folder.recipe(), read_record(folder.path)))


def card(recipe: Recipe, record: Record) -> str:
    """The card's Markdown."""
    model, words = recipe.model, course_of(recipe).words
    prompt = recipe.samples.prompt.replace('"', "'").splitlines()[0] if recipe.samples.prompt.strip() else "The"
    return _CARD.format(
        name=record.name,
        purpose=words.purpose,
        pipeline=words.pipeline,
        command=words.command.format(name=record.name, prompt=prompt),
        call=words.call.format(name=record.name, prompt=prompt),
        limits=words.limits,
        form=model.form,
        mixer=model.mixer,
        layers=model.layers,
        preset=f" ({model.preset})" if model.preset else "",
        parameters=f"{record.parameters or 0:,}",
        rows="\n".join(f"| {name} | {value} |" for name, value in _facts(recipe, record)),
        sample=_sample(record),
    )


def _facts(recipe: Recipe, record: Record) -> list[tuple[str, str]]:
    last, best = record.last(), record.best() or {}
    seen = f"{last.get('tokens', 0):,} {counted(recipe.task)}"
    facts = [
        ("data", f"`{source_names(recipe.data.train)}`"),
        ("tokenizer", f"{recipe.tokenizer.kind}, {recipe.model.vocab_size:,} tokens"),
        ("context", f"{recipe.model.context:,} positions"),
        ("training", f"{last['step']:,} steps, {seen}, {duration(number(last, 'seconds') or 0)}"),
    ]
    where = "dev data" if best.get("split") == "dev" else "its own training data"
    loss, bits = number(best, "loss"), number(best, "bits_per_byte")
    if loss is not None:
        facts.append((f"loss on {where}", f"{loss:.4f} nats at step {best['step']:,}"))
        if loss < 20 and recipe.task in ("generate", "fill"):
            facts.append(("perplexity", f"{math.exp(loss):,.2f}"))
    if bits is not None:
        facts.append(("bits per byte", f"{bits:.4f}"))
    return [*facts, *((name.replace("_", " "), f"{best[name]:.4f}") for name in best if name in SCORES)]


def source_names(source: Aligned | str | Iterable[str]) -> str:
    """The names of data without the folders of the machine it lay on."""
    if isinstance(source, Aligned):
        return source_names([source.source, source.target])
    if isinstance(source, str):
        return source if source.startswith("hf:") else Path(source).name
    return ", ".join(source_names(part) for part in source)


def _sample(record: Record) -> str:
    samples = record.samples()
    if not samples:
        return ""
    text = samples[-1]["sample"].strip("\n")
    fence = "`" * 3 if "```" not in text else "`" * 8
    return f"\n## What it writes\n\n{fence}text\n{text}\n{fence}\n"
