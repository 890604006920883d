"""Word, PowerPoint and Excel files, made by the libraries that know them."""

import datetime

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml

from langue.pages.office import read_docx, read_pptx, read_xlsx
from langue.pages.page import Page, PageError
from zipped import write_bomb, write_encrypted

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
COMPATIBLE = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def test_a_document_has_its_paragraphs_and_rows_in_order(tmp_path):
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = "Minutes", " "
    document.add_heading("Bridge", 1)
    document.add_paragraph("It needs\tpaint,").add_run("\nsoon.")
    table = document.add_table(2, 2)
    for number, text in enumerate(("Item", "Cost", "Paint\nand brush", "300")):
        table.cell(*divmod(number, 2)).text = text
    document.add_paragraph("Done.")
    document.save(tmp_path / "a.docx")
    text = "Bridge\n\nIt needs\tpaint,\nsoon.\n\nItem | Cost\n\nPaint\nand brush | 300\n\nDone."
    assert list(read_docx(tmp_path / "a.docx")) == [Page(text, known={"title": "Minutes"})]


def paragraph(inside: str):
    return parse_xml(f"<w:p {WORD} {COMPATIBLE}>{inside}</w:p>")


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<w:r><w:t>a</w:t></w:r><w:ins><w:r><w:t>b</w:t></w:r></w:ins>", "ab"),
        ("<w:r><w:t>a</w:t></w:r><w:del><w:r><w:delText>b</w:delText></w:r></w:del>", "a"),
        ("<w:moveFrom><w:r><w:t>a</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>a</w:t></w:r></w:moveTo>", "a"),
        ("<w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r>", "a\tb"),
        ("<w:sdt><w:sdtContent><w:r><w:t>a</w:t></w:r></w:sdtContent></w:sdt>", "a"),
        ("<w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op</w:t></w:r>", "co-op"),
        (
            "<w:r><w:t>a</w:t><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p>"
            "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p>"
            "</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r>",
            "a\n\nbox",
        ),
    ],
)
def test_what_word_shows_is_read_once(tmp_path, inside, text):
    document = docx.Document()
    document.element.body.insert(0, paragraph(inside))
    document.save(tmp_path / "a.docx")
    assert next(read_docx(tmp_path / "a.docx")).text == text


def test_blocks_within_content_controls_are_read(tmp_path):
    document = docx.Document()
    control = parse_xml(f"<w:sdt {WORD}><w:sdtContent/></w:sdt>")
    control[0].append(paragraph("<w:r><w:t>Contents</w:t></w:r>"))
    document.element.body.insert(0, control)
    document.save(tmp_path / "a.docx")
    assert next(read_docx(tmp_path / "a.docx")).text == "Contents"


def test_each_slide_is_a_page_with_its_notes(tmp_path):
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = "Harvest", "Wheat grew.\nRye did not."
    slide.notes_slide.notes_text_frame.text = "Mention the rain."
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(1, 2, 0, 0, 10, 10).table
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "in a group"
    deck.save(tmp_path / "a.pptx")
    assert list(read_pptx(tmp_path / "a.pptx")) == [
        Page(
            "Harvest\n\nWheat grew.\n\nRye did not.\n\nMention the rain.", "slide=1", {"slide": 1, "title": "Harvest"}
        ),
        Page("a | b\n\nin a group", "slide=2", {"slide": 2}),
    ]


def test_each_sheet_is_a_page_of_rows(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Staff"
    for row in (
        ["Name", "Born"],
        ["Ann", datetime.date(1980, 1, 2)],
        [],
        [None, 2.5, datetime.datetime(2020, 1, 2, 3)],
    ):
        sheet.append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "a.xlsx")
    assert list(read_xlsx(tmp_path / "a.xlsx")) == [
        Page("Name | Born\n\nAnn | 1980-01-02\n\n2.5 | 2020-01-02 03:00:00", "sheet=Staff", {"sheet": "Staff"}),
        Page("", "sheet=Empty", {"sheet": "Empty"}),
    ]


@pytest.mark.parametrize("read", [read_docx, read_pptx, read_xlsx])
def test_bombs_and_encrypted_files_are_refused(tmp_path, read):
    for write, reason in ((write_bomb, "zip bomb"), (write_encrypted, "encrypted")):
        with pytest.raises(PageError, match=reason):
            list(read(write(tmp_path / "a.docx")))
