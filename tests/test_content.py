"""JSON and YAML of settings: what is damaged or hostile is one sentence, at once and in little memory."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import langue
from langue.content import DEEPEST, parse_json, read_json, read_yaml
from langue.data.store import TokenStore, manifest_digest
from langue.errors import LangueError
from langue.experiment import train
from langue.files.metric_rows import write_line
from langue.report import write_report
from langue.report.record import read_record
from langue.report.result import read_result
from langue.search.store import read_manifest
from langue.tasks.recipes import read_recipe
from langue.training.checkpoint import load, verify
from tiny import write_tiny

STEPS = list(pairwise("abcdefghi"))
LAUGHS = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in STEPS)
MERGES = "a: &a {x: 1}\n" + "".join(f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in STEPS)
HOSTILE = {
    "itself": "task: &a [*a]\n",
    "itself by name": "data: &a {train: *a}\n",
    "laughs": LAUGHS,
    "merges": MERGES,
    "deep flow": "data: " + "[" * 3000,
    "deep closed": "data: " + "[" * 3000 + "]" * 3000,
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(1500)),
    "400 digits": f"task: generate\ndata: {{train: x}}\ntraining: {{steps: {'9' * 400}}}\n",
    "5000 digits": f"training: {{steps: {'9' * 5000}}}\n",
    "no date": "task: 2024-13-45\n",
    "twice": "task: generate\ntask: fill\n",
    "binary": "task: !!binary '*'\n",
    "no truth value": "task: !!bool maybe\n",
    "no time": "task: !!timestamp x\n",
    "list key": "? [a]\n: b\n",
    "number key": "1: 2\n",
    "null byte": 'task: generate\ndata: {train: "a\\0b"}\nmodel: {preset: [x]}\n',
    "preset": "task: generate\ndata: {train: x}\nmodel: {preset: {a: b}}\n",
    "nan": "task: generate\ndata: {train: x}\ntraining: {seconds: .inf}\n",
    "long name": "task: generate\ndata: {train: " + "x" * 5000 + "}\nmodle: 1\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_one_sentence_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(HOSTILE[name])
    begun = time.process_time()
    with pytest.raises(LangueError, match=r"recipe\.yaml") as caught:
        read_recipe(path)
    assert time.process_time() - begun < 5
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_aliases_and_merges_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("usual: &usual {a: 1, b: 2}\nmine: {<<: *usual, b: 3}\nlist: [*usual, *usual]\n")
    assert read_yaml(path)["mine"] == {"a": 1, "b": 3}


@pytest.mark.parametrize("value", [f"{'[' * 2000}", f"{'9' * 400}", "&a [*a]", "{a: .inf}", "1e400"])
def test_a_hostile_option_is_one_sentence(value: str, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match=r"--training\.steps"):
        read_recipe(write_tiny(tmp_path), {"training.steps": value})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "is not valid JSON"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested too deeply"),
        (f'{{"a": {"9" * 400}}}', "a number in it is too large"),
        (f'{{"a": {2**63}}}', "a number in it is too large"),
        (f'{{"a": {"9" * 5000}}}', "a number in it is too large"),
        ('{"a": 1e999}', "a number in it is too large"),
        ('{"a": Infinity}', "Infinity is no number"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ("[1]", "holds no settings"),
        ("", "is not valid JSON"),
        ("\ufeff{}", "is not valid JSON"),
    ],
)
def test_hostile_json_is_one_sentence(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LangueError, match=rf"a\.json is damaged: .*{said}"):
        read_json(path)


def test_what_is_right_is_read_as_json_reads_it(tmp_path: Path) -> None:
    content = {"a": [1, -(2**62), 1.5, None, True, "é\u2028"], "b": {"c": {}}}
    assert parse_json(json.dumps(content), "x") == content
    deep = json.loads("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))
    assert parse_json(json.dumps({"a": deep}), "x") == {"a": deep}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["gpt-nano", "*"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["task", "data", "model", "training", "tokenizer", "classify", "samples", "embed", "masking"])
fields = st.sampled_from(["train", "dev", "preset", "layers", "steps", "kind", "path", "encoder", "columns", "freeze"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names, values | st.dictionaries(fields, values, max_size=3), max_size=4))
def test_whatever_a_recipe_holds_it_is_one_or_a_sentence(tmp_path_factory, content) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=False), encoding="utf-8")
    with suppress(LangueError):
        read_recipe(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run, which no test changes."""
    folder = tmp_path_factory.mktemp("content")
    return train(read_recipe(write_tiny(folder)), folder / "run", report=False).folder.path


def copy_of(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_beside_a_model_is_one_sentence(name: str, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    (copy / "recipe.yaml").write_text(HOSTILE[name])
    with pytest.raises(LangueError, match=r"recipe\.yaml"):
        langue.load(copy)
    with suppress(LangueError):  # a page can be drawn of a recipe that nobody can train by
        write_report(copy)


@pytest.mark.parametrize("name", ["environment.json", "model/config.json", "model/labels.json", "model/reading.json"])
@pytest.mark.parametrize("content", ["[" * 5000, f'{{"layers": {"9" * 400}}}', '{"width": Infinity}', "\x00", '"x"'])
def test_every_json_file_of_a_run_is_read_within_bounds(name: str, content: str, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    (copy / name).write_text(content)
    with pytest.raises(LangueError, match=name.rpartition("/")[2]):
        write_report(copy) if name == "environment.json" else langue.load(copy)


@pytest.mark.parametrize(
    "row",
    [
        {"step": 9, "split": "dev", "loss": [1]},
        {"step": 9, "split": "dev", "loss": "low"},
        {"step": 9, "split": ["dev"], "loss": 1.0},
        {"step": 9, "split": "dev", "sample": 5},
        {"step": 9, "split": "train", "tokens": {}},
        {"step": 10**400, "split": "train"},
    ],
)
def test_odd_rows_of_metrics_are_named(row, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    with (copy / "metrics.jsonl").open("ab") as file:
        file.write(write_line(row))
    with pytest.raises(LangueError, match=r"metrics\.jsonl is damaged: "):
        write_report(copy)


@pytest.mark.parametrize("row", [{"step": "1"}, {"step": 1.5}, {"step": None}, {"split": "dev", "loss": 1.0}])
def test_rows_of_no_step_are_left_out_with_a_word(row, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    with (copy / "metrics.jsonl").open("ab") as file:
        file.write(write_line(row))
    with pytest.warns(UserWarning, match="damaged and left out"):
        write_report(copy)


def test_numbers_that_could_not_be_measured_are_none(run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    with (copy / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 9, "split": "dev", "loss": None, "seconds": float("nan")}))
    assert read_record(copy).best()["step"] <= 8
    write_report(copy)


@pytest.mark.parametrize("length", [2**62, 2**31, 10, 0])
def test_a_hostile_header_of_weights_is_named(length: int, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path)
    weights = copy / "model" / "model.safetensors"
    weights.write_bytes(length.to_bytes(8, "little") + weights.read_bytes()[8:])
    with pytest.raises(LangueError, match=r"model\.safetensors is damaged"):
        write_report(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["tokenizer"].update(end=float("inf")),
        lambda m: m.update(tokens=float("inf")),
        lambda m: m.update(tokens="12"),
        lambda m: m.update(documents=-1),
        lambda m: m["text"].update(bytes=10**400),
        lambda m: m["text"].update(characters=None),
        lambda m: m["shards"][0].update(name="../../model/x"),
        lambda m: m["shards"][0].update(more=1),
        lambda m: m.update(shards=5),
        lambda m: m.update(dtype="object"),
        lambda m: m.pop("tokenizer"),
    ],
)
def test_a_hostile_manifest_of_tokens_is_one_sentence(change, run: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(run / "data" / "train", tmp_path / "store"))
    manifest = json.loads((store / "manifest.json").read_text())
    change(manifest)
    manifest["sha256"] = manifest_digest(manifest)
    (store / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LangueError, match=r"manifest\.json"):
        TokenStore.open(store)


@pytest.mark.parametrize("content", ["[" * 5000, "{}", '{"step": Infinity}', f'{{"step": {"9" * 400}}}'])
def test_a_hostile_state_or_manifest_of_a_checkpoint_is_one_sentence(content: str, run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path) / "checkpoints" / "step-00000008"
    (copy / "manifest.json").write_text(content)
    with pytest.raises(LangueError, match=r"manifest\.json"):
        verify(copy)
    with pytest.raises(LangueError, match="step-00000008"):
        load(copy)


@pytest.mark.parametrize("content", ["[" * 5000, '{"documents": Infinity}', f'{{"documents": {"9" * 400}}}', "5"])
def test_a_hostile_manifest_of_an_index_or_a_race_is_one_sentence(content: str, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="here"):
        read_manifest(content, "here")
    (tmp_path / "race.json").write_text(content)
    with pytest.raises(LangueError, match=r"race\.json"):
        read_result(tmp_path)
