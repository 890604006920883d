"""Documents, slides and sheets of Office: opened by python-docx, python-pptx and openpyxl, and read from their XML.

The text is read from the elements themselves, because the libraries' own paragraphs leave out what is in content
controls, text boxes and tracked insertions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any

from langue.pages.package import open_package
from langue.pages.page import Page

CELLS = " | "
"""Text between the cells of a row."""

_UNSEEN = frozenset(("del", "moveFrom", "Fallback", "pPr", "rPr", "tblPr", "tcPr", "trPr", "sectPr"))
"""Elements without text of their own: deletions, second forms for older programs, and properties."""
_SIGNS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-"}
_NOTES = ("/footnotes", "/endnotes")


def read_docx(path: Path) -> Iterator[Page]:
    """A Word document with its notes.

    Raises:
        PageError: it is encrypted, or a zip bomb.
        Exception: it is damaged; python-docx raises whatever it stumbles over.
    """
    import docx
    from docx.oxml import parse_xml

    open_package(path, "DOCX").close()
    document = docx.Document(str(path))
    related = document.part.rels.values()
    notes = [relation.target_part for relation in related if relation.reltype.endswith(_NOTES)]
    bodies = [document.element.body, *(parse_xml(part.blob) for part in notes)]
    yield Page(_joined(block for body in bodies for block in _blocks(body)), known=_core(document.core_properties))


def read_pptx(path: Path) -> Iterator[Page]:
    """The slides of a presentation, each with what its notes say.

    Raises:
        PageError: it is encrypted, or a zip bomb.
        Exception: it is damaged; python-pptx raises whatever it stumbles over.
    """
    import pptx

    open_package(path, "PPTX").close()
    for number, slide in enumerate(pptx.Presentation(str(path)).slides, 1):
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        heading = slide.shapes.title
        title = " ".join(heading.text_frame.text.split()) if heading is not None else ""
        text = _joined([*_blocks(slide.element), notes.text if notes is not None else ""])
        yield Page(text, f"slide={number}", {"slide": number, **({"title": title} if title else {})})


def read_xlsx(path: Path) -> Iterator[Page]:
    """The sheets of a workbook, a row to a block; of formulas, what they were worth when it was saved.

    Raises:
        PageError: it is encrypted, or a zip bomb.
        Exception: it is damaged; openpyxl raises whatever it stumbles over.
    """
    import openpyxl

    open_package(path, "XLSX").close()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    for sheet in book.worksheets:
        rows = (_row(cells) for cells in sheet.iter_rows(values_only=True))
        yield Page(_joined(rows), f"sheet={sheet.title}", {"sheet": sheet.title})
    book.close()


def _core(properties: Any) -> dict[str, str]:
    """The title and the author that a document gives itself."""
    known = {"title": properties.title, "author": properties.author}
    return {name: text.strip() for name, text in known.items() if text and text.strip()}


def _row(cells: Iterable[Any]) -> str:
    return CELLS.join(filter(None, (" ".join(_shown(cell).split()) for cell in cells if cell is not None)))


def _shown(value: Any) -> str:
    """A cell's value; a day without a time is one at midnight to Excel."""
    return value.date().isoformat() if isinstance(value, datetime) and value.time() == time() else str(value)


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block and not block.isspace())


def _blocks(element: Any) -> Iterator[str]:
    """Paragraphs and rows of tables, in order."""
    for child in element.iterchildren("*"):
        name = _name(child)
        if name == "p":
            yield "".join(_inline(child)).strip()
            for box in _boxes(child):
                yield from _blocks(box)
        elif name == "tr":
            yield CELLS.join(filter(None, (" ".join(_blocks(cell)).strip() for cell in _cells(child))))
        elif name not in _UNSEEN:
            yield from _blocks(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row.iterchildren("*"):
        if _name(child) == "tc":
            yield child
        elif _name(child) not in _UNSEEN:
            yield from _cells(child)


def _inline(element: Any) -> Iterator[str]:
    """The text of a paragraph, without that of boxes which hang on it."""
    for child in element.iterchildren("*"):
        name = _name(child)
        if name == "t":
            yield child.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        elif name not in _UNSEEN and name != "txbxContent":
            yield from _inline(child)


def _boxes(element: Any) -> Iterator[Any]:
    for child in element.iterchildren("*"):
        if _name(child) == "txbxContent":
            yield child
        elif _name(child) not in _UNSEEN:
            yield from _boxes(child)


def _name(element: Any) -> str:
    """An element's name without its namespace; Word, PowerPoint and drawings call the same things alike."""
    return element.tag.rpartition("}")[2]
