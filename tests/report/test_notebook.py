"""A run in a notebook: its numbers and its picture, which touch nothing else on the page."""

import base64
import re

from langue.report import notebook
from langue.report.notebook import run_fragment


def test_a_fragment_has_the_numbers_of_the_kept_weights_and_a_picture(run):
    page = run_fragment(run)
    best = 2 + 2 * 2.718281828 ** (-40 / 10)
    assert f">{best:.3g}</b><br>" in page
    assert "dev bits per byte" in page
    assert "Step 40, after 20 s: 100%." in page
    image = base64.b64decode(re.search(r"data:image/svg\+xml;base64,([^\"]+)", page)[1]).decode()
    assert image.startswith("<svg")
    assert "prefers-color-scheme: dark" in image
    assert "<style" not in page


def test_without_a_library_that_draws_the_numbers_stay(run, monkeypatch):
    monkeypatch.setattr(notebook, "missing_extra", lambda: "no report was drawn")
    page = run_fragment(run)
    assert "dev bits per byte" in page
    assert "<img" not in page


def test_a_name_becomes_no_markup(run):
    odd = run.rename(run.with_name("<b>odd"))
    assert "<b>odd" not in run_fragment(odd)
    assert "&lt;b&gt;odd" in run_fragment(odd)
