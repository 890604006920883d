"""Bad input: one sentence on stderr that says what is wrong, exit status 2, and nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from langue import cli
from ready_python import ready_python
from tiny import RECIPE, text, write_tiny


def everything(folder: Path) -> dict[str, bytes | None]:
    """Each file under a folder with its content, hidden ones too."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


def complain(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail as it should, and return its sentence."""
    before = everything(folder)
    capsys.readouterr()
    assert cli.run(arguments) == 2
    printed = capsys.readouterr()
    assert everything(folder) == before
    assert printed.out == ""
    sentence = printed.err.splitlines()[-1]
    assert sentence.startswith("langue: ")
    assert printed.err.count("langue: ") == 1
    assert "Traceback" not in printed.err
    return sentence


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder with the tiny recipe, its text, a finished run and a token store."""
    folder = tmp_path_factory.mktemp("prepared")
    recipe = write_tiny(folder)
    assert cli.run(["train", str(recipe), "--out", str(folder / "run"), "--training.steps", "2", "--no-report"]) == 0
    store = ["data", "prepare", str(folder / "text.txt"), "--tokenizer", str(folder / "run")]
    assert cli.run([*store, "--out", str(folder / "store")]) == 0
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch) -> Path:
    """A working directory of a test's own, with the recipe and odd files."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text(" \n\n\t\n")
    (tmp_path / "binary.txt").write_bytes(np.random.default_rng(0).bytes(20_000))
    noise = np.random.default_rng(1).integers(128, 256, 20_000, dtype=np.uint8)
    noise[::80] = ord("\n")
    (tmp_path / "noise.txt").write_bytes(noise.tobytes())
    (tmp_path / "short.txt").write_text("the the the the")
    (tmp_path / "greek.txt").write_text("ἄνδρα μοι ἔννεπε μοῦσα πολύτροπον\n" * 50)
    (tmp_path / "wrong.yaml").write_text(RECIPE.replace("steps", "setps"))
    (tmp_path / "type.yaml").write_text(RECIPE.replace("steps: 8", "steps: eight"))
    (tmp_path / "broken.yaml").write_text("task: [generate\n")
    (tmp_path / "binary.yaml").write_bytes(b"\x00\xff\xfe")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = [
    # a missing file
    (["none.yaml"], "none.yaml does not exist"),
    (["recipe.yaml", "--data.train", "none.txt"], "there is no file none.txt"),
    (["recipe.yaml", "--data.train", "*.md"], "no file matches *.md"),
    (["recipe.yaml", "--data.dev", "none.txt"], "there is no file none.txt"),
    (["recipe.yaml", "--data.test", "none.txt"], "there is no file none.txt"),
    (["recipe.yaml", "--tokenizer.path", "none"], "none"),
    (["recipe.yaml", "--start-from", "none"], "there is no folder /"),
    (["recipe.yaml", "--model.path", "none"], "there is no folder none"),
    # a wrong key
    (["wrong.yaml"], "wrong.yaml: unknown key training.setps; did you mean steps?"),
    (["recipe.yaml", "--training.stps", "3"], "--training.stps: unknown key training.stps; did you mean steps?"),
    (["recipe.yaml", "--modle.layers", "3"], "--modle.layers: unknown key modle; did you mean model?"),
    # a wrong type or value
    (["type.yaml"], "type.yaml: training.steps: input should be a valid integer"),
    (["recipe.yaml", "--training.steps", "many"], "got 'many'"),
    (["recipe.yaml", "--training.schedule", "cosin"], "training.schedule: input should be 'cosine'"),
    (["recipe.yaml", "--training.device", "cuda:99"], "device cuda:99 is not to be had here"),
    (["recipe.yaml", "--model.preset", "gpt-nno"], "there is no preset 'gpt-nno'; did you mean gpt"),
    (["recipe.yaml", "--model.heads", "3"], "width 16 cannot be shared out among 3 heads"),
    (["recipe.yaml", "--task", "translat"], "--task: "),
    (["broken.yaml"], "broken.yaml, line 2 is not valid YAML"),
    (["binary.yaml"], "binary.yaml"),
    (["."], "is a folder; name the recipe in it"),
    # an empty corpus
    (["recipe.yaml", "--data.train", "empty.txt"], "there is no text in"),
    (["recipe.yaml", "--data.train", "blank.txt"], "there is no text in"),
    # binary garbage
    (["recipe.yaml", "--data.train", "binary.txt"], "binary.txt is not a text file: it holds NUL bytes"),
    (["recipe.yaml", "--data.train", "noise.txt"], "noise.txt"),
    # a corpus shorter than the context
    (["recipe.yaml", "--data.train", "short.txt"], "too few for a context of 16"),
    (["recipe.yaml", "--model.context", "3999"], "too few for a context of 3999"),
    (["recipe.yaml", "--model.width", "2000000"], "of memory, but cpu has"),
    # a tokenizer that does not fit the data
    (["recipe.yaml", "--data.train", "greek.txt", "--tokenizer.path", "run"], "does not fit"),
    (["recipe.yaml", "--data.train", "store"], "name its tokenizer"),
    # a vocabulary larger than the model's
    (["recipe.yaml", "--model.vocab_size", "7"], "but model.vocab_size is 7"),
    # an out folder that is taken
    (["recipe.yaml", "--out", "run"], "holds a run; go on with it by --resume"),
    (["recipe.yaml", "--out", "store"], "is not empty; choose another --out"),
    (["recipe.yaml", "--out", "file"], "is a file"),
    (["recipe.yaml", "--resume"], "holds no run to go on with; leave out --resume"),
    (["recipe.yaml", "--out", "run", "--resume"], "data.train was "),
    (["recipe.yaml", "--samples.prompt", "Q"], "samples.prompt 'Q' has characters that do not occur"),
]


@pytest.mark.parametrize(("arguments", "said"), TRAIN, ids=[" ".join(arguments) for arguments, _ in TRAIN])
def test_train(arguments: list[str], said: str, here: Path, capsys) -> None:
    out = [] if "--out" in arguments else ["--out", "new/folder"]
    assert said in complain(["train", *arguments, *out], here, capsys)


OTHERS = [
    (["tokenizer", "train", "none.txt", "--out", "new"], "none.txt"),
    (["tokenizer", "train", "empty.txt", "--out", "new"], "no text"),
    (["tokenizer", "train", "binary.txt", "--out", "new"], "NUL bytes"),
    (["tokenizer", "train", "text.txt", "--out", "new", "--vocab-size", "3"], "vocab_size 3 is too small"),
    (["tokenizer", "train", "text.txt", "--out", "new", "--kind", "bype"], "--kind"),
    (["data", "prepare", "none.txt", "--tokenizer", "run", "--out", "new"], "none.txt"),
    (["data", "prepare", "empty.txt", "--tokenizer", "run", "--out", "new"], "no text"),
    (["data", "prepare", "noise.txt", "--tokenizer", "run", "--out", "new"], "noise.txt"),
    (["data", "prepare", "greek.txt", "--tokenizer", "run", "--out", "new"], "does not fit"),
    (["data", "prepare", "text.txt", "--tokenizer", "none", "--out", "new"], "none"),
    (["data", "prepare", "text.txt", "--tokenizer", "run", "--out", "store"], "store already exists"),
    (["data", "verify", "run"], "holds no token store"),
    (["generate", "none", "the"], "none"),
    (["generate", "store", "the"], "store"),
    (["generate", "run", "Q"], "does not know 'Q'"),
    (["generate", "run", "the", "--temperature", "-1"], "temperature"),
    (["evaluate", "run", "--data", "none.txt"], "none.txt"),
    (["evaluate", "run", "--data", "empty.txt"], "no text"),
    (["evaluate", "none", "--data", "text.txt"], "none"),
]


@pytest.mark.parametrize(("arguments", "said"), OTHERS, ids=[" ".join(arguments) for arguments, _ in OTHERS])
def test_other_verbs(arguments: list[str], said: str, here: Path, capsys) -> None:
    assert said in complain(arguments, here, capsys)


@pytest.mark.parametrize("arguments", [TRAIN[1][0], TRAIN[8][0]], ids=["missing file", "wrong key"])
def test_the_command_itself(arguments: list[str], here: Path) -> None:
    before = everything(here)
    code = "from langue.cli import main; main()"
    done = subprocess.run(
        [*ready_python(), "-c", code, "train", *arguments, "--out", "new"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("langue: ")
    assert everything(here) == before


def test_a_damaged_model_is_named(here: Path, capsys) -> None:
    path = here / "run" / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    assert "is damaged: model.safetensors" in complain(["generate", "run", "the"], here, capsys)


def test_a_text_that_is_long_enough_passes(here: Path) -> None:
    (here / "enough.txt").write_text(text(40), encoding="utf-8")
    assert cli.run(["train", "recipe.yaml", "--data.train", "enough.txt", "--out", "new", "--no-report"]) == 0
