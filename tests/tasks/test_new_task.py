"""A task is one folder and one line: a toy is added to a copy of the package, and the whole of it knows the toy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import langue
from tiny import text

FILES = {
    "__init__": "",
    "settings": """
from typing import ClassVar, Literal

from langue.recipe import TextRecipe
from langue.settings import Settings


class EchoSettings(Settings):
    times: int = 2


class EchoRecipe(TextRecipe):
    unit: ClassVar[str] = "echoes"
    task: Literal["echo"]
    echo: EchoSettings = EchoSettings()
""",
    "predict": """
from langue.tasks.generate.predict import Generate


class Echo(Generate):
    name = "echo"

    def echo(self, prompts, **options):
        return self.generate(prompts, **options)
""",
    "training": """
from langue.tasks.generate.training import GenerateTraining
from langue.tasks.card_words import CardWords


class EchoTraining(GenerateTraining):
    words = CardWords("to echo", "text-generation", "langue echo {name} {prompt}", "model.echo({prompt})", "None.")
""",
}

RECIPE = """
task: echo
tokenizer: {kind: byte}
model: {preset: gpt-nano, layers: 1, width: 16, heads: 2, context: 16}
data: {train: text.txt}
echo: {times: 3}
training: {steps: 2, evaluate_every: 2, batch_size: 2, device: cpu}
samples: {max_tokens: 5}
"""

PROGRAM = """
import json, langue
run = langue.train("recipe.yaml", "run")
model = langue.load("run")
result = langue.evaluate("run", "text.txt", max_dropped=1)
print(json.dumps({
    "kind": type(model).__name__,
    "answers": len(model.predict(["a", "b"], max_tokens=2)),
    "measured": sorted(result["metrics"]),
    "times": langue.read_recipe("run/recipe.yaml").echo.times,
    "schema": "echo" in langue.recipe_schema()["discriminator"]["mapping"],
}))
"""


def test_a_new_task_is_one_folder_and_one_line(tmp_path: Path) -> None:
    package = tmp_path / "src" / "langue"
    shutil.copytree(Path(langue.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = package / "tasks" / "echo"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / f"{name}.py").write_text(content)
    table = package / "tasks" / "table.py"
    table.write_text(table.read_text().replace('    "embed",\n', '    "embed",\n    "echo",\n'))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "text.txt").write_text(text())
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "kind": "Echo",
        "answers": 2,
        "measured": ["bits_per_byte", "bits_per_character", "loss", "perplexity"],
        "times": 3,
        "schema": True,
    }
    assert "echoes seen" in (tmp_path / "run" / "report.html").read_text()
    assert "langue echo run" in (tmp_path / "run" / "README.md").read_text()
