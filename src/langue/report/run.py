"""The report of one run: curves, samples over time, settings, counts and machine, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langue.content import read_json
from langue.report.curves import curves_of
from langue.report.judging import judging_parts, read_judged
from langue.report.live import share_done, standing
from langue.report.page import Table, render, tables
from langue.report.record import LEARNT, Record, Row, number, read_record, typical_speed
from langue.report.settings import effective_settings
from langue.report.teacher import comparison_rows
from langue.text import Tokenizer
from langue.text.kind import describe
from langue.wording import counted, duration, short, show, without_gaps

SAMPLES = 8
"""Samples that are shown; more would be passed over."""


def run_page(run: Path | str, refresh: float | None = None) -> str:
    """The HTML of a run folder's report.

    Args:
        run: the folder.
        refresh: seconds after which a browser reads it anew, of a training that goes on.

    Raises:
        LangueError: the folder holds no run, or a file of it is damaged.
    """
    record, run = read_record(run), Path(run)
    tokenizer = describe(Tokenizer.load(run)) if (run / "tokenizer.json").is_file() else None
    return render(
        "run.html",
        refresh=refresh,
        standing=standing(record, refresh is not None),
        share=share_done(record),
        title=record.name,
        summary=_summary(record),
        tiles=_tiles(record),
        notice=_notice(record),
        curves=curves_of(record),
        samples=_samples(record),
        learnt=_learnt(run),
        **_judged(run),
        settings=tables(effective_settings(record.recipe, sampled=bool(record.samples())), "recipe"),
        facts=[_counts(record, tokenizer), *_beside_teacher(run), *tables(record.environment, "machine")],
    )


def _summary(record: Record) -> str:
    parts = [
        _name(record),
        f"of {short(record.parameters)} parameters" if record.parameters else "",
        f"after {counted(record.step, 'step')}",
        f"and {short(record.tokens)} {record.kind.unit}" if record.tokens else "",
        f"in {duration(record.seconds)}" if record.seconds else "",
    ]
    text, best = " ".join(filter(None, parts)), record.best()
    loss = number(best, "loss") if best else None
    if best is not None and (scores := _scores(record, best)):
        values = " and ".join(f"{name} was {value:.3f}" for name, value in scores[:2])
        return f"{text}. On {_split_name(best)} {values} at best, at step {best['step']:,}."
    if best is None or loss is None:
        return f"{text}."
    return f"{text}. The best loss on {_split_name(best)} was {loss:.4f} nats, at step {best['step']:,}."


def _name(record: Record) -> str:
    """The model's preset, else its mixer and form."""
    model = record.model
    return str(model.get("preset") or " ".join(str(model[key]) for key in ("mixer", "form") if key in model) or "model")


def _scores(record: Record, row: Row) -> list[tuple[str, float]]:
    """The metrics that judge answers, under a reader's names."""
    return [(name.replace("_", " "), row[name]) for name in record.kind.scores if number(row, name) is not None]


def _split_name(row: Any) -> str:
    return "the dev data" if row["split"] == "dev" else "its own training data"


def _tiles(record: Record) -> list[dict[str, str]]:
    best = record.best() or {}
    loss, bits, perplexity = (number(best, name) for name in ("loss", "bits_per_byte", "perplexity"))
    rows = [best, *record.test[-1:]]
    tiles: list[tuple[str, str | None]] = [
        *((f"{name} on {row['split']}", short(value)) for row in rows for name, value in _scores(record, row)[:2]),
        ("bits per byte on dev", f"{bits:.3f}" if bits else None),
        ("loss on dev" if best.get("split") == "dev" else "training loss", f"{loss:.3f}" if loss else None),
        ("perplexity", show(round(perplexity, 2)) if perplexity else None),
        ("parameters", short(record.parameters) if record.parameters else None),
        (f"{record.kind.unit} seen", short(record.tokens) if record.tokens else None),
        (f"{record.kind.unit} per second", short(speed) if (speed := typical_speed(record)) else None),
        ("training time", duration(record.seconds) if record.seconds else None),
    ]
    return [{"name": name, "value": value} for name, value in tiles if value is not None]


def _notice(record: Record) -> str | None:
    skipped = _skipped(record)
    if not skipped:
        return None
    steps = "step was" if skipped == 1 else "steps were"
    return f"{skipped:,} {steps} skipped because loss or gradient was not finite; nothing was changed by them."


def _skipped(record: Record) -> int:
    """Each row holds the count since the training began."""
    return max((int(number(row, "skipped") or 0) for row in record.train), default=0)


def _samples(record: Record) -> list[dict[str, str]]:
    rows = record.samples()
    if len(rows) > SAMPLES:
        # Closer together at the beginning, where the text changes fastest.
        chosen = {round((len(rows) - 1) * (place / (SAMPLES - 1)) ** 1.6) for place in range(SAMPLES)}
        rows = [rows[place] for place in sorted(chosen)]
    names = [*record.kind.measures, *record.kind.scores, "loss"]
    return [
        {"step": f"{row['step']:,}", "detail": _detail(row, names), "text": without_gaps(row["sample"])} for row in rows
    ]


def _learnt(run: Path) -> list[list[tuple[str, bool]]]:
    """Rows as the model learns them: stretches of text, and whether each is learnt."""
    return read_json(run / LEARNT, list) if (run / LEARNT).is_file() else []


def _judged(run: Path) -> dict[str, Any]:
    """The parts that tell how the model judges what it has not learnt from, where it judges anything."""
    judged = read_judged(run)
    if judged is None:
        return {"judged": None}
    return {"judged": judged, "wrong": judged.wrong, **judging_parts(judged.judging, judged.mistakes)}


def _detail(row: Row, names: Sequence[str]) -> str:
    """The first of the numbers that a row has."""
    values = ((name, value) for name in names if (value := number(row, name)) is not None)
    return next((f"{row['split']} {name.replace('_', ' ')} {value:.3f}" for name, value in values), "")


def _beside_teacher(run: Path) -> list[Table]:
    """The table of a student and its teacher, where it had one."""
    rows = comparison_rows(run)
    return [{"title": "teacher", "rows": rows}] if rows else []


def _counts(record: Record, tokenizer: str | None) -> Table:
    rows = [
        ("steps", record.step),
        (record.kind.unit, record.tokens or None),
        ("tokenizer", tokenizer),
        ("parameters", record.parameters or None),
        ("skipped steps", _skipped(record)),
        ("evaluations on dev", len(record.dev)),
    ]
    return {"title": "counts", "rows": [(name, show(value)) for name, value in rows if value is not None]}
