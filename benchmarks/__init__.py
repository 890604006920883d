"""Benchmarks: what Langue reaches beside its peers, each measured in the same run on the same machine.

`python -m benchmarks` runs all, `python -m benchmarks step_speed` one, `--quick` a short trial that records nothing.
What was measured lies in `results/`, with machine and commit, and as tables in `docs/benchmarks.md`.
"""
