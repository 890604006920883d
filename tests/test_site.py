"""The site of the documentation: every page has its place, every link an end, every function its words."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_site_is_built_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "api.html").read_text(encoding="utf-8")
    assert "Train a model by a recipe" in page
    assert "https://fonts" not in page
    tutorial = (tmp_path / "tutorials" / "table.html").read_text(encoding="utf-8")
    assert '<a href="../classification.html">classifying</a>' in tutorial
    assert (tmp_path / "ppo.py").is_file()  # which the page on rewards leads to
    assert not (tmp_path / "links.py").exists()
