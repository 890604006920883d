import pytest

from langue.errors import LangueError
from langue.search.where import Condition, holds, read_where


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("year>=2020", (Condition("year", ">=", 2020),)),
        ("year >= 2020.5", (Condition("year", ">=", 2020.5),)),
        ("lang=en", (Condition("lang", "==", "en"),)),
        ('zip == "01234"', (Condition("zip", "==", "01234"),)),
        ("name!=A < B = C", (Condition("name", "!=", "A < B = C"),)),
        ("lang in en, de", (Condition("lang", "in", ("en", "de")),)),
        ("year in [2020, 2021]", (Condition("year", "in", (2020, 2021)),)),
        ('sign=">= 3 "', (Condition("sign", "==", ">= 3 "),)),
        ("name = A  B ", (Condition("name", "==", "A  B"),)),
        ("done=true", (Condition("done", "==", True),)),
        (["a=1", "b<2"], (Condition("a", "==", 1), Condition("b", "<", 2))),
        (
            {"a": "x", "b": {">": 1, "<=": 5}},
            (Condition("a", "==", "x"), Condition("b", ">", 1), Condition("b", "<=", 5)),
        ),
        ({"a": ["x", "y"]}, (Condition("a", "in", ("x", "y")),)),
        ({"source": "'; DROP TABLE passages; --"}, (Condition("source", "==", "'; DROP TABLE passages; --"),)),
    ],
)
def test_conditions_are_read(given, expected):
    assert read_where(given) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("year", "FIELD OPERATOR VALUE"),
        ("=5", "FIELD OPERATOR VALUE"),
        ("year>>3", "FIELD OPERATOR VALUE"),
        ("year=>3", "FIELD OPERATOR VALUE"),
        ({"year": {"=>": 5}}, "operator '=>'"),
        ({"year": None}, "give texts"),
        ({"year": []}, "give texts"),
        ({"year": [1, "a"]}, "give texts"),
        ({"year": float("nan")}, "give texts"),
        ("a={}", "give texts"),
    ],
)
def test_what_is_no_condition_is_a_sentence(given, said):
    with pytest.raises(LangueError, match=said):
        read_where(given)


def test_texts_and_numbers_never_meet_and_what_is_missing_meets_nothing():
    known = {"year": 2020, "name": "b", "done": True}
    for given, met in [
        ("year=2020", True), ("year=2021", False), ('year="2020"', False), ("name>a", True), ("name>c", False),
        ("name=5", False), ("done=true", True), ("done=1", True), ("other=1", False), ("other!=1", False),
        ("year!=1", True), ("name!=x", True), ("name!=5", False), ("year in 1,2", False), ("year in [2020]", True),
    ]:  # fmt: skip
        assert holds(read_where(given), known) is met, given
