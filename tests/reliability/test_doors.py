"""Files that are damaged or hostile, at each door where files come in: they are used, or one sentence says why not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from doors import DOORS
from mutations import BYTES, STRUCTURED, mutate

HERE = Path(__file__).parent
FEW = 25
MANY = 2000


def faults(doors: list[str], count: int, seed: int = 0) -> dict[str, list[dict]]:
    """By door. In a process of its own: one that has threads cannot be forked."""
    places = [HERE, HERE.parent, HERE.parents[1], *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    told = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    env = {**os.environ, **told, "PYTHONPATH": os.pathsep.join(map(str, filter(None, places)))}
    command = [sys.executable, HERE / "fuzz.py", *doors, "--count", str(count), "--seed", str(seed), "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    print(done.stderr[-3000:])
    results = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]
    assert [result["door"] for result in results] == doors
    for result in results:
        print(result["door"], result["counts"])
        assert sum(result["counts"].values()) == count
    return {result["door"]: result["faults"] for result in results if result["faults"]}


CHEAP = (
    *("recipe", "tokenizer of ours", "GGUF", "text", "JSON lines", "CSV", "parquet", "rows of an index", "HTML", "PDF"),
    *("papers", "transcripts"),
    *("aligned files", "audio", "manifest of recordings", "token store, sealed again", "benchmarks", "BEIR"),
    *("config", "safetensors", "safetensors in parts", "tokenizer", "CTranslate2"),
)
"""Doors whose sound files are made without a training."""


def test_a_few_damaged_files_are_used_or_refused():
    assert faults(list(CHEAP), FEW) == {}


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_many_damaged_files_are_used_or_refused(door):
    assert faults([door], MANY // 10 if DOORS[door].slow else MANY) == {}


def test_a_mutation_is_told_again_by_its_number():
    content = b'{"a": [1, {"b": "c"}], "d": null}'
    for name in ("x.json", "x.yaml", "x.jsonl", "x.csv", "x.bin"):
        made = [mutate(name, content, b"other bytes", Random(f"{name} {number}")) for number in range(200)]
        again = [mutate(name, content, b"other bytes", Random(f"{name} {number}")) for number in range(200)]
        assert made == again
        assert len({changed for changed, _ in made} - {content}) > 100
    done = {kind for number in range(500) for kind in mutate("x.json", content, b"other", Random(number))[1]}
    assert done >= {kind.__name__ for kind in (*BYTES, STRUCTURED["json"])} - {"splice"}
