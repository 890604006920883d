"""Values that come from Python, whatever they are: they are used, or one sentence says why not."""

import datetime
import decimal
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.search.small import Counting, rows
from tests.tasks.test_broken_input import ASKED, task_of

from langue.data import ReadSettings, Tally, find_sources, read_documents
from langue.data.audio import read_audio
from langue.data.labelled import read_labelled
from langue.data.parallel import read_any_pairs
from langue.data.recordings import recording_of
from langue.errors import LangueError
from langue.experiment.materialize import materialize
from langue.search import Index, IndexSettings
from langue.tasks.recipes import read_recipe

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
long = settings(deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])

TEXTS = st.text(max_size=30) | st.text(st.characters(), max_size=10)  # the second with halves of surrogate pairs
NUMBERS = st.integers() | st.floats() | st.integers(-(10**400), 10**400) | st.decimals(allow_nan=False) | st.booleans()
OTHERS = st.none() | st.binary(max_size=9) | st.dates() | st.datetimes() | st.just(np.float32("nan"))
OTHERS |= st.sampled_from([np.int64(3), np.datetime64("2020-01-01"), np.array([1, 2]), {1, 2}, 1j, object, ...])
VALUES = st.recursive(
    TEXTS | NUMBERS | OTHERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | NUMBERS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["text", "label", "source", "target", "audio", "year", "id", "tags"]) | TEXTS
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4) | VALUES, max_size=4)


def check_rows(given_rows):
    recipe = read_recipe({"task": "generate", "data": {"train": "x"}})
    with tempfile.TemporaryDirectory() as name, suppress(LangueError):
        data = materialize(given_rows, recipe, Path(name)).data
        with suppress(LangueError):
            list(read_documents(find_sources(data.train), ReadSettings(), Tally()))
        with suppress(LangueError):
            list(read_any_pairs(data.train, data, ("source", "target")))
        with suppress(LangueError):
            for row in read_labelled(data.train, data):
                with suppress(LangueError):
                    recording_of(row)


def check_documents(given_rows):
    with tempfile.TemporaryDirectory() as name, suppress(LangueError):
        index = Index.build(given_rows, Path(name) / "index", settings=IndexSettings(kind="memory"))
        index.search("the text")


def check_recording(sound):
    with suppress(LangueError):
        found = read_audio(sound)
        assert np.isfinite(found).all()


@given(ROWS)
@quick
def test_rows_are_kept_or_refused(given_rows):
    check_rows(given_rows)


@given(st.lists(st.fixed_dictionaries({"text": TEXTS, "year": VALUES}) | VALUES, min_size=1, max_size=4))
@quick
def test_rows_are_indexed_or_refused(given_rows):
    check_documents(given_rows)


KINDS = arrays.scalar_dtypes() | arrays.unicode_string_dtypes(max_len=3)
ARRAYS = arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, max_side=20))
SOUNDS = ARRAYS | VALUES | st.fixed_dictionaries({"array": ARRAYS | VALUES, "sampling_rate": VALUES})
SOUNDS |= st.fixed_dictionaries({"bytes": VALUES}) | st.fixed_dictionaries({"path": VALUES})


@given(SOUNDS)
@quick
def test_recordings_are_heard_or_refused(sound):
    check_recording(sound)


@given(st.data(), st.text(st.characters(), max_size=40))
@quick
def test_prompts_are_answered_or_refused(data, text):
    name = data.draw(st.sampled_from(sorted(ASKED)))
    with suppress(LangueError):
        ASKED[name](TASKS[name.split()[0]], text)


TASKS = {name: task_of(name) for name in ("generate", "fill", "classify", "embed", "translate")}

FIELDS = st.sampled_from(["year", "lang", "weight", "checked", "source"]) | TEXTS
SIMPLE = TEXTS | NUMBERS | st.dates() | st.datetimes() | st.none() | VALUES
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]) | TEXTS
WRITTEN = st.tuples(FIELDS, OPERATORS, TEXTS | NUMBERS.map(repr)).map(lambda parts: "".join(map(str, parts)))
CONDITIONS = st.dictionaries(FIELDS, SIMPLE | st.dictionaries(OPERATORS, SIMPLE, max_size=2), max_size=3)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    place = tmp_path_factory.mktemp("index") / "index"
    return Index.build(rows(20), place, Counting(), settings=IndexSettings(kind="memory"))


@given(TEXTS, CONDITIONS | WRITTEN | st.lists(WRITTEN, max_size=3), st.integers())
@quick
def test_searches_are_made_or_refused(index, query, where, k):
    with suppress(LangueError):
        index.search(f"river {query}", k, where=where)


@pytest.mark.slow
@given(ROWS, SOUNDS)
@long
def test_many_values_are_used_or_refused(given_rows, sound):
    check_rows(given_rows)
    check_documents(given_rows)
    check_recording(sound)


def test_dates_and_decimals_are_known_to_an_index(tmp_path):
    known = [{"text": "a boat", "day": datetime.date(2024, 1, 2), "price": decimal.Decimal("1.5")}]
    index = Index.build(known, tmp_path / "index", settings=IndexSettings(kind="memory"))
    assert [hit.text for hit in index.search("boat", where=["day=2024-01-02", "price<2"])] == ["a boat"]
