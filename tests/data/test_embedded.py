"""The embedded corpus is there without a download, the same each time, and nothing is run to read it."""

import gc
import sys
import sysconfig

import pytest

from langue.data import find_sources, read_documents
from langue.data.embedded import SHORTEST, _docstrings, _topics, embedded_documents
from langue.data.settings import ReadSettings
from langue.data.tally import Tally
from langue.errors import LangueError


def test_the_corpus_is_large_and_nothing_is_imported_to_read_it():
    loaded = set(sys.modules)
    text = "".join(piece.text for piece in read_documents(find_sources("embedded"), ReadSettings(), Tally()))
    assert len(text) > 1_000_000
    assert "asynchronous generator" in text  # a topic of the language reference
    assert "Parse a string into a Message object model." in text  # a docstring of the library
    assert all(name.startswith("encodings.") for name in set(sys.modules) - loaded)  # codecs that sources ask for
    assert gc.isenabled()


@pytest.mark.parametrize("names", ["abcdefgh", "hgfedcba"])
def test_the_order_depends_on_names_alone(write, tmp_path, monkeypatch, names):
    write("library/pydoc_data/topics.py", f"topics = {{'topic': {'t' * SHORTEST!r}}}\n")
    for name in names:
        write(f"library/{name}.py", f'"""{name * SHORTEST}"""\n')
        write(f"library/test/{name}.py", f'"""{name.upper() * SHORTEST}"""\n')
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "library"))
    found = embedded_documents.__wrapped__()
    assert "".join(text[0] for text in found) == "etgdbhcfa"


def test_a_python_without_sources_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(LangueError, match="holds no sources of Python's library"):
        embedded_documents.__wrapped__()


def test_docstrings_come_without_code(write):
    path = write(
        "module.py",
        '"""About."""\nraise SystemExit\nclass A:\n    """A class."""\n    def f(self):\n        """A method.\n\n'
        '        Indented.\n        """\n        return "no docstring"\nasync def g():\n    "Asynchronous."\n',
    )
    text = _docstrings(path)
    assert {"About.", "A class.", "A method.", "Indented.", "Asynchronous."} <= set(text.split("\n"))
    assert "no docstring" not in text
    assert _docstrings(write("broken.py", "def (")).strip() == ""


def test_topics_are_read_as_data(write, tmp_path):
    path = write("topics.py", "# made\ntopics = {'a': 'One\\n', 'b': 'Two' '\\nlines\\n'}\n")
    assert _topics(path) == {"a": "One\n", "b": "Two\nlines\n"}
    assert _topics(tmp_path / "missing.py") == {}
