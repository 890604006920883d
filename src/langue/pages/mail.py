"""Letters: an e-mail with its subject and body, and letters that it holds, by the standard library."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import MIMEPart
from email.policy import default
from pathlib import Path

from langue.pages.html import read_html
from langue.pages.page import Page, PageError

_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_HEADERS = {"title": "subject", "from": "from", "to": "to"}
"""Names by which letters are filtered, and the headers that tell."""


def read_eml(path: Path) -> Iterator[Page]:
    """A letter's subject and text; of text and HTML that say the same, the text. Attached files are not read.

    Raises:
        PageError: it is encrypted, or no letter.
    """
    with path.open("rb") as file:
        letter = email.message_from_binary_file(file, policy=default)
    if not letter.keys():
        raise PageError("unreadable EML")
    if letter.get_content_type() in _ENCRYPTED:
        raise PageError("encrypted EML")
    yield Page("\n\n".join(_texts(letter)), known=_known(letter))


def _texts(letter: MIMEPart) -> Iterator[str]:
    subject = " ".join(str(letter["subject"] or "").split())
    if subject:
        yield subject
    body = letter.get_body(("plain", "html"))
    if body is not None:
        yield _text(body)
    for part in letter.iter_attachments():
        if part.get_content_type() == "message/rfc822":
            yield from _texts(part.get_content())


def _text(part: MIMEPart) -> str:
    """A part's text; an encoding that nobody knows is read as what it shares with ASCII."""
    if part.get_content_subtype() == "html":
        return read_html(part.get_content().encode("utf-8", "replace"))[1]
    try:
        return part.get_content().strip()
    except LookupError:
        raw = part.get_payload(decode=True)
        return raw.decode("ascii", "replace").strip() if isinstance(raw, bytes) else ""


def _known(letter: MIMEPart) -> dict[str, str]:
    known = {ours: " ".join(str(letter[name]).split()) for ours, name in _HEADERS.items() if letter[name]}
    sent = letter["date"].datetime if letter["date"] is not None else None
    return known if sent is None else {**known, "sent": sent.isoformat()}
