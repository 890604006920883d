"""Names go wherever a model or a tokenizer goes, and nothing is fetched but what is named by `hf:`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch
import transformers
from tests.hub.published import GPT2

import langue
from langue import cli
from langue.data.sources import find_sources
from langue.errors import LangueError
from langue.evaluation.settings import recipe_data
from langue.experiment import train
from langue.experiment.resolve import begin_from
from langue.remote import PLACES, is_name, local
from langue.tasks.recipes import read_recipe
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from local_hub import REVISION, LocalHub, local_hub, run_python
from sentence_folder import save_sentence_folder
from tiny import text, write_tiny
from two_processes import free_port

NAME = "hf:owner/tiny"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A writer with its tokenizer, as Transformers saves them."""
    folder = tmp_path_factory.mktemp("published")
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [text()])
    torch.manual_seed(0)
    config = transformers.GPT2Config(**{**GPT2, "vocab_size": tokenizer.vocab_size}, initializer_range=0.5)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


@pytest.fixture
def cached(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and the cache of a machine without a network that holds the model already."""
    home = tmp_path / "cache" / "models--owner--tiny"
    shutil.copytree(published, home / "snapshots" / REVISION)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(REVISION)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_tiny(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def packaged(cached: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is installed as tiny-model and imported as tiny_weights, which nobody may do."""
    site = cached.parent / "site"
    inside, info = site / "tiny_weights", site / "tiny_model-1.0.dist-info"
    shutil.copytree(published, inside / "model")
    (inside / "model" / "1_Pooling").mkdir()
    (inside / "model" / "1_Pooling" / "config.json").write_text("{}")
    (inside / "__init__.py").write_text("raise SystemExit('this package was run')\n")
    (inside / "rows.txt").write_text(text())
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
    (info / "RECORD").write_text("tiny_weights/__init__.py,,\ntiny_model-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(site))
    return inside


@pytest.mark.parametrize(
    ("NAME", "base"), [(NAME, "owner/tiny"), pytest.param("package:tiny-model", "tiny-model", marks=pytest.mark.slow)]
)
@pytest.mark.usefixtures("packaged")
def test_every_verb_takes_the_name(cached: Path, capsys: pytest.CaptureFixture[str], NAME: str, base: str) -> None:
    short = ["--training.steps", "2", "--samples.max_tokens", "0", "--model.dropout", "0"]
    bare = {"task": "generate", "data": {"train": "text.txt"}, "training": {"batch_size": 2}}
    (cached / "bare.yaml").write_text(json.dumps(bare))
    for command in (
        ["generate", NAME, "the ", "--max-tokens", "3"],
        ["evaluate", NAME, "--data", "text.txt"],
        ["embed", NAME, "the old king"],
        ["export", NAME, "exported"],
        ["import", NAME, "imported"],
        ["inspect", "attention", NAME, "the old king", "--out", "looks.svg"],
        ["tokenizer", "report", NAME, "text.txt"],
        ["data", "prepare", "text.txt", "--tokenizer", NAME, "--out", "store"],
        ["plan", "bare.yaml", "--start-from", NAME],
        ["train", "bare.yaml", *short, "--start-from", NAME, "--out", "run"],
        ["train", "bare.yaml", *short, "--model.path", NAME, "--out", "other"],
        ["train", "recipe.yaml", *short, "--tokenizer.path", NAME, "--out", "third"],
    ):
        assert cli.run(command) == 0, (command, capsys.readouterr().err)
    assert read_recipe("run/recipe.yaml").model.path == Path(NAME)
    assert f"base_model: {base}\n" in Path("run/README.md").read_text()
    more = ["--training.steps", "3", "--training.schedule", "constant"]
    assert cli.run(["train", "bare.yaml", *short, *more, "--start-from", NAME, "--out", "run", "--resume"]) == 2


def test_python_takes_the_name(cached: Path, published: Path) -> None:
    first, second = langue.load(NAME), langue.load(published)
    assert first.generate("the ", max_tokens=8, temperature=0) == second.generate("the ", max_tokens=8, temperature=0)
    assert langue.load(f"{NAME}@main").model.config == second.model.config
    assert Tokenizer.load(NAME).fingerprint == second.tokenizer.fingerprint
    recipe = begin_from(read_recipe({"task": "generate", "data": {"train": "text.txt"}}), NAME)
    assert recipe.model.path == Path(NAME)


def test_a_run_goes_on_by_the_name(cached: Path) -> None:
    content = {"task": "generate", "data": {"train": "text.txt"}, "samples": {"max_tokens": 0}}
    settings = {"batch_size": 2, "schedule": "constant", "checkpoint_every": 1}
    first = read_recipe({**content, "training": {**settings, "steps": 1}})
    train(first, "run", start_from=NAME, report=False)
    longer = read_recipe({**content, "training": {**settings, "steps": 2}})
    assert train(longer, "run", start_from=NAME, resume=True, report=False).step == 2


def test_a_folder_of_that_name_is_not_taken_for_it(cached: Path) -> None:
    (cached / "owner" / "tiny").mkdir(parents=True)
    recipe = read_recipe(
        "recipe.yaml", {"task": "embed", "model.path": NAME, "tokenizer.path": NAME, "embed.teacher": NAME}
    )
    assert recipe.model.path == recipe.tokenizer.path == recipe.embed.teacher == Path(NAME)
    assert recipe_data(NAME, "embed").train == ""  # and not what the recipe in this folder says


@pytest.mark.parametrize("name", ["package:tiny-model", "package:tiny_weights", "package:tiny_weights/model"])
def test_a_model_in_a_package_is_read_and_nothing_of_it_is_run(packaged: Path, published: Path, name: str) -> None:
    assert local(name) == packaged / "model"
    first, second = langue.load(name), langue.load(published)
    assert first.generate("the ", max_tokens=8, temperature=0) == second.generate("the ", max_tokens=8, temperature=0)
    assert Tokenizer.load(name).fingerprint == second.tokenizer.fingerprint
    assert "tiny_weights" not in sys.modules


def test_data_of_a_package(packaged: Path) -> None:
    settings = {"steps": 1, "batch_size": 2}
    recipe = read_recipe({"task": "generate", "data": {"train": "package:tiny-model/rows.txt"}, "training": settings})
    assert find_sources(recipe.data.train)[0].path == packaged / "rows.txt"


def test_of_several_models_in_a_package_one_is_named(packaged: Path) -> None:
    (packaged / "other.gguf").write_bytes(b"GGUF")
    assert local("package:tiny-model/other.gguf") == packaged / "other.gguf"
    assert local("package:tiny-model/model") == packaged / "model"
    with pytest.raises(LangueError, match=r"^package:tiny-model holds model, other.gguf; name one of them, as in "):
        local("package:tiny-model")


def test_an_index_remembers_the_name(cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = tmp_path / "cache" / "models--owner--tiny" / "snapshots" / REVISION
    shutil.rmtree(snapshot)
    save_sentence_folder(tmp_path / "saved")
    shutil.copytree(tmp_path / "saved" / "sentence", snapshot)
    (cached / "docs.txt").write_text("w1 w2 w3\n")
    assert cli.run(["index", "build", "docs.txt", "--kind", "memory", "--out", "index", "--model", NAME]) == 0
    assert cli.run(["index", "search", "index", "w1", "--mode", "dense", "--json"]) == 0
    assert "w1 w2 w3" in capsys.readouterr().out
    assert langue.open_index("index").manifest.model.path == NAME


def test_what_is_not_there_is_one_sentence(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = "it is not in the cache of this machine, and Hugging Face's hub cannot be reached"
    form = "a name on Hugging Face's hub is OWNER/NAME"
    for name, why in (("hf:owner/none", away), ("hf:", form), ("hf:a/b/c", form), (f"{NAME}@other", away)):
        assert cli.run(["generate", name, "x"]) == 2
        assert capsys.readouterr().err == f"langue: {name} cannot be fetched: {why}\n"
    for name in ("package:no_such", "package:pytest", "package:pytest/none"):
        assert cli.run(["generate", name, "x"]) == 2
        said = capsys.readouterr().err
        assert (said.startswith(f"langue: {name}"), said.count("\n")) == (True, 1)
    assert not is_name("owner/tiny")
    assert local("owner/tiny") == Path("owner/tiny")


def test_a_folder_that_is_missing_is_one_nearby_or_a_name(packaged: Path) -> None:
    for run in ("runs/shakespeare", "other", "runs/deep/er"):
        Path(run).mkdir(parents=True)
        (Path(run) / "environment.json").touch()
    for path, meant in (
        ("shakespeare", "did you mean runs/shakespeare?"),
        ("runs/shakespere", "did you mean runs/shakespeare?"),
        ("others", "did you mean other?"),
        ("runs/deep/err", "did you mean runs/deep/er?"),
        ("tiny_weights", "did you mean package:tiny_weights?"),
        ("tiny-model", "did you mean package:tiny-model?"),
        ("owner/tiny", f"name {PLACES}"),
        ("pytest", f"name {PLACES}"),
    ):
        with pytest.raises(LangueError) as raised:
            langue.load(path)
        assert str(raised.value) == f"there is no folder {path}; {meant}"


def test_a_name_without_a_network_is_one_sentence(tmp_path: Path) -> None:
    done = run_python("-m", "langue", "generate", NAME, "x", home=tmp_path, port=free_port())
    why = "it is not in the cache of this machine, and Hugging Face's hub cannot be reached"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"langue: {NAME} cannot be fetched: {why}\n")


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as hub:
        yield hub


FETCH = "import sys; from langue.hub import local; print(local(sys.argv[1]))"


def test_weights_settings_and_modules_are_fetched_and_nothing_else(hub: LocalHub, tmp_path: Path) -> None:
    names = ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "1_Pooling/config.json"]
    others = ["pytorch_model.bin", "modeling_tiny.py", "onnx/config.json", "onnx/model.safetensors", "README.md"]
    others += ["tiny.gguf", "2_Dense/more/config.json", "16bit/model.safetensors"]
    hub.repositories["owner/tiny"] = {name: name.encode() for name in names + others}
    done = hub.run("-c", FETCH, NAME, home=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(names)
    assert hub.fetched == set(names)


def test_of_several_packed_files_one_is_fetched(hub: LocalHub, tmp_path: Path) -> None:
    files = hub.repositories["owner/tiny"] = {name: name.encode() for name in ("README.md", "a.gguf", "b.gguf")}
    done = hub.run("-m", "langue", "generate", NAME, "x", home=tmp_path)
    told = f"langue: owner/tiny has a.gguf, b.gguf; name one of them, as in {NAME}/a.gguf\n"
    assert (done.returncode, done.stderr.splitlines(keepends=True)[-1]) == (2, told)
    done = hub.run("-c", FETCH, f"{NAME}/b.gguf@main", home=tmp_path)
    assert (Path(done.stdout.strip()).name, hub.fetched) == ("b.gguf", {"b.gguf"}), done.stderr

    del files["b.gguf"]
    for _ in range(2):  # the second time from the cache
        done = hub.run("-c", FETCH, NAME, home=tmp_path / "other")
        assert (Path(done.stdout.strip()).name, hub.fetched) == ("a.gguf", {"a.gguf", "b.gguf"}), done.stderr


def test_of_the_adapters_of_languages_that_which_is_named_is_fetched(hub: LocalHub, tmp_path: Path) -> None:
    shared = ["config.json", "vocab.json", "model.safetensors"]
    names = [*shared, "adapter.deu.safetensors", "adapter.fra.safetensors", "adapter.fra.bin"]
    hub.repositories["owner/tiny"] = {name: name.encode() for name in names}
    done = hub.run("-c", FETCH, NAME, home=tmp_path)
    assert hub.fetched == set(shared), done.stderr
    done = hub.run("-c", FETCH, f"{NAME}/adapter.fra.safetensors@main", home=tmp_path)
    assert hub.fetched == {*shared, "adapter.fra.safetensors"}, done.stderr
    place = Path(done.stdout.strip())
    assert (place.name, place.is_file(), (place.parent / "config.json").is_file()) == (
        "adapter.fra.safetensors",
        True,
        True,
    )


def test_what_the_hub_does_not_have_is_said(hub: LocalHub, tmp_path: Path) -> None:
    done = hub.run("-m", "langue", "generate", NAME, "x", home=tmp_path)
    why = "Hugging Face's hub has no such model, or it is private and needs `hf auth login`"
    assert (done.returncode, done.stderr) == (2, f"langue: {NAME} cannot be fetched: {why}\n")
