"""`langue demo search`: search over what Python's library says about itself, which is on every machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLAN = """\
What Python's own library says about itself, in some thousand docstrings, becomes an index in {out}.
Nothing is imported, downloaded or run: the docstrings are read from the library's sources.
{how}
"""

WITHOUT = """\
No model was given, so they are found by their words alone (BM25), which takes seconds. With a model that embeds,
they are found by what they mean as well: langue demo search --model FOLDER (of sentence-transformers, or a run)"""
WITH = "They are found by their words, and by what {model} takes them to mean; encoding them takes some minutes."

QUESTIONS = (
    "copy a whole directory tree",
    "run a function after a delay",
    "split a string like a shell does",
    "the most common elements",
)

NEXT = """\
Try next:
  langue index search {out} "parse a date" --k 3
  langue index search {out} "merge sorted inputs" --where kind=function --json
  langue index build FOLDER --model MODEL --out runs/index     # your own txt, md, html, pdf, docx, epub, jsonl
"""


def demo_search(out: Path, model: Path | None, queries: tuple[str, ...]) -> None:
    """Make the index, or bring it up to date, and ask it some questions."""
    from langue.cli.index import show
    from langue.search import Index, IndexSettings

    how = WITHOUT if model is None else WITH.format(model=model)
    place = out if model is None else out.with_name(f"{out.name}-by-meaning")
    print(PLAN.format(out=place, how=how), flush=True)
    # In flat arrays, which need nothing but NumPy.
    index = Index.build(docstrings(), place, model, IndexSettings(kind="memory"))
    print(f"{index.manifest.documents:,} docstrings in {index.manifest.passages:,} passages\n")
    for query in queries or QUESTIONS:
        print(f"── {query}")
        show(index, query, k=3, mode=None, where=())
    print(NEXT.format(out=shlex.quote(str(place))))


def docstrings() -> Iterator[dict[str, Any]]:
    """Documents, called by what they are about; of several with one name, the later ones by their line as well."""
    from langue.data.embedded import embedded_docstrings

    names = set()
    for docstring in embedded_docstrings():
        name = f"{docstring.name}:{docstring.line}" if docstring.name in names else docstring.name
        names.add(docstring.name)
        yield {"id": name, "title": docstring.name, "text": docstring.text, "module": docstring.module,
               "kind": docstring.kind, "line": docstring.line}  # fmt: skip
