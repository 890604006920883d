"""A run goes out as the family that it began from, as long as that can be known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import transformers
from tests.hub.published import CASES, save
from tests.hub.test_family_tokenizers import xlm_r

from langue import cli
from langue.experiment import train
from langue.tasks.recipes import read_recipe

RECIPE = """\
task: classify
data: {train: rows.csv, dev: 0.2, test: null}
classify: {pooling: first, dense: tanh}
training: {steps: 2, batch_size: 4, evaluate_every: 2, device: cpu}
"""


def test_a_trained_xlm_r_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = xlm_r()
    name, fields = CASES["xlm-r words"]
    monkeypatch.setitem(CASES, "this", (name, {**fields, "vocab_size": len(tokenizer)}))
    save("this", tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    rows = [f"the {'quick' if n % 2 else 'lazy'} fox,{'yes' if n % 2 else 'no'}" for n in range(20)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert cli.run(["import", "base", "imported"]) == 0
    for start in ("base", "imported"):
        train(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / f"run-{start}", start_from=tmp_path / start)
        assert cli.run(["export", f"run-{start}", f"out-{start}"]) == 0
        again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / f"out-{start}")
        assert type(again).__name__ == "XLMRobertaForSequenceClassification"
    shutil.rmtree(tmp_path / "base")
    assert cli.run(["export", "run-base", "later"]) == 0
    assert json.loads((tmp_path / "later" / "config.json").read_text())["model_type"] == "roberta"
