"""Submissions: predictions in the file formats that the leaderboards of GLUE, SuperGLUE and SQuAD take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.data.benchmarks.benchmark import Benchmark
from langue.data.benchmarks.table import find_benchmark
from langue.errors import LangueError
from langue.files import write_text

Rows = Sequence[Mapping[str, Any]]


def write_submission(name: str, rows: Rows, predictions: Sequence[Any], path: Path | str) -> Path:
    """Write a task's predictions as its leaderboard takes them.

    GLUE: `index`, `prediction`, tab-separated; SuperGLUE: an object `idx`, `label` a line, nested for MultiRC; SQuAD:
    one object from id to answer.

    Args:
        name: such as "glue/CoLA".
        rows: from `read_benchmark`, in any order.
        predictions: one for each row: a label's name, a number, a choice's index, or an answer ("" for none).
        path: the file, or a folder for a file with the name that the leaderboard asks for.

    Returns:
        The file written.

    Raises:
        LangueError: not one prediction for each row, an unknown label, or a path that cannot be written.
    """
    benchmark = find_benchmark(name)
    if len(rows) != len(predictions):
        raise LangueError(f"there are {len(predictions)} predictions for {len(rows)} rows; give one for each")
    path = Path(path)
    if path.is_dir():
        path = path / submission_name(name, next(iter(benchmark.submissions)))
    text = "".join(f"{line}\n" for line in _lines(benchmark, rows, predictions))
    write_text(path, text)
    return path


def submission_name(name: str, split: str = "test") -> str:
    """The name that the leaderboard wants the file of a split to have.

    Raises:
        LangueError: the split is not submitted.
    """
    benchmark = find_benchmark(name)
    if split not in benchmark.submissions:
        raise LangueError(f"{name} takes no submissions of {split!r}, only of {', '.join(benchmark.submissions)}")
    return benchmark.submissions[split]


def _lines(benchmark: Benchmark, rows: Rows, predictions: Sequence[Any]) -> Iterator[str]:
    pairs = list(zip(rows, predictions, strict=True))
    if benchmark.suite == "squad":
        yield json.dumps({row["id"]: str(answer) for row, answer in pairs}, ensure_ascii=False)
    elif benchmark.suite == "glue":
        yield "index\tprediction"
        for row, prediction in pairs:
            yield f"{row['index']}\t{_spelt(benchmark, row, prediction)}"
    elif benchmark.name == "superglue/MultiRC":
        yield from map(json.dumps, _nested(benchmark, rows, predictions))
    else:
        for row, prediction in pairs:
            index = row["index"]["query"] if benchmark.name == "superglue/ReCoRD" else row["index"]
            yield json.dumps({"idx": index, "label": _spelt(benchmark, row, prediction)}, ensure_ascii=False)


def _nested(benchmark: Benchmark, rows: Rows, predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """MultiRC's passages, their questions, their answers: nested as its data are."""
    passages: dict[int, dict[int, list[dict[str, Any]]]] = {}
    for row, prediction in zip(rows, predictions, strict=True):
        index = row["index"]
        questions = passages.setdefault(index["paragraph"], {})
        answer = {"idx": index["answer"], "label": _spelt(benchmark, row, prediction)}
        questions.setdefault(index["question"], []).append(answer)
    return [
        {"idx": passage, "passage": {"questions": [{"idx": q, "answers": a} for q, a in questions.items()]}}
        for passage, questions in passages.items()
    ]


def _spelt(benchmark: Benchmark, row: Mapping[str, Any], prediction: Any) -> Any:
    """A prediction as the leaderboard spells it."""
    if benchmark.kind == "regression":
        # STS-B's scores lie in this range, and its leaderboard wants them to.
        return f"{min(max(float(prediction), 0.0), 5.0):.3f}"
    if benchmark.kind == "choice":
        if not 0 <= int(prediction) < len(row["choices"]):
            raise LangueError(f"row {row['index']} has {len(row['choices'])} choices and no choice {prediction}")
        return row["entities"][int(prediction)] if "entities" in row else int(prediction)
    if prediction not in benchmark.labels:
        raise LangueError(f"{benchmark.name} knows no label {prediction!r}; known are {', '.join(benchmark.labels)}")
    if benchmark.spelling == "number":
        return benchmark.labels.index(prediction)
    return prediction.lower() if benchmark.spelling == "lower" else prediction
