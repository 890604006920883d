"""`langue push`: what goes to the hub is a model, its tokenizer and its card, and comes back as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import langue
from langue import cli
from langue.experiment.card_head import in_yaml
from local_hub import LocalHub, local_hub
from tiny import RECIPE, write_tiny

MORE = """\
card: {license: cc-by-4.0, language: [en, de]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a model that Hugging Face has no class for, with test data."""
    folder = tmp_path_factory.mktemp("secret-place")
    recipe = write_tiny(folder, RECIPE.replace("dev: 0.1", "dev: 0.1, test: text.txt") + MORE)
    options = ["--model.layers", "[{mixer: gru}, {mixer: attention}]", "--no-report"]
    assert cli.run(["train", str(recipe), "--out", str(folder / "run"), *options]) == 0
    return folder / "run"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as hub:
        yield hub


def head_of(card: str) -> dict:
    return yaml.safe_load(card.partition("---\n")[2].partition("\n---\n")[0])


def push(hub: LocalHub, run: Path, home: Path, *options: str, token: str = "hf_mine") -> tuple[int, str, str]:
    command = ["-m", "langue", "push", str(run), "hf:me/tiny", "--format", "langue", *options]
    done = hub.run(*command, home=home, HF_TOKEN=token)
    return done.returncode, done.stdout, done.stderr


def test_a_model_that_was_pushed_comes_back(hub: LocalHub, run: Path, tmp_path: Path) -> None:
    status, printed, said = push(hub, run, tmp_path, "--private")
    assert status == 0, said
    assert printed.splitlines()[-1] == f"http://127.0.0.1:{hub.port}/me/tiny"
    files = hub.repositories["me/tiny"]
    assert hub.private == {"me/tiny"}
    assert set(files) - {".gitattributes"} == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "manifest.json"
    }  # fmt: skip
    assert [line.split()[0] for line in printed.splitlines()[1:-1]] == sorted(files)
    assert not any(b"secret-place" in content for content in files.values())

    write = "import sys, langue; print(langue.load(sys.argv[1]).generate('the ', max_tokens=12, temperature=0))"
    done = hub.run("-c", write, "hf:me/tiny", home=tmp_path / "elsewhere", HF_TOKEN="hf_mine")
    assert done.stdout.removesuffix("\n") == langue.load(run).generate("the ", max_tokens=12, temperature=0), (
        done.stderr
    )


def test_the_card_says_what_the_hub_asks_for(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.run(["push", str(run), "hf:me/tiny", "--format", "langue", "--dry-run", "--language", "fr"]) == 0
    printed = capsys.readouterr().out
    card = printed[printed.index("---\n") :]
    head, own = head_of(card), head_of((run / "README.md").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    test = next(row for row in rows if row["split"] == "test")
    measured = {name: test[name] for name in ("loss", "perplexity", "bits_per_byte")}
    index = own["model-index"][0]
    assert (own["license"], own["language"], head["language"]) == ("cc-by-4.0", ["en", "de"], ["fr"])
    assert (index["name"], head["model-index"][0]["name"]) == ("run", "tiny")
    assert own["metrics"] == ["perplexity", "bits_per_byte"]
    assert {row["type"]: row["value"] for row in index["results"][0]["metrics"]} == measured
    assert index["results"][0]["dataset"] == {"name": "text.txt", "type": "text.txt", "split": "test"}
    assert own["tags"] == ["langue", "gru", "attention", "decoder"]
    assert "langue generate hf:me/tiny" in card
    assert re.search(r"^# tiny$", card, re.MULTILINE)
    assert "report.html" not in card


def test_without_huggingface_hub_the_head_is_the_same_but_for_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    result = dict.fromkeys(("task_type", "dataset_type", "dataset_name", "metric_type"), "x") | {"metric_value": 1.0}
    fields = {"license": "mit", "language": None, "tags": ["a: b"], "model_name": "m", "eval_results": [result]}
    whole = yaml.safe_load(in_yaml(fields))
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    assert yaml.safe_load(in_yaml(fields)) == {"license": "mit", "tags": ["a: b"]}
    assert whole.pop("model-index")[0]["name"] == "m"
    assert whole == {"license": "mit", "tags": ["a: b"]}


def test_what_cannot_be_pushed_is_said_and_nothing_goes(hub: LocalHub, run: Path, tmp_path: Path) -> None:
    hub.repositories["me/tiny"] = {}
    status, _, said = push(hub, run, tmp_path, "--private")
    assert (status, said) == (2, "langue: hf:me/tiny is there already and public, so nothing was sent\n")
    status, _, said = push(hub, run, tmp_path, token="")
    assert (status, said.count("\n")) == (2, 1)
    assert said == "langue: hf:me/tiny cannot be written: log in by `hf auth login`, or set HF_TOKEN\n"
    assert hub.repositories == {"me/tiny": {}}


def test_places_and_formats_are_checked_before_anything_else(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("me/tiny", "hf:tiny", "hf:me/tiny/x", "hf:me/tiny@main", "runs/copy"):
        assert cli.run(["push", str(run), target]) == 2
        assert capsys.readouterr().err == f"langue: {target} is no place on Hugging Face's hub; write hf:OWNER/NAME\n"
    assert cli.run(["push", str(run), "hf:me/tiny"]) == 2
    assert "write it with --format onnx or langue" in capsys.readouterr().err
    assert cli.run(["push", str(run / "model"), "hf:me/tiny"]) == 2
    assert "holds no README.md that could be the model's card" in capsys.readouterr().err
