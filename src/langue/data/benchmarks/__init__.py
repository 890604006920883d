"""Benchmarks: GLUE, SuperGLUE and SQuAD in their own file layouts, as rows under Langue's column names; and BEIR."""

from langue.data.benchmarks.beir import SearchSet, is_beir, read_beir
from langue.data.benchmarks.benchmark import Benchmark
from langue.data.benchmarks.rows import from_rows, hub_name, read_benchmark
from langue.data.benchmarks.submission import submission_name, write_submission
from langue.data.benchmarks.table import BENCHMARKS, find_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "SearchSet",
    "find_benchmark",
    "from_rows",
    "hub_name",
    "is_beir",
    "read_beir",
    "read_benchmark",
    "submission_name",
    "write_submission",
]
