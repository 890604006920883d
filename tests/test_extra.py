"""What is said when a library that only some need is not there."""

import json
import sys
from pathlib import Path

import pytest

from langue.errors import LangueError
from langue.extra import need


def test_what_is_there_is_given() -> None:
    assert need("json", "formats", "reading") is json


@pytest.mark.parametrize(("module", "name"), [("no_such_library.inner", "no-such-library"), ("absent", "absent")])
def test_what_is_not_there_is_named_with_the_extra_that_brings_it(module: str, name: str) -> None:
    with pytest.raises(LangueError, match=rf"^drawing needs {name}: pip install 'langue\[report\]' adds it$"):
        need(module, "report", "drawing")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise OSError('libsndfile is not there')", "libsndfile is not there"),
        ("import absent_part", "ModuleNotFoundError: No module named 'absent_part'"),
        ("from json import absent", "ImportError: cannot import name 'absent' from 'json'"),
        ("None.x", "AttributeError: 'NoneType' object has no attribute 'x'"),
    ],
)
def test_what_is_there_and_cannot_be_used_says_why(
    code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_library.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LangueError, match=rf"^drawing needs broken-library, which is .* cannot be used: {words}"):
        need("broken_library", "report", "drawing")


def test_a_library_that_was_taken_away_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(LangueError, match=r"judging translations needs sacrebleu: pip install 'langue\[metrics\]'"):
        need("sacrebleu.metrics", "metrics", "judging translations")
