"""`langue watch`: follow a training while it goes on, in the terminal and on a page."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from langue.cli.options import Flag, Json
from langue.cli.status import OK, going_on
from langue.console import say, visible
from langue.errors import LangueError
from langue.files import is_held
from langue.wording import in_words

if TYPE_CHECKING:
    from langue.report.record import Record, Row

DEV_ROWS = 6
"""Evaluations that are shown, the last."""

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Letters of a curve at most."""

PATIENCE = 10
"""Looks in a row at files that are just being replaced, after which they count as damaged."""

LIGHT = 20
"""Times as long as a page takes to be drawn, for which the machine is then left to the training."""

COUNTED = ("step", "split", "sample", "best", "tokens", "seconds", "skipped", "waited", "crc32")
"""Values of a row that are no measures."""


def watch(
    run: Path,
    /,
    *,
    every: Annotated[float, Parameter(validator=validators.Number(gte=0.1))] = 5.0,
    once: Flag = False,
    page: Annotated[bool, Parameter(negative="--no-page")] = True,
    as_json: Json = False,
) -> int:
    """Follow a training while it goes on, until it is over.

    On a terminal its curves and last numbers stand in one place; elsewhere each evaluation is a line. The run's
    report.html is drawn again and again, and reads itself anew in a browser: it is a file like any other and needs no
    server. The training knows nothing of all that, and Ctrl-C ends no more than the watching.

    Args:
        run: The folder of a training that goes on, from this machine or another one that shares the disk.
        every: Seconds between looks at it.
        once: Show how it stands, and do not wait.
        page: Draw report.html.
        as_json: Print each evaluation as an object, and in the end one that says how far the training has come.
    """
    from rich.console import Console
    from rich.live import Live

    from langue.report.live import share_done

    console = Console(file=getattr(sys.stdout, "rich_proxied_file", sys.stdout), highlight=False)
    followed = Followed(run, every if page else None)
    drawn = console.is_terminal and not as_json
    with Live(console=console, auto_refresh=False) if drawn else nullcontext() as live:
        lines = _lines(*(json.dumps, _standing_as_json) if as_json else (_in_words, _standing), once=once)
        show = lines if live is None else lambda record, goes_on: live.update(view(record, goes_on), refresh=True)
        while True:
            goes_on = is_held(run)  # before the files are read, so that the last look sees the end
            if (record := followed.look(goes_on)) is not None:
                show(record, goes_on)
            if once or not goes_on:
                break
            time.sleep(every)
    if record is not None and not goes_on and (share_done(record) or 1) < 1:
        say(f"if it was interrupted, go on with: {going_on(run)}")
    return OK


class Followed:
    """A run's folder that is looked at again and again.

    Args:
        run: the folder.
        refresh: seconds after which a page is read anew; None draws none.

    Attributes:
        note: where the page is, or why there is none.
    """

    def __init__(self, run: Path, refresh: float | None):
        self.run, self.refresh = run, refresh
        self.note = ""
        self._seen: Any = None
        self._failed, self._rest = 0, 0.0

    def look(self, goes_on: bool) -> Record | None:
        """The record of the run; None where nothing is new or nothing is there yet.

        Raises:
            LangueError: it is no run, and none is being set up there; or it is damaged.
        """
        from langue.report.record import read_record

        if goes_on and not (self.run / "environment.json").is_file():
            return None
        seen = (_stamp(self.run / "metrics.jsonl"), goes_on)
        if seen == self._seen:
            return None
        try:
            with warnings.catch_warnings(action="ignore"):  # of a line that is being written
                record = read_record(self.run)
                self._draw(goes_on)
        except (LangueError, OSError):
            self._failed += 1  # a file may be on its way to its place
            if not goes_on or self._failed > PATIENCE:
                raise
            return None
        self._seen, self._failed = seen, 0
        return record

    def _draw(self, goes_on: bool) -> None:
        begun = time.monotonic()
        if self.refresh is None or (goes_on and begun < self._rest):
            return
        from langue.report import write_report

        note = write_report(self.run, self.refresh if goes_on else None)
        if note != self.note:
            say(note)
        self.note = note
        self._rest = begun + LIGHT * (time.monotonic() - begun)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _lines(
    evaluation: Callable[[Row], str], end: Callable[[Record, bool], str], *, once: bool
) -> Callable[[Record, bool], None]:
    """A function that prints what is new of a record, where no terminal shows it in one place.

    Args:
        evaluation: the line of a row of dev data.
        end: the last line.
        once: nothing comes after the first look.
    """
    printed = 0

    def show(record: Record, goes_on: bool) -> None:
        nonlocal printed
        for row in record.dev[printed:]:
            print(evaluation(row), flush=True)
        printed = len(record.dev)
        if once or not goes_on:
            print(end(record, goes_on), flush=True)

    return show


def _in_words(row: Row) -> str:
    return f"step {row['step']:,}: dev {in_words(measures(row))}"


def _standing(record: Record, goes_on: bool) -> str:
    from langue.report.live import standing

    return f"{record.name}: {standing(record, goes_on)}"


def _standing_as_json(record: Record, goes_on: bool) -> str:
    from langue.report.live import share_done

    counts = {"step": record.step, "seconds": record.seconds, "share": share_done(record)}
    return json.dumps({"run": record.name, **counts, "goes_on": goes_on})


def measures(row: Row) -> dict[str, float]:
    """The numbers of a row that tell how good the model is."""
    return {name: value for name, value in row.items() if name not in COUNTED and isinstance(value, int | float)}


def view(record: Record, goes_on: bool) -> Any:
    """A run as a terminal shows it."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from langue.report.live import share_done, standing

    share = share_done(record)
    parts: list[Any] = [Text(visible(f"{record.name}: {standing(record, goes_on)}"), style="bold")]
    if share is not None and goes_on:
        parts.append(ProgressBar(total=1.0, completed=share, width=WIDTH))
    curves = Table.grid(padding=(0, 2))
    for split, rows in (("train", record.train), ("dev", record.dev)):
        for name in _drawn(record, rows):
            values = [row[name] for row in rows if isinstance(row.get(name), int | float)]
            curves.add_row(f"{split} {name.replace('_', ' ')}", curve(values), f"{values[-1]:.4g}")
    parts += [curves, _evaluations(record)]
    samples = record.samples()
    if samples:
        parts.append(Text(visible(str(samples[-1]["sample"]).strip()[:400]), style="dim"))
    return Group(*parts)


def _drawn(record: Record, rows: Sequence[Row]) -> list[str]:
    """The names of what is drawn of rows: the loss, and of dev data a score as well."""
    scores = [name for name in record.kind.scores if any(name in row for row in rows)]
    names = list(record.kind.measures) or ["loss", *scores[:1]]
    return [name for name in names if any(isinstance(row.get(name), int | float) for row in rows)]


def curve(values: Sequence[float]) -> str:
    """Numbers as a curve of letters, the last ones at the right; of many, means of stretches."""
    size = -(-len(values) // WIDTH)
    means = [sum(part) / len(part) for part in (values[at : at + size] for at in range(0, len(values), size))]
    low, high = min(means), max(means)
    return "".join(BLOCKS[round((value - low) / ((high - low) or 1.0) * (len(BLOCKS) - 1))] for value in means)


def _evaluations(record: Record) -> Any:
    from rich.table import Table

    names = list(dict.fromkeys(name for row in record.dev[-DEV_ROWS:] for name in measures(row)))[:6]
    drawn = Table(*(["dev, step", *(name.replace("_", " ") for name in names)] if names else []), box=None)
    best = record.best()
    for row in record.dev[-DEV_ROWS:]:
        cells = [f"{row[name]:.4f}" if isinstance(row.get(name), int | float) else "–" for name in names]
        drawn.add_row(f"{row['step']:,}", *cells, style="bold" if row is best else "")
    return drawn
