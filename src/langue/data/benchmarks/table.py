"""The table of all benchmark tasks: GLUE, SuperGLUE and SQuAD.

Labels stand in the order of class numbers that Hugging Face's copies have, so that heads of checkpoints from there fit.
"""

from __future__ import annotations

import difflib
from functools import partial
from typing import Any

from langue.data.benchmarks.benchmark import Benchmark, Kind, RowMaker, columns
from langue.data.benchmarks.glue import read_cola, read_mrpc, read_qqp, read_tsv
from langue.data.benchmarks.squad import read_squad, squad_v1_row, squad_v2_row
from langue.data.benchmarks.superglue import (
    copa_row,
    multirc_row,
    read_jsonl,
    read_multirc,
    read_record,
    record_row,
    wic_row,
    wsc_row,
)
from langue.errors import LangueError

ENTAILMENT = ("entailment", "not_entailment")
THREE_WAY = ("entailment", "neutral", "contradiction")
NO_YES = ("False", "True")
ACCEPTABLE = ("unacceptable", "acceptable")
EQUIVALENT = ("not_equivalent", "equivalent")
DUPLICATE = ("not_duplicate", "duplicate")
Names = tuple[str, ...]

HUBS = {"glue": "nyu-mll/glue", "superglue": "aps/super_glue"}
READERS = {"glue": read_tsv, "superglue": read_jsonl}
SPLITS = {
    "glue": {"train": ("train.tsv",), "dev": ("dev.tsv",), "test": ("test.tsv",)},
    "superglue": {"train": ("train.jsonl",), "dev": ("val.jsonl", "dev.jsonl"), "test": ("test.jsonl",)},
}

SENTENCE = columns(text=("sentence",))
PAIR = columns(sentence1=("sentence1",), sentence2=("sentence2",))
PREMISE = columns(
    sentence1=("sentence1", "premise"), sentence2=("sentence2", "hypothesis"), label=("gold_label", "label")
)
PARAPHRASE = columns(
    sentence1=("#1 String", "sentence1"), sentence2=("#2 String", "sentence2"), label=("Quality", "label")
)
SIMILARITY = columns(sentence1=("sentence1",), sentence2=("sentence2",), label=("score", "label"))
QUESTIONS = columns(
    sentence1=("question1",), sentence2=("question2",), label=("is_duplicate", "label"), index=("id", "idx")
)
QUESTION_SENTENCE = columns(sentence1=("question",), sentence2=("sentence",))
QUESTION_PASSAGE = columns(sentence1=("question",), sentence2=("passage",))

MRPC = {
    "train": ("train.tsv", "msr_paraphrase_train.txt"),
    "dev": ("dev.tsv", "dev_ids.tsv"),
    "test": ("test.tsv", "msr_paraphrase_test.txt"),
}
MNLI = {
    "train": ("train.tsv",),
    "dev": ("dev_matched.tsv",),
    "dev_mismatched": ("dev_mismatched.tsv",),
    "test": ("test_matched.tsv",),
    "test_mismatched": ("test_mismatched.tsv",),
}
MNLI_HUB = {"dev": "validation_matched", "dev_mismatched": "validation_mismatched", "test": "test_matched"}
MNLI_OUT = {"test": "MNLI-m.tsv", "test_mismatched": "MNLI-mm.tsv"}
AX = {"test": ("diagnostic.tsv", "AX.tsv")}

ACCURACY, ACCURACY_F1, F1_EXACT, MATTHEWS = ("accuracy",), ("accuracy", "f1"), ("f1", "exact_match"), ("matthews",)


def _task(
    suite: str, name: str, kind: Kind, labels: Names, metrics: Names, row: RowMaker, hub: str, **fields: Any
) -> Benchmark:
    """A task of a suite: its files lie in a folder of its name and are read as the suite's, unless `fields` differ."""
    fields = {
        "splits": SPLITS[suite],
        "read": READERS[suite],
        "folders": (name,),
        "submissions": {"test": f"{name}.{'tsv' if suite == 'glue' else 'jsonl'}"},
        **fields,
    }
    return Benchmark(f"{suite}/{name}", kind, labels, metrics, row=row, hub=f"{HUBS[suite]}/{hub}", **fields)


_glue, _superglue = partial(_task, "glue"), partial(_task, "superglue")


def _squad(version: str, row: RowMaker, hub: str) -> Benchmark:
    """A version of SQuAD, whose answers are submitted for its dev split."""
    return Benchmark(
        f"squad/{version}",
        "answer",
        labels=(),
        metrics=("exact_match", "f1"),
        splits={split: (f"{split}-v{version}.json",) for split in ("train", "dev")},
        read=read_squad,
        row=row,
        hub=f"rajpurkar/{hub}",
        folders=("squad", "SQuAD"),
        submissions={"dev": "predictions.json"},
    )


_ALL = (
    _glue("CoLA", "single", ACCEPTABLE, MATTHEWS, SENTENCE, "cola", read=read_cola, spelling="number"),
    _glue("SST-2", "single", ("negative", "positive"), ACCURACY, SENTENCE, "sst2", spelling="number"),
    _glue("MRPC", "pair", EQUIVALENT, ACCURACY_F1, PARAPHRASE, "mrpc", splits=MRPC, read=read_mrpc, spelling="number"),
    _glue("STS-B", "regression", (), ("pearson", "spearman"), SIMILARITY, "stsb"),
    _glue("QQP", "pair", DUPLICATE, ACCURACY_F1, QUESTIONS, "qqp", read=read_qqp, spelling="number"),
    _glue("MNLI", "pair", THREE_WAY, ACCURACY, PREMISE, "mnli", splits=MNLI, hub_splits=MNLI_HUB, submissions=MNLI_OUT),
    _glue("QNLI", "pair", ENTAILMENT, ACCURACY, QUESTION_SENTENCE, "qnli"),
    _glue("RTE", "pair", ENTAILMENT, ACCURACY, PAIR, "rte"),
    _glue("WNLI", "pair", ENTAILMENT[::-1], ACCURACY, PAIR, "wnli", spelling="number"),
    _glue("AX", "pair", THREE_WAY, MATTHEWS, PREMISE, "ax", splits=AX, folders=("AX", "diagnostic")),
    _superglue("BoolQ", "pair", NO_YES, ACCURACY, QUESTION_PASSAGE, "boolq", spelling="lower"),
    _superglue("CB", "pair", ("entailment", "contradiction", "neutral"), ACCURACY_F1, PREMISE, "cb"),
    _superglue("COPA", "choice", (), ACCURACY, copa_row, "copa"),
    _superglue("MultiRC", "pair", NO_YES, F1_EXACT, multirc_row, "multirc", read=read_multirc, spelling="number"),
    _superglue("ReCoRD", "choice", (), F1_EXACT, record_row, "record", read=read_record),
    _superglue("RTE", "pair", ENTAILMENT, ACCURACY, PREMISE, "rte"),
    _superglue("WiC", "pair", NO_YES, ACCURACY, wic_row, "wic", spelling="lower"),
    _superglue("WSC", "single", NO_YES, ACCURACY, wsc_row, "wsc.fixed"),
    _superglue("AX-b", "pair", ENTAILMENT, MATTHEWS, PREMISE, "axb", splits={"test": ("AX-b.jsonl",)}),
    _superglue("AX-g", "pair", ENTAILMENT, ACCURACY, PREMISE, "axg", splits={"test": ("AX-g.jsonl",)}),
    _squad("1.1", squad_v1_row, "squad"),
    _squad("2.0", squad_v2_row, "squad_v2"),
)

BENCHMARKS = {benchmark.name: benchmark for benchmark in _ALL}
"""Every task by its name, in the order of the benchmarks' own tables."""


def find_benchmark(name: str) -> Benchmark:
    """A task by its name.

    Raises:
        LangueError: there is none; names the nearest.
    """
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    by_lower = {known.lower(): known for known in BENCHMARKS}
    nearest = difflib.get_close_matches(name.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[nearest[0]]}?" if nearest else f"known: {', '.join(BENCHMARKS)}"
    raise LangueError(f"there is no benchmark {name}; {hint}")
