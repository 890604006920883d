"""Vectors in a byte and in a bit a number: what they lose, and how much rescoring gives back."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.search.small import Projecting, rows

from langue.randomness import numpy_generator
from langue.search import Index
from langue.search.store import shown
from langue.search.vectors import cosines, differing, stored, to_bits, unit


def vectors(count: int, size: int) -> np.ndarray:
    return unit(numpy_generator("vectors").standard_normal((count, size), np.float32))


@pytest.mark.parametrize("size", [384, 50])
def test_a_byte_a_number_is_within_half_a_step(size):
    given = vectors(100, size)
    kept = stored(given, "int8")
    back = kept["codes"].astype(np.float32) * kept["scale"][:, None]
    assert np.all(np.abs(back - given) <= kept["scale"][:, None] / 2 + 1e-7)
    assert np.abs(kept["codes"]).max(-1).tolist() == [127] * 100
    np.testing.assert_allclose(cosines(kept, given[0]), back @ given[0], atol=1e-6)


@pytest.mark.parametrize("size", [384, 50])
def test_a_bit_a_number_is_its_sign(size):
    given = vectors(100, size)
    bits = stored(given, "binary")["bits"]
    assert bits.shape == (100, -(-size // 8))
    assert differing(bits, to_bits(given[3])).tolist() == ((given > 0) != (given[3] > 0)).sum(1).tolist()
    signs = np.sign(given) / np.sqrt(size)
    np.testing.assert_allclose(cosines({"bits": bits}, given[3]), signs @ given[3], atol=1e-6)


@pytest.mark.parametrize(("storage", "least", "error"), [("int8", 0.95, 0.01), ("binary", 0.4, 0.5)])
def test_rescored_candidates_are_nearly_the_exact_ones(place, settings, storage, least, error):
    model, given = Projecting(384), rows(600)
    index = Index.build(given[:500], place, model, settings.model_copy(update={"storage": storage}))
    index.add(given[500:])
    index.delete(["row-0"])
    index = Index.open(place, model)
    exact = unit(model.embed([row["text"] for row in given], prompt="document"))
    right = 0
    for number in range(20, 40):
        scores = exact @ index.encode(given[number]["text"])
        scores[0] = -1
        found = index.search(given[number]["text"], 10, mode="dense")
        names = [int(hit.document.removeprefix("row-")) for hit in found]
        right += len(set(names) & set(np.argsort(-scores)[:10].tolist()))
        assert names[0] == number
        np.testing.assert_allclose([hit.score for hit in found], scores[names], atol=error)
    assert right / 200 >= least
    assert {hit.metadata["lang"] for hit in index.search("a river", 10, mode="dense", where="lang=de")} == {"de"}


@pytest.mark.parametrize("kind", ["lance", "postgres"], indirect=True)
@pytest.mark.parametrize("storage", ["int8", "binary"])
def test_an_approximate_index_of_bits(place, settings, kind, storage, monkeypatch):
    monkeypatch.setattr(f"langue.search.{kind}.EXACT", 300)
    model, given = Projecting(384), rows(600)
    index = Index.build(given, place, model, settings.model_copy(update={"storage": storage}))
    for number in range(20, 40):
        assert index.search(given[number]["text"], 3, mode="dense")[0].document == f"row-{number}"


SEARCHED = """
import sys
from langue.search import Index, IndexSettings
from tests.search.small import Projecting, rows
index = Index.build(rows(30), sys.argv[1], Projecting(64), IndexSettings(storage=sys.argv[2]))
print(index.search("a river", 1, mode="dense")[0].document)
"""


@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_no_library_warns_of_its_own_affairs(tmp_path, storage):
    pytest.importorskip("lancedb")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SEARCHED, tmp_path / "index", storage],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"},
    )  # fmt: skip
    assert (done.stderr, done.stdout[:4]) == ("", "row-")


@pytest.mark.parametrize(
    ("place", "printed"),
    [
        ("postgresql://ann:se:cret@host:5432/base#name", "postgresql://ann:…@host:5432/base#name"),
        (
            "postgres://ann@host/base?password=secret&sslmode=require#x",
            "postgres://ann@host/base?password=…&sslmode=require#x",
        ),
        ("postgresql://host/base", "postgresql://host/base"),
        ("C:/folder/index", "C:/folder/index"),
    ],
)
def test_a_password_is_not_printed(place, printed):
    assert shown(place) == printed
    assert Index(place, SimpleNamespace(manifest=None)).place == printed
