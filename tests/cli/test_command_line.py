"""The command line's frame: light help, one sentence for a mistake, and fields of recipes as options."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys

import pytest

from langue import __version__, cli
from langue.cli.fields import gather_fields, read_fields
from langue.cli.verbs import VERBS, Verb
from langue.errors import LangueError

HEAVY = {"torch", "numpy", "pydantic", "rich", "cyclopts", "tokenizers", "yaml", "pyarrow", "matplotlib"}


def use_verb(monkeypatch: pytest.MonkeyPatch, name: str, function: object) -> None:
    """Put a verb of this test's own in the table."""
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "verb_under_test", function, raising=False)
    monkeypatch.setitem(VERBS, name, Verb(f"{__name__}:verb_under_test", "a verb", recipe=True))


@pytest.mark.parametrize("arguments", [["--help"], ["tokenizer", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; from langue.cli import run; run({arguments!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_names_every_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    said = capsys.readouterr().out
    for name, verb in VERBS.items():
        for whole in [name] if isinstance(verb, Verb) else [f"{name} {inner}" for inner in verb]:
            assert f"  {whole} " in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_group_lists_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tokenizer"]) == 0
    said = capsys.readouterr().out
    assert "tokenizer train" in said
    assert "tokenizer report" in said
    assert "generate" not in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def targets() -> list[str]:
    verbs = [inner for verb in VERBS.values() for inner in ([verb] if isinstance(verb, Verb) else verb.values())]
    return [verb.target for verb in verbs]


def test_the_help_of_no_verb_brings_torch() -> None:
    modules = {target.partition(":")[0] for target in targets()}
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("target", targets())
def test_every_verb_leads_to_a_function_that_explains_itself(target: str) -> None:
    module, _, name = target.partition(":")
    assert getattr(importlib.import_module(module), name).__doc__


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian", "x.yaml"], "langue has no verb trian; did you mean train?"),
        (["tokenizer", "trian"], "langue tokenizer has no verb trian; did you mean train?"),
        (["qqq"], "langue has no verb qqq; known: demo, tokenizer"),
        (["--nope"], "--nope"),
        (["train"], "SOURCES"),
        (["train", "x.yaml"], "x.yaml does not exist"),
        (["train", "x.yaml", "--out", "run", "--resum"], "--resume"),
        (["train", "x.yaml", "--out", "run", "more"], "x.yaml is a recipe and stands alone"),
        (["train", "x.yaml", "--out", "run", "--training.steps"], "--training.steps needs a value"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("langue: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert not list(tmp_path.iterdir())


def raise_error(error: BaseException) -> object:
    def verb() -> None:
        """Fails."""
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (LangueError("it is wrong; mend it"), 2, "langue: it is wrong; mend it\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/run/x"),
            2,
            "langue: /run/x: No space left on device; make room and try again\n",
        ),
        (OSError(errno.EACCES, "Permission denied", "/run/x"), 2, "langue: /run/x: Permission denied\n"),
        (KeyboardInterrupt(), 130, "langue: interrupted\n"),
    ],
)
def test_what_a_user_can_mend_ends_in_a_sentence(error, status, said, capsys, monkeypatch) -> None:
    use_verb(monkeypatch, "fail", raise_error(error))
    assert cli.run(["fail"]) == status
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    use_verb(monkeypatch, "fail", raise_error(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.run(["fail"])


def test_a_verb_can_choose_its_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def verb() -> int:
        """Finds something wrong."""
        return 1

    use_verb(monkeypatch, "find", verb)
    assert cli.run(["find"]) == 1


CHATTY = """
import sys
import langue.cli as cli

def many():
    "Prints more than a pipe holds."
    for _ in range(999):
        print("x" * 999)

cli.VERBS["many"] = cli.Verb("__main__:many", "")
sys.exit(cli.run(["many"]))
"""


def test_a_reader_that_leaves_early_causes_no_complaint() -> None:
    process = subprocess.Popen([sys.executable, "-c", CHATTY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(10) == b"x" * 10
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (0, b"")
    process.stderr.close()


def test_fields_of_a_recipe_become_an_ordinary_option() -> None:
    assert gather_fields(["train", "r.yaml", "--training.steps", "5", "--out", "x"]) == [
        *["train", "r.yaml"],
        "--set=training.steps=5",
        *["--out", "x"],
    ]
    assert gather_fields(["--a.b=c=d", "--a.b", "-1", "--task", "fill", "--resume"]) == [
        *["--set=a.b=c=d", "--set=a.b=-1", "--set=task=fill", "--resume"]
    ]


def test_fields_are_read_from_the_option() -> None:
    assert read_fields(["a.b=1", "c=x=y", "a.b=2"]) == {"a.b": "2", "c": "x=y"}
    with pytest.raises(LangueError, match="--set steps"):
        read_fields(["steps"])
