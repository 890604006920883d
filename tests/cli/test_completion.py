"""Completion by Tab: what a shell is told, and where that is written."""

import shutil
import subprocess
import sys

import pytest


def langue(*words, **environment):
    command = [sys.executable, "-m", "langue", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.skipif(shutil.which("bash") is None, reason="completes within a bash")
def test_a_bash_completes_verbs_and_options(tmp_path):
    done = langue("--install-completion", "bash", HOME=str(tmp_path), PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    [file] = [path for path in tmp_path.rglob("langue") if path.is_file()]
    assert str(file) in done.stderr
    assert str(file) in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    script = f"""
        source {file}
        COMP_WORDS=(langue tra); COMP_CWORD=1; _langue; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(langue index b); COMP_CWORD=2; _langue; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(langue train x --res); COMP_CWORD=3; _langue; echo "${{COMPREPLY[@]}}"
    """
    lines = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [set(line.split()) for line in lines] == [{"train", "translate", "transcribe"}, {"build"}, {"--resume"}]


@pytest.mark.parametrize("words", [(), ("tcsh",), ("bash", "zsh")])
def test_a_shell_that_is_not_known_is_a_sentence(words, tmp_path):
    done = langue("--install-completion", *words, HOME=str(tmp_path), SHELL="/bin/sh")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "name one shell that is to complete: bash, zsh, fish, powershell" in done.stderr
