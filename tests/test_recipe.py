"""Recipes: read, located, overridden, written whole and read again to the same value."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from langue.errors import LangueError
from langue.models import PRESETS, ModelConfig
from langue.recipe import changes_between, write_recipe
from langue.tasks.recipes import read_recipe

MINIMAL = "task: generate\ndata: {train: text.txt}\n"


def write(folder: Path, content: str = MINIMAL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_task_and_training_data_are_all_that_must_be_said(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path))
    assert recipe.training.steps == 2000
    assert recipe.data.dev == 0.1
    with pytest.raises(LangueError, match=r"recipe\.yaml: data\.train is missing"):
        read_recipe(write(tmp_path, "task: generate\ndata: {}\n"))
    with pytest.raises(LangueError, match=r"recipe\.yaml: task is missing"):
        read_recipe(write(tmp_path, "data: {train: a}\n"))
    assert read_recipe(write(tmp_path, "task: generate\n"), {"data.train": "embedded"}).data.train == "embedded"


def test_what_would_stand_in_a_file_is_as_good_as_the_file(tmp_path: Path) -> None:
    content = {"task": "generate", "data": {"train": "text.txt"}, "model": {"preset": "lstm-nano"}}
    assert read_recipe(content, {"training.steps": "7"}) == read_recipe(
        write(tmp_path, yaml.safe_dump(content)), {"training.steps": "7"}
    )
    with pytest.raises(LangueError, match=r"^the recipe: unknown key modle; did you mean model\?"):
        read_recipe(content | {"modle": {}})


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        ("trianing: {}", {}, r"recipe\.yaml: unknown key trianing; did you mean training\?"),
        (
            "training: {learning_rte: 1}",
            {},
            r"recipe\.yaml: unknown key training\.learning_rte; did you mean learning_rate",
        ),
        ("model: {layer: 3}", {}, r"recipe\.yaml: unknown key model\.layer; did you mean layers\?"),
        ("model: {preset: gpt-nan}", {}, r"recipe\.yaml: model: there is no preset 'gpt-nan'; did you mean gpt-nano\?"),
        ("model: {width: 30, heads: 4}", {}, r"width 30 cannot be shared out among 4 heads"),
        ("training: {steps: many}", {}, r"training\.steps: .*got 'many'"),
        ("", {"training.step": "3"}, r"^--training\.step: unknown key training\.step; did you mean steps\?"),
        ("", {"training.steps": "0"}, r"^--training\.steps: training\.steps: .*greater than or equal to 1, got 0"),
        ("", {"data.dev": "1.5"}, r"a share of the training text must be at least 0 and below 1"),
        ("", {"task": "translat"}, r"^--task: there is no task 'translat'; did you mean translate\?"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, changes: dict[str, str], said: str) -> None:
    with pytest.raises(LangueError, match=said):
        read_recipe(write(tmp_path, f"{MINIMAL}{content}\n"), changes)


def test_a_preset_fills_in_what_is_not_given(tmp_path: Path) -> None:
    path = write(tmp_path, f"{MINIMAL}model: {{preset: lstm-nano, layers: 2, dropout: 0.5}}\n")
    expected = ModelConfig(**{**PRESETS["lstm-nano"], "layers": 2, "dropout": 0.5})
    assert read_recipe(path).model.architecture() == expected
    assert read_recipe(path).model.preset == "lstm-nano"


def test_a_seq2seq_may_have_an_encoder_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, f"{MINIMAL}model: {{form: seq2seq, encoder: {{layers: 1}}}}\n")
    assert read_recipe(path).model.encoder_config().layers == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_a_written_recipe_says_everything_and_is_read_to_the_same_value(tmp_path: Path, preset: str) -> None:
    path = write(tmp_path, f"{MINIMAL}model: {{preset: {preset}}}\ntokenizer: {{kind: char}}\n")
    recipe = read_recipe(path, {"training.learning_rate": "3e-5", "data.test": "[a.txt, hf:b/c]"})
    write_recipe(recipe, tmp_path / "again.yaml")
    assert read_recipe(tmp_path / "again.yaml") == recipe
    content = yaml.safe_load((tmp_path / "again.yaml").read_text())
    optional = ("task", "adapt", "distill")
    for section, kind in ((name, type(getattr(recipe, name))) for name in content if name not in optional):
        assert set(content[section]) == set(kind.model_fields)


def test_another_preset_can_take_the_place_of_a_written_one(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, f"{MINIMAL}model: {{preset: lstm-nano, dropout: 0.5, context: 32}}\n"))
    write_recipe(recipe, tmp_path / "again.yaml")
    other = read_recipe(tmp_path / "again.yaml", {"model.preset": "gpt-nano"}).model
    assert other.architecture() == ModelConfig(**{**PRESETS["gpt-nano"], "dropout": 0.5, "context": 32})


def test_data_are_looked_for_here_and_then_beside_the_recipe(tmp_path: Path, monkeypatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    path = write(there, "task: generate\ndata: {train: [both.txt, one.txt, '*.csv', none.txt], dev: hf:a/b}\n")
    here.mkdir()
    for file in (here / "both.txt", there / "both.txt", there / "one.txt", there / "x.csv"):
        file.touch()
    monkeypatch.chdir(here)
    data = read_recipe(path).data
    assert data.train == [str(here / "both.txt"), str(there / "one.txt"), str(there / "*.csv"), "none.txt"]
    assert data.dev == "hf:a/b"


def test_weighted_sources_folders_and_names_are_located_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "embedded").touch()
    path = write(tmp_path / "r", "task: generate\ndata: {train: {folder: 2, embedded: 1}}\ntokenizer: {path: folder}\n")
    recipe = read_recipe(path)
    assert recipe.data.train == {str(tmp_path / "folder"): 2.0, "embedded": 1.0}
    assert recipe.tokenizer.path == tmp_path / "folder"


def test_the_files_of_an_environment_are_located_as_data_are(tmp_path: Path, monkeypatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    environment = "{name: Langue/Write-v0, prompts: p.txt, verifier: {kind: reward, path: judge}, reply: p.txt}"
    dev = "{name: Langue/Translate-v0, data: hf:a/b, reward: {embedder: e}, tokenizer: none}"
    path = write(there, f"task: play\nplay: {{environment: {environment}, dev: {dev}, reward: 'exact'}}\n")
    for file in (there / "p.txt", there / "judge", here / "e", there / "e", there / "exact"):
        file.touch()
    monkeypatch.chdir(here)
    play = read_recipe(path).play
    judge = {"kind": "reward", "path": str(there / "judge")}
    expected = {"name": "Langue/Write-v0", "prompts": str(there / "p.txt"), "verifier": judge, "reply": "p.txt"}
    assert play.environment == expected
    assert play.dev == {
        "name": "Langue/Translate-v0", "data": "hf:a/b", "reward": {"embedder": str(here / "e")}, "tokenizer": "none"
    }  # fmt: skip
    assert play.reward == "exact"
    texts = read_recipe(write(there, "task: play\nplay: {environment: {name: Langue/Write-v0, prompts: [e]}}\n")).play
    assert texts.environment["prompts"] == ["e"]
    named = read_recipe(path, {"play.environment": "mine:Guess", "play.reward": "{embedder: e}"}).play
    assert (named.environment, named.reward) == ("mine:Guess", {"embedder": str(here / "e")})


def test_changes_are_found_by_dotted_name(tmp_path: Path) -> None:
    old = read_recipe(write(tmp_path))
    new = read_recipe(write(tmp_path), {"training.steps": "7", "model.layers": "9", "data.dev": "null"})
    assert changes_between(old, new) == {"training.steps": (2000, 7), "model.layers": (4, 9), "data.dev": (0.1, None)}
    assert changes_between(old, old) == {}
