"""Other people's checkpoints: how long loading takes beside reading the bytes, and whether GGUF says the same.

`--model` is a GGUF file of SmolLM2 (or another model of Llama's family), `--data` a text to be predicted. Loading is
measured on a Hugging Face folder of the same model, in single precision, in processes that have done nothing else.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import HERE, Options, Result, Skip, say

CONTEXT, CHARACTERS, NEW = 256, 20_000, 48
PROMPTS = ("The capital of France is", "def fibonacci(n):", "Once upon a time")


def run(options: Options) -> Result:
    """Perplexity and greedy text by both libraries, then loading."""
    if options.data is None or options.model is None or options.model.suffix != ".gguf":
        raise Skip("checkpoints needs --data TEXT and --model FILE.gguf")
    text = options.data.read_text(encoding="utf-8")[: CHARACTERS // 8 if options.quick else CHARACTERS]
    found = {}
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "text.txt").write_text(text, encoding="utf-8")
        for name, function in (("Langue", "langue_says"), ("Transformers", "transformers_says")):
            found[name] = _elsewhere(function, str(options.model), f"{place}/text.txt", f"{place}/{name}")
            say(f"{name}: perplexity {found[name]['perplexity']:.5f}, opened in {found[name]['seconds']:.2f} s")
        loads = [_elsewhere("load", f"{place}/Langue") for _ in range(options.rounds or (2 if options.quick else 7))]
    same = sum(a == b for a, b in zip(found["Langue"]["texts"], found["Transformers"]["texts"], strict=True))
    middle = {name: statistics.median(one[name] for one in loads) for name in loads[0]}
    ours, theirs = found["Langue"]["perplexity"], found["Transformers"]["perplexity"]
    rows: list[dict[str, Any]] = [
        {"what": "perplexity from GGUF", "langue": ours, "other": theirs, "ratio": ours / theirs},
        {"what": "greedy texts alike", "langue": same, "other": len(PROMPTS)},
        {"what": "opening GGUF, seconds", "langue": found["Langue"]["seconds"],
         "other": found["Transformers"]["seconds"],
         "ratio": found["Langue"]["seconds"] / found["Transformers"]["seconds"]},
        {"what": "loading a folder / reading its bytes, seconds", "langue": middle["load"], "other": middle["read"],
         "ratio": statistics.median(one["load"] / one["read"] for one in loads)},
        {"what": "peak memory / size of the file, MB", "langue": middle["peak"] / 1e6, "other": middle["size"] / 1e6,
         "ratio": statistics.median(one["peak"] / one["size"] for one in loads)},
    ]  # fmt: skip
    columns = {"what": "what", "langue": "Langue", "other": "Transformers, or the bytes", "ratio": "ratio"}
    notes = [
        f"{options.model.name}; perplexity of {len(text):,} characters in rows of {CONTEXT}; {NEW} tokens each "
        f"after {len(PROMPTS)} prompts; loading: medians of {len(loads)} processes, in fp32, of a folder whose bytes "
        "were read just before; peak memory is what the process grew by until every weight had been touched."
    ]
    return {"title": "Checkpoints", "columns": columns, "rows": rows, "notes": notes}


def _elsewhere(function: str, *arguments: str) -> dict[str, Any]:
    """The result of a function of this file in a process of its own."""
    code = "import json, sys; from benchmarks import checkpoints as own; "
    code += f"print(json.dumps(own.{function}(*sys.argv[1:])))"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent
    )
    return json.loads(done.stdout.rstrip().split("\n")[-1])


def _perplexity(logits: Any, ids: list[int]) -> float:
    import math

    import torch
    import torch.nn.functional as F

    total, count = 0.0, 0
    for start in range(0, len(ids) - 1, CONTEXT):
        row = torch.tensor([ids[start : start + CONTEXT + 1]])
        with torch.inference_mode():
            total += float(F.cross_entropy(logits(row[:, :-1])[0].float(), row[0, 1:], reduction="sum"))
        count += row.shape[1] - 1
    return math.exp(total / count)


def langue_says(model: str, text: str, folder: str) -> dict[str, Any]:
    """Perplexity and greedy texts by Langue, which leaves a Hugging Face folder for the others to load."""
    from langue.batch import Batch
    from langue.hub import PretrainedModel, save_checkpoint
    from langue.hub.gguf import read_gguf
    from langue.tasks.generate.predict import Generate

    start = time.perf_counter()
    network, tokenizer = read_gguf(model)
    seconds = time.perf_counter() - start
    ids = tokenizer.encode(Path(text).read_text(encoding="utf-8"))
    writer = Generate(network, tokenizer)
    texts = writer.generate(list(PROMPTS), max_tokens=NEW, temperature=0)
    save_checkpoint(PretrainedModel(network, tokenizer), Path(folder))
    return {"perplexity": _perplexity(lambda row: network(Batch(row)), ids), "texts": texts, "seconds": seconds}


def transformers_says(model: str, text: str, folder: str) -> dict[str, Any]:
    """The same by Transformers' own reader of GGUF; the text is cut into tokens by our tokenizer for both."""
    import transformers

    from langue.text import Tokenizer

    transformers.logging.set_verbosity_error()
    path = Path(model)
    start = time.perf_counter()
    network = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype="float32")
    seconds = time.perf_counter() - start
    tokenizer = Tokenizer.load(Path(folder).with_name("Langue"))
    ids = tokenizer.encode(Path(text).read_text(encoding="utf-8"))
    texts = []
    for prompt in PROMPTS:
        import torch

        given = torch.tensor([tokenizer.encode(prompt)])
        options = {"max_new_tokens": NEW, "do_sample": False, "pad_token_id": tokenizer.pad}
        new = network.generate(given, attention_mask=torch.ones_like(given), **options)[0, given.shape[1] :]
        texts.append(tokenizer.decode([token for token in new.tolist() if token != tokenizer.end]))
    return {"perplexity": _perplexity(lambda row: network(row).logits, ids), "texts": texts, "seconds": seconds}


def load(folder: str) -> dict[str, float]:
    """Seconds to read a model's bytes, seconds to load it, and what memory it then took until all was touched."""
    import resource

    from langue.models import load_model

    file = Path(folder) / "model" / "model.safetensors"
    start = time.perf_counter()
    with file.open("rb", buffering=0) as stream:
        block = bytearray(1 << 24)
        while stream.readinto(block):
            pass
    read = time.perf_counter() - start
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    model = load_model(Path(folder) / "model")
    seconds = time.perf_counter() - start
    for parameter in model.parameters():
        parameter.sum()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"read": read, "load": seconds, "peak": 1024.0 * (peak - before), "size": float(file.stat().st_size)}
