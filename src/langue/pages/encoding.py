"""The encoding of a web page, as browsers find it out (WHATWG, HTML § 13.2.3, and the Encoding Standard).

A byte order mark decides, else a `<meta>` among the first 1,024 bytes, else an XML declaration; names mean what they
mean on the web, where iso-8859-1 is windows-1252 and gb2312 is GBK. A page that says nothing is UTF-8.
"""

from __future__ import annotations

import codecs
import re

import webencodings
from selectolax.lexbor import LexborHTMLParser

from langue.pages.page import PageError

PRESCAN = 1024

_BEGINS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"),
    (b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"),
)  # fmt: skip
"""Bytes that tell an encoding by themselves: its mark, or an XML declaration in it."""
_IN_CONTENT = re.compile(r"""charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml[^>]*?encoding[\0-\x20]*=[\0-\x20]*(["'])([^>]*?)\1""")
_MEANT = {"utf-16le": "utf-8", "utf-16be": "utf-8", "x-user-defined": "windows-1252"}
"""The encodings meant by pages that could be read as ASCII up to a `<meta>` of such a name (§ 13.2.3.2)."""


class UnknownText(PageError):
    """Bytes that are no text of the encoding that they should be in; the message says of which."""


def decode(raw: bytes) -> str:
    """The markup of a page.

    Raises:
        UnknownText: its bytes are no text of its encoding.
    """
    encoding = _declared(raw[:PRESCAN]) or webencodings.UTF8
    try:
        return _strictly(raw, encoding)
    except UnknownText:
        late = _meta(raw) if encoding.name == "utf-8" else None  # browsers begin anew at a `<meta>` that comes late
        if late is None:
            raise
        return _strictly(raw, late)


def _strictly(raw: bytes, encoding: webencodings.Encoding) -> str:
    # The standard reads GBK as GB 18030, which holds it. Bytes that no letter has are control characters in Windows'
    # code pages, and mistakes in all others.
    meant = "gb18030" if encoding.name == "gbk" else encoding
    errors = _CONTROLS if encoding.name.startswith("windows-") else "strict"
    try:
        return webencodings.decode(raw, meant, errors)[0]
    except UnicodeError:
        name = "UTF-8" if encoding.name == "utf-8" else encoding.name
        raise UnknownText(f"invalid {name}") from None


def _declared(head: bytes) -> webencodings.Encoding | None:
    """The encoding that the beginning of a page tells, if it is one."""
    for begins, name in _BEGINS:
        if head.startswith(begins):
            return webencodings.lookup(name)
    xml = _XML.match(head)
    return _meta(head) or (_named(xml[2].decode("latin-1")) if xml else None)


def _meta(raw: bytes) -> webencodings.Encoding | None:
    for node in LexborHTMLParser(raw.decode("latin-1")).css("meta"):
        name = node.attributes.get("charset")
        if name is None and (node.attributes.get("http-equiv") or "").lower() == "content-type":
            match = _IN_CONTENT.search(node.attributes.get("content") or "")
            name = match and next(filter(None, match.groups()), None)
        encoding = name and _named(name)
        if encoding:
            return encoding
    return None


def _named(label: str) -> webencodings.Encoding | None:
    encoding = webencodings.lookup(label)
    return webencodings.lookup(_MEANT.get(encoding.name, encoding.name)) if encoding else None


def _control(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    if not 0x80 <= byte < 0xA0:
        raise error
    return chr(byte), error.start + 1


_CONTROLS = "langue.controls"
codecs.register_error(_CONTROLS, _control)
