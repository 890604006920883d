"""Letters as the standard library writes them."""

import datetime
from email.message import EmailMessage

import pytest

from langue.pages.mail import read_eml
from langue.pages.page import Page, PageError


def letter(subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content(text)
    return message


def read(path, message: EmailMessage | bytes) -> Page:
    path.write_bytes(message if isinstance(message, bytes) else bytes(message))
    (page,) = read_eml(path)
    return page


def test_a_letter_is_its_subject_and_its_text(tmp_path):
    message = letter("Über das Boot", "Es ist fertig.\n")
    message["From"], message["To"] = "Ann <a@x.org>", "b@x.org, c@x.org"
    zone = datetime.timezone(datetime.timedelta(hours=2))
    message["Date"] = datetime.datetime(2024, 5, 6, 7, 8, tzinfo=zone)
    message.add_alternative("<p>Es ist <b>fertig</b>.</p>", subtype="html")
    message.add_attachment(letter("Inner", "An older letter."))
    message.add_attachment(b"PK", maintype="application", subtype="zip", filename="a.zip")
    assert read(tmp_path / "a.eml", message) == Page(
        "Über das Boot\n\nEs ist fertig.\n\nInner\n\nAn older letter.",
        known={
            "title": "Über das Boot", "from": "Ann <a@x.org>", "to": "b@x.org, c@x.org",
            "sent": "2024-05-06T07:08:00+02:00",
        },
    )  # fmt: skip


def test_html_is_read_where_there_is_no_text(tmp_path):
    message = EmailMessage()
    message.set_content("<p>Café&nbsp;<b>au lait</b></p><script>x</script>", subtype="html", charset="iso-8859-1")
    assert read(tmp_path / "a.eml", message).text == "Café au lait"


def test_an_unknown_charset_is_read_as_far_as_ascii(tmp_path):
    raw = b"Subject: x\nContent-Type: text/plain; charset=klingon\n\nplain \xff text\n"
    assert read(tmp_path / "a.eml", raw).text == "x\n\nplain \ufffd text"


def test_encrypted_letters_and_what_is_no_letter_are_refused(tmp_path):
    with pytest.raises(PageError, match="encrypted EML"):
        read(tmp_path / "a.eml", b"Subject: x\nContent-Type: application/pkcs7-mime\n\nAAAA\n")
    with pytest.raises(PageError, match="unreadable EML"):
        read(tmp_path / "a.eml", b"\0\1\2")
