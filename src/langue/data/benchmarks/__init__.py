"""Benchmarks: GLUE, SuperGLUE and SQuAD in their own file layouts, as rows under Langue's column names."""

from langue.data.benchmarks.benchmark import Benchmark
from langue.data.benchmarks.rows import from_rows, hub_name, read_benchmark
from langue.data.benchmarks.submission import submission_name, write_submission
from langue.data.benchmarks.table import BENCHMARKS, find_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "find_benchmark",
    "from_rows",
    "hub_name",
    "read_benchmark",
    "submission_name",
    "write_submission",
]
