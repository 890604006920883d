"""Run folders as training leaves them, written by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from langue.files.metric_rows import write_line
from langue.report.result import MemberResult, RaceResult, write_result


def write_run(
    folder: Path, *, steps: int = 40, floor: float = 2.0, preset: str = "gpt-nano", text: str = "To be"
) -> Path:
    (folder / "model").mkdir(parents=True)
    recipe = {"task": "generate", "model": {"preset": preset, "context": 64}, "training": {"steps": steps, "seed": 0}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "environment.json").write_text(json.dumps({"torch": "2.13.0", "packages": {"numpy": "2.1"}}))
    weights = {"a": np.zeros((3, 5), np.float32), "b": np.zeros(7, np.float32)}
    save_file(weights, folder / "model" / "model.safetensors", metadata={"format": "langue"})
    rows = []
    for step in range(1, steps + 1):
        loss = floor + 2 * math.exp(-step / 10)
        known = {"step": step, "loss": loss, "seconds": step * 0.5, "tokens": step * 1000}
        rows.append(
            {**known, "split": "train", "tokens_per_second": 2000.0, "learning_rate": 1e-3, "gradient_norm": 1.0}
        )
        if step % 4 == 0:
            rows.append({**known, "split": "dev", "bits_per_byte": loss / math.log(2), "sample": text})
    (folder / "metrics.jsonl").write_bytes(b"".join(map(write_line, rows)))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "my-run")


@pytest.fixture
def race(tmp_path: Path) -> Path:
    folder, members = tmp_path / "race", []
    for place, name in enumerate(("mlp-nano", "gpt-nano")):
        write_run(folder / name, floor=2.0 - place, preset=name)
        members.append(
            MemberResult(
                name=name,
                run=name,
                parameters=22,
                steps=40,
                tokens=40_000,
                seconds=20.0,
                tokens_per_second=2000.0 / (place + 1),
                bits_per_byte=3.0 - place,
                positions=tuple(4.0 - place * position / 32 for position in range(32)),
                sample=" and <b>so</b> on",
            )
        )
    write_result(
        folder,
        RaceResult(
            data="words", budget="20 s", machine="a machine", tokenizer="char", prompt="Go", members=tuple(members)
        ),
    )
    return folder
