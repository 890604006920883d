"""llama.cpp's server: `llama-server` and `llama-quantize` of a build of one's own, found by PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

PROGRAMS = ("llama-server", "llama-quantize")


def is_there() -> bool:
    """True if llama.cpp's programs are on the PATH."""
    return all(shutil.which(program) for program in PROGRAMS)


def quantized(model: Path, bits: str) -> Path:
    """A GGUF file of 16 bits in others, such as Q8_0, which is written beside it."""
    made = model.with_name(f"{model.stem}-{bits}.gguf")
    if not made.exists():
        subprocess.run(["llama-quantize", str(model), str(made), bits], check=True, capture_output=True)
    return made


def command(model: Path, rows: int, threads: int, positions: int = 1024) -> list[str]:
    """The server of a GGUF file, with so many texts at once of so many positions each; its port is put behind."""
    return [
        "llama-server", "-m", str(model), "-np", str(rows), "-c", str(rows * positions), "-t", str(threads),
        "-tb", str(threads), "--no-webui", "--host", "127.0.0.1", "--port",
    ]  # fmt: skip


def write(url: str, prompts: Sequence[Sequence[int]], new: int) -> list[list[int]]:
    """The likeliest tokens behind prompts, so many each, all asked for at once."""

    def one(prompt: Sequence[int]) -> list[int]:
        body = {
            "prompt": list(prompt), "n_predict": new, "temperature": 0.0, "top_k": 1, "ignore_eos": True,
            "return_tokens": True, "cache_prompt": False,
        }  # fmt: skip
        asked = Request(f"{url}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(asked) as answer:
            return json.load(answer)["tokens"]

    with ThreadPoolExecutor(len(prompts)) as threads:
        return list(threads.map(one, prompts))
