"""The table of all benchmark tasks: GLUE, SuperGLUE and SQuAD.

Labels stand in the order of class numbers that Hugging Face's copies have, so that heads of checkpoints from there fit.
"""

from __future__ import annotations

import difflib

from langue.data.benchmarks.benchmark import Benchmark, columns
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

TSV = {"train": ("train.tsv",), "dev": ("dev.tsv",), "test": ("test.tsv",)}
JSONL = {"train": ("train.jsonl",), "dev": ("val.jsonl", "dev.jsonl"), "test": ("test.jsonl",)}

INDEX = ("index", "idx")
PAIR = columns(sentence1=("sentence1",), sentence2=("sentence2",), label=("label",), index=INDEX)
PREMISE = columns(
    sentence1=("sentence1", "premise"),
    sentence2=("sentence2", "hypothesis"),
    label=("gold_label", "label"),
    index=INDEX,
)

_ALL = (
    Benchmark(
        name="glue/CoLA",
        kind="single",
        labels=("unacceptable", "acceptable"),
        metrics=("matthews",),
        splits=TSV,
        read=read_cola,
        row=columns(text=("sentence",), label=("label",), index=INDEX),
        hub="nyu-mll/glue/cola",
        folders=("CoLA",),
        submissions={"test": "CoLA.tsv"},
        spelling="number",
    ),
    Benchmark(
        name="glue/SST-2",
        kind="single",
        labels=("negative", "positive"),
        metrics=("accuracy",),
        splits=TSV,
        read=read_tsv,
        row=columns(text=("sentence",), label=("label",), index=INDEX),
        hub="nyu-mll/glue/sst2",
        folders=("SST-2",),
        submissions={"test": "SST-2.tsv"},
        spelling="number",
    ),
    Benchmark(
        name="glue/MRPC",
        kind="pair",
        labels=("not_equivalent", "equivalent"),
        metrics=("accuracy", "f1"),
        splits={
            "train": ("train.tsv", "msr_paraphrase_train.txt"),
            "dev": ("dev.tsv", "dev_ids.tsv"),
            "test": ("test.tsv", "msr_paraphrase_test.txt"),
        },
        read=read_mrpc,
        row=columns(
            sentence1=("#1 String", "sentence1"),
            sentence2=("#2 String", "sentence2"),
            label=("Quality", "label"),
            index=INDEX,
        ),
        hub="nyu-mll/glue/mrpc",
        folders=("MRPC",),
        submissions={"test": "MRPC.tsv"},
        spelling="number",
    ),
    Benchmark(
        name="glue/STS-B",
        kind="regression",
        labels=(),
        metrics=("pearson", "spearman"),
        splits=TSV,
        read=read_tsv,
        row=columns(sentence1=("sentence1",), sentence2=("sentence2",), label=("score", "label"), index=INDEX),
        hub="nyu-mll/glue/stsb",
        folders=("STS-B",),
        submissions={"test": "STS-B.tsv"},
    ),
    Benchmark(
        name="glue/QQP",
        kind="pair",
        labels=("not_duplicate", "duplicate"),
        metrics=("accuracy", "f1"),
        splits=TSV,
        read=read_qqp,
        row=columns(
            sentence1=("question1",),
            sentence2=("question2",),
            label=("is_duplicate", "label"),
            index=("id", "idx"),
        ),
        hub="nyu-mll/glue/qqp",
        folders=("QQP",),
        submissions={"test": "QQP.tsv"},
        spelling="number",
    ),
    Benchmark(
        name="glue/MNLI",
        kind="pair",
        labels=THREE_WAY,
        metrics=("accuracy",),
        splits={
            "train": ("train.tsv",),
            "dev": ("dev_matched.tsv",),
            "dev_mismatched": ("dev_mismatched.tsv",),
            "test": ("test_matched.tsv",),
            "test_mismatched": ("test_mismatched.tsv",),
        },
        read=read_tsv,
        row=PREMISE,
        hub="nyu-mll/glue/mnli",
        folders=("MNLI",),
        submissions={"test": "MNLI-m.tsv", "test_mismatched": "MNLI-mm.tsv"},
        hub_splits={
            "dev": "validation_matched",
            "dev_mismatched": "validation_mismatched",
            "test": "test_matched",
        },
    ),
    Benchmark(
        name="glue/QNLI",
        kind="pair",
        labels=ENTAILMENT,
        metrics=("accuracy",),
        splits=TSV,
        read=read_tsv,
        row=columns(sentence1=("question",), sentence2=("sentence",), label=("label",), index=INDEX),
        hub="nyu-mll/glue/qnli",
        folders=("QNLI",),
        submissions={"test": "QNLI.tsv"},
    ),
    Benchmark(
        name="glue/RTE",
        kind="pair",
        labels=ENTAILMENT,
        metrics=("accuracy",),
        splits=TSV,
        read=read_tsv,
        row=PAIR,
        hub="nyu-mll/glue/rte",
        folders=("RTE",),
        submissions={"test": "RTE.tsv"},
    ),
    Benchmark(
        name="glue/WNLI",
        kind="pair",
        labels=("not_entailment", "entailment"),
        metrics=("accuracy",),
        splits=TSV,
        read=read_tsv,
        row=PAIR,
        hub="nyu-mll/glue/wnli",
        folders=("WNLI",),
        submissions={"test": "WNLI.tsv"},
        spelling="number",
    ),
    Benchmark(
        name="glue/AX",
        kind="pair",
        labels=THREE_WAY,
        metrics=("matthews",),
        splits={"test": ("diagnostic.tsv", "AX.tsv")},
        read=read_tsv,
        row=PREMISE,
        hub="nyu-mll/glue/ax",
        folders=("AX", "diagnostic"),
        submissions={"test": "AX.tsv"},
    ),
    Benchmark(
        name="superglue/BoolQ",
        kind="pair",
        labels=NO_YES,
        metrics=("accuracy",),
        splits=JSONL,
        read=read_jsonl,
        row=columns(sentence1=("question",), sentence2=("passage",), label=("label",), index=INDEX),
        hub="aps/super_glue/boolq",
        folders=("BoolQ",),
        submissions={"test": "BoolQ.jsonl"},
        spelling="lower",
    ),
    Benchmark(
        name="superglue/CB",
        kind="pair",
        labels=("entailment", "contradiction", "neutral"),
        metrics=("accuracy", "f1"),
        splits=JSONL,
        read=read_jsonl,
        row=PREMISE,
        hub="aps/super_glue/cb",
        folders=("CB",),
        submissions={"test": "CB.jsonl"},
    ),
    Benchmark(
        name="superglue/COPA",
        kind="choice",
        labels=(),
        metrics=("accuracy",),
        splits=JSONL,
        read=read_jsonl,
        row=copa_row,
        hub="aps/super_glue/copa",
        folders=("COPA",),
        submissions={"test": "COPA.jsonl"},
    ),
    Benchmark(
        name="superglue/MultiRC",
        kind="pair",
        labels=NO_YES,
        metrics=("f1", "exact_match"),
        splits=JSONL,
        read=read_multirc,
        row=multirc_row,
        hub="aps/super_glue/multirc",
        folders=("MultiRC",),
        submissions={"test": "MultiRC.jsonl"},
        spelling="number",
    ),
    Benchmark(
        name="superglue/ReCoRD",
        kind="choice",
        labels=(),
        metrics=("f1", "exact_match"),
        splits=JSONL,
        read=read_record,
        row=record_row,
        hub="aps/super_glue/record",
        folders=("ReCoRD",),
        submissions={"test": "ReCoRD.jsonl"},
    ),
    Benchmark(
        name="superglue/RTE",
        kind="pair",
        labels=ENTAILMENT,
        metrics=("accuracy",),
        splits=JSONL,
        read=read_jsonl,
        row=PREMISE,
        hub="aps/super_glue/rte",
        folders=("RTE",),
        submissions={"test": "RTE.jsonl"},
    ),
    Benchmark(
        name="superglue/WiC",
        kind="pair",
        labels=NO_YES,
        metrics=("accuracy",),
        splits=JSONL,
        read=read_jsonl,
        row=wic_row,
        hub="aps/super_glue/wic",
        folders=("WiC",),
        submissions={"test": "WiC.jsonl"},
        spelling="lower",
    ),
    Benchmark(
        name="superglue/WSC",
        kind="single",
        labels=NO_YES,
        metrics=("accuracy",),
        splits=JSONL,
        read=read_jsonl,
        row=wsc_row,
        hub="aps/super_glue/wsc.fixed",
        folders=("WSC",),
        submissions={"test": "WSC.jsonl"},
    ),
    Benchmark(
        name="superglue/AX-b",
        kind="pair",
        labels=ENTAILMENT,
        metrics=("matthews",),
        splits={"test": ("AX-b.jsonl",)},
        read=read_jsonl,
        row=PREMISE,
        hub="aps/super_glue/axb",
        folders=("AX-b",),
        submissions={"test": "AX-b.jsonl"},
    ),
    Benchmark(
        name="superglue/AX-g",
        kind="pair",
        labels=ENTAILMENT,
        metrics=("accuracy",),
        splits={"test": ("AX-g.jsonl",)},
        read=read_jsonl,
        row=PREMISE,
        hub="aps/super_glue/axg",
        folders=("AX-g",),
        submissions={"test": "AX-g.jsonl"},
    ),
    Benchmark(
        name="squad/1.1",
        kind="answer",
        labels=(),
        metrics=("exact_match", "f1"),
        splits={"train": ("train-v1.1.json",), "dev": ("dev-v1.1.json",)},
        read=read_squad,
        row=squad_v1_row,
        hub="rajpurkar/squad",
        folders=("squad", "SQuAD"),
        submissions={"dev": "predictions.json"},
    ),
    Benchmark(
        name="squad/2.0",
        kind="answer",
        labels=(),
        metrics=("exact_match", "f1"),
        splits={"train": ("train-v2.0.json",), "dev": ("dev-v2.0.json",)},
        read=read_squad,
        row=squad_v2_row,
        hub="rajpurkar/squad_v2",
        folders=("squad", "SQuAD"),
        submissions={"dev": "predictions.json"},
    ),
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
