"""Tasks are there without any extra: what is optional is imported where it is used."""

from __future__ import annotations

import subprocess
import sys

from langue.tasks.table import USES

EXTRAS = ("gymnasium", "jinja2", "llguidance", "starlette", "uvicorn", "matplotlib", "soundfile", "sacrebleu", "jiwer",
          "lancedb", "pyarrow", "gguf", "onnx", "datasets")  # fmt: skip

PROGRAM = """
import sys
sys.modules.update(dict.fromkeys({extras}))
from importlib import import_module
for task in {uses}:
    import_module(f"langue.tasks.{{task}}.predict")
"""


def test_every_task_can_be_used_without_extras():
    program = PROGRAM.format(extras=EXTRAS, uses=USES)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
