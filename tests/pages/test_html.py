"""What a page says, by its own encoding and as browsers parse it."""

import time

import pytest

from langue.pages.encoding import UnknownText
from langue.pages.html import TooDeepError, read_html

RUSSIAN = "Привет, мир"


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“café” €"),
        ("latin1", "cp1252", "“café” €"),
        ("us-ascii", "cp1252", "naïve – œuvre"),
        ("iso-8859-9", "cp1254", "İstanbul €"),
        ("tis-620", "cp874", "ภาษาไทย €"),
        ("gb2312", "gb18030", "镕 喆 中文"),
        ("gbk", "gb18030", "𠀀 中文"),
        ("shift_jis", "cp932", "① ㈱ 髙"),
        ("euc-kr", "cp949", "똠방각하"),
        ("big5", "big5hkscs", "𨋢 香港"),
        ("KOI8-R", "koi8-r", RUSSIAN),
        ("x-cp1251", "cp1251", RUSSIAN),
        ("utf-16", "utf-8", RUSSIAN),
        ("undefined", "utf-8", RUSSIAN),
        ("idna", "utf-8", RUSSIAN),
        ("rot13", "utf-8", RUSSIAN),
        ("", "utf-8", RUSSIAN),
    ],
)
@pytest.mark.parametrize(
    "page",
    [
        '<meta charset="{}"><p>{}',
        "<html><head><META http-equiv='content-type' content='text/html; charset={}'><body>{}",
        "<!-- <meta charset=koi8-u> --><title></title><meta name=a charset={}><p>{}",
    ],
)
def test_encodings_are_the_webs(declared, codec, text, page):
    assert read_html(page.format(declared, text).encode(codec)) == ("", text)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_comes_before_what_is_declared(codec):
    assert read_html(f"<meta charset=windows-1252><p>{RUSSIAN}".encode(codec)) == ("", RUSSIAN)


def test_an_xml_declaration_counts_where_there_is_no_meta():
    page = f'<?xml version="1.0" encoding="windows-1251"?><html><body><p>{RUSSIAN}</p></body></html>'
    assert read_html(page.encode("cp1251")) == ("", RUSSIAN)
    page = page.replace("<body>", "<meta charset=koi8-r><body>")
    assert read_html(page.encode("koi8-r")) == ("", RUSSIAN)
    page = f'<?xml version="1.0" encoding="utf-16"?><p>{RUSSIAN}</p>'
    assert read_html(page.encode("utf-16-le")) == ("", RUSSIAN)


def test_a_meta_that_comes_late_counts_where_the_page_is_no_utf8():
    page = f"<!--{' ' * 3000}--><meta charset=windows-1251><p>{RUSSIAN}"
    assert read_html(page.encode("cp1251")) == ("", RUSSIAN)
    assert read_html(page.encode()) == ("", RUSSIAN)


def test_bytes_that_no_letter_has_are_controls_in_windows_code_pages_alone():
    assert read_html(b"<meta charset=latin1><p>a\x81b") == ("", "a\x81b")
    with pytest.raises(UnknownText, match="invalid UTF-8"):
        read_html(b"<p>a\xff")
    with pytest.raises(UnknownText, match="invalid shift_jis"):
        read_html(b"<meta charset=sjis><p>\x81")
    with pytest.raises(UnknownText, match="invalid replacement"):
        read_html(b"<meta charset=iso-2022-kr><p>a")


@pytest.mark.parametrize(
    ("page", "title", "text"),
    [
        ("<svg><title>Icon</title></svg><p>x", "", "x"),
        ("<title>A &amp;\n B</title><svg><title>Icon</title></svg><p>x", "A & B", "x"),
        ("<title>A</title><body><title>B</title>x", "A", "x"),
        ("<p>a<br>b <b>bold</b>er", "", "a\n\nb bolder"),
        ("<p>Code:<pre>\nif x:\r\n    y = <i>1</i>\n\nz\n</pre>end", "", "Code:\n\nif x:\n    y = 1\n\nz\n\nend"),
        ("<pre>a<br>b</pre>c\nd", "", "a\nb\n\nc d"),
        ("<textarea>\n1\n2</textarea>", "", "1\n2"),
        ("<![foo[ x ]]>y", "", "y"),
        ("<![CDATA[x]]>y", "", "y"),
        ("<!doctype", "", ""),
        ("<p>a</p", "", "a"),
        ("<style>p{}</style><script>if (a < b) {}</script><template>t</template><p><noscript>n</noscript>x", "", "x"),
        ("a&nbsp;b&#x80;&#xD800;&unknown;", "", "a b€\ufffd&unknown;"),
        ("", "", ""),
    ],
)
def test_text_is_what_a_browser_shows(page, title, text):
    assert read_html(page.encode()) == (title, text)


DEEP = ["<b>" * 20_000, "<div>" * 200_000, "<ul><li>" * 200_000, "<DIV\n/></x>" * 200_000, "<div><p></p>" * 50_000]
LONG = ["<a " * 4096, "<" * 100_000, "<!--" * 50_000, "&" * 100_000, "<b>" * 9_000, "<div>" * 9_000]


@pytest.mark.parametrize("page", LONG)
def test_no_page_takes_long(page):
    begun = time.process_time()
    read_html(page.encode())
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("page", DEEP)
def test_a_page_that_is_nested_without_end_is_refused_at_once(page):
    begun = time.process_time()
    with pytest.raises(TooDeepError, match="nested too deeply"):
        read_html(page.encode())
    assert time.process_time() - begun < 2


def test_a_long_page_is_not_a_deep_one():
    items = "<LI>a<br><p>b<img src=c>" * 20_000
    assert read_html(f"<ul>{items}</UL>{'<div><b>d</b></div>' * 20_000}".encode())[1].count("d") == 20_000
