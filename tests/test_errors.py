"""The guard around other people's files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from langue.errors import LangueError, listed, reading


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no\nnumber"), "a.bin cannot be read: no number"),
        (KeyError("size"), "a.bin cannot be read: KeyError: 'size'"),
        (AssertionError(), "a.bin cannot be read: AssertionError"),
        (RecursionError("maximum"), "a.bin cannot be read: it is nested too deeply"),
        (MemoryError(), "a.bin cannot be read: it asks for more memory than there is"),
        (FileNotFoundError(2, "No such file or directory", "a.bin"), "a.bin cannot be read: No such file or directory"),
        (StopIteration(), "a.bin cannot be read: StopIteration"),
        (PermissionError(13, "Permission denied", "b.bin"), "b.bin cannot be read: Permission denied"),
    ],
)
def test_any_error_of_a_parser_names_the_file(error: Exception, words: str) -> None:
    with pytest.raises(LangueError) as raised, reading("a.bin"):
        raise error
    assert str(raised.value) == words
    assert raised.value.__cause__ is error


def test_a_panic_of_a_library_in_rust_names_the_file() -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    with (
        pytest.raises(LangueError, match=r"^a\.bin cannot be read: PanicException: index out of bounds$"),
        reading("a.bin"),
    ):
        raise panic("index out of bounds")


@pytest.mark.parametrize("error", [LangueError("mend this"), KeyboardInterrupt(), SystemExit(3)])
def test_what_is_no_fault_of_the_file_passes_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, reading("a.bin"):
        raise error
    assert raised.value is error


def test_the_reason_is_bounded_and_the_advice_stands_behind_it() -> None:
    with pytest.raises(LangueError) as raised, reading("a.bin", "download it again"):
        raise ValueError("x" * 100_000)
    assert len(str(raised.value)) < 300
    assert str(raised.value).endswith("…; download it again")


def test_a_generator_may_yield_inside() -> None:
    def values() -> Iterator[int]:
        with reading("a.json"):
            yield 1
            yield json.loads("[" * 100_000)

    taken = values()
    assert next(taken) == 1
    taken.close()  # GeneratorExit passes
    again = values()
    next(again)
    with pytest.raises(LangueError, match=r"a\.json cannot be read: it is nested too deeply"):
        next(again)


def test_names_in_a_message_are_few_short_and_on_one_line() -> None:
    assert listed(["a", 1, "b\nc\x1b[31m"]) == "a, 1, b c [31m"
    assert listed(map(str, range(30))).endswith(", 18, 19, …")
    assert len(listed(["x" * 5_000])) == 40


def test_a_message_is_one_line_and_commands_no_terminal() -> None:
    error = LangueError("the tensor a\nb\x1b[31m\u2028c is damaged: 中文 é\t|")
    assert str(error) == r"the tensor a\nb\x1b[31m\u2028c is damaged: 中文 é\t|"
