"""`langue demo`: five families of language models race on text that every Python brings along.

`langue demo search` searches it instead, see `demo_search.py`; in `langue demo play` a model learns from rewards, see
`demo_play.py`; `langue demo shrink` makes one smaller, see `demo_shrink.py`.
"""

from __future__ import annotations

import shlex
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langue.cli.options import refuse_options

if TYPE_CHECKING:
    from langue.report.result import RaceResult

PLAN = """\
Five language models of one size learn to write like Python's own documentation: an MLP, an RNN, a GRU, an LSTM and a
Transformer. Their text is on this machine already: the language reference and the docstrings inside Python, about 2 MB,
of which 2 % are kept apart to judge by. Each model trains for {each}, in turns of a few seconds; with all that is
around it this takes about {whole}.
Everything goes to {out}. Ctrl-C saves, and the same command then goes on.
"""

NEXT = """\
Try next:
{page}  langue generate {out}/{best} "The module" --temperature 0.7
  langue train {out}/recipe.yaml --model.preset {best} --out runs/longer
  langue evaluate {out}/{best} --data {out}/data/dev
{attention}  langue race {out}/recipe.yaml gpt-nano llama-nano gpt2-nano --seconds 60 --out runs/transformers
With a text of your own, add --data.train FILE to train or race.
"""

PAGE = "  look at {out}/report.html in a browser, on a phone too: curves, context, texts\n"
ATTENTION = '  langue inspect attention {out}/gpt-nano "The list is sorted in place." --out attention.html\n'


def demo(
    what: Literal["families", "search", "play", "shrink"] = "families",
    /,
    *,
    out: Path | None = None,
    seconds: float | None = None,
    model: Path | None = None,
    query: tuple[str, ...] = (),
) -> None:
    """Train and compare five families on an embedded corpus, search it, see a model learn from rewards, or make one
    smaller; no data and no network are needed.

    Called again, it goes on where it was interrupted, or shows again what it found.

    Args:
        what: What to show: families of language models, search, play, which is learning from
            rewards, or shrink.
        out: The folder to make; runs/demo, or with a hyphen and the name of what is shown by default.
        seconds: Of families: how long each of the five trains; 25 by default.
        model: Of search: a model that embeds, such as a folder of sentence-transformers; by words alone without one.
        query: Of search: a question of your own; may be given several times.
    """
    refuse_options({"seconds": seconds is not None and what != "families"}, "the demo of families")
    searching = {"model": model is not None, "query": bool(query)}
    refuse_options({} if what == "search" else searching, "the demo of search: langue demo search")
    if what == "search":
        from langue.cli.demo_search import demo_search

        demo_search(out or Path("runs/demo-search"), model, query)
    elif what == "play":
        from langue.cli.demo_play import demo_play

        demo_play(out or Path("runs/demo-play"))
    elif what == "shrink":
        from langue.cli.demo_shrink import demo_shrink

        demo_shrink(out or Path("runs/demo-shrink"))
    else:
        demo_families(out or Path("runs/demo"), 25.0 if seconds is None else seconds)


def demo_families(out: Path, seconds: float) -> None:
    """Train and compare five families on an embedded corpus."""
    from langue.cli.race import show
    from langue.race import FAMILIES, Budget, race
    from langue.recipes import find_recipe
    from langue.report import write_race_report
    from langue.tasks.recipes import read_recipe
    from langue.wording import duration

    whole = duration(60 * max(1, round((30 + len(FAMILIES) * (seconds + 5)) / 60)))
    print(PLAN.format(each=duration(seconds), whole=whole, out=out), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    recipe = out / "recipe.yaml"
    if not recipe.exists():
        shutil.copyfile(find_recipe("generate"), recipe)
    result = race(read_recipe(recipe), FAMILIES, Budget(seconds=seconds), out)
    show_texts(result)
    show(result)
    print(write_race_report(out), end="\n\n")
    print(what_next(result, out))


def show_texts(result: RaceResult) -> None:
    """Print a text of each model from the same first words, the worst first, so that one sees it getting better."""
    print()
    for member in reversed(result.ranked()):
        text = " ".join((result.prompt + member.sample).split())
        print(textwrap.fill(text, 110, initial_indent=f"{member.name:<11}", subsequent_indent=" " * 11, max_lines=3))
    print()


def what_next(result: RaceResult, out: Path) -> str:
    """Commands that work as they stand."""
    from langue.report import missing_extra

    known = {member.name for member in result.members}
    place = shlex.quote(str(out))
    page = PAGE.format(out=out) if (out / "report.html").is_file() else ""
    attention = (
        ATTENTION.format(out=place)
        if "gpt-nano" in known and missing_extra("matplotlib.figure", "matplotlib.image") is None
        else ""
    )
    return NEXT.format(out=place, best=result.ranked()[0].name, page=page, attention=attention)
