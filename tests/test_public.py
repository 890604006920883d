"""The front of the package: light to import, and known to editors, type checkers and `help`."""

import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import langue
from langue.tasks.table import USES


def test_importing_brings_nothing_heavy():
    heavy = "torch numpy pydantic tokenizers cyclopts"
    program = f"import sys, langue; print([name for name in '{heavy}'.split() if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_functions_stay_functions_once_rooms_are_imported():
    import langue.evaluation
    import langue.training

    assert langue.train.__module__ == "langue.experiment.training"
    assert langue.evaluate.__module__ == "langue.evaluation.run"
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        langue.trian  # noqa: B018


def test_help_and_dir_show_what_is_public():
    shown = pydoc.plain(pydoc.render_doc(langue))
    for name in langue.__all__:
        assert name in dir(langue)
        assert re.search(rf"^    (class )?{name}( = \w+)?\(", shown, re.MULTILINE), name
    assert "resume: \"bool | Literal['auto']\" = False" in shown


def test_type_checkers_know_the_task_object(tmp_path: Path):
    lines = [f'reveal_type(langue.load("run", task="{task}"))' for task in USES]
    lines += ['reveal_type(langue.load("run"))', 'reveal_type(langue.train("shakespeare", "run"))']
    (tmp_path / "user.py").write_text("from typing import reveal_type\nimport langue\n" + "\n".join(lines) + "\n")
    checker = [Path(sys.executable).with_name("pyrefly"), "check", "--python-interpreter-path", sys.executable]
    source = Path(langue.__file__).parents[1]
    done = subprocess.run(
        [*checker, "--search-path", source, tmp_path / "user.py"], capture_output=True, text=True, cwd=tmp_path
    )
    told = [
        line.split(":", 1)[1].strip() for line in (done.stdout + done.stderr).split("\n") if "revealed type" in line
    ]
    kinds = [*(task.capitalize() for task in USES), "Task", "Run"]
    assert [line.split()[0].split("[")[0] for line in told] == kinds, done.stdout + done.stderr
