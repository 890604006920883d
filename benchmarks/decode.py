"""Plain decoding: tokens per second of a decoder at 1, 8, 16 and 32 rows beside Transformers, CTranslate2, llama.cpp.

`--model` is a GGUF file of SmolLM2 (or another model of Llama's family). All write greedily after the same prompts as
many tokens each, so that all do the same work; Langue and Transformers from one folder, in single precision, Langue and
CTranslate2 also with matrices of eight bits, llama.cpp's server with Q8_0 and Q4_0, where these are installed.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, say, server, speedup, spread
from benchmarks.peers import llama_cpp

ROWS = (1, 8, 16, 32)
NEW = 64
PROMPT = "The history of the city begins long before its first written mention, when people settled by the river and"


def run(options: Options) -> Result:
    """One row a library and number of rows."""
    if options.model is None or options.model.suffix != ".gguf":
        raise Skip("decode needs --model FILE.gguf of a decoder")
    rounds, new = options.rounds or (2 if options.quick else 7), 16 if options.quick else NEW
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        write_folder(options.model, place)
        for count in ROWS:
            contestants = _contestants(place, count, new)
            times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
            texts = {each.name: json.loads(Path(each.arguments["answers"]).read_text("utf-8")) for each in contestants}
            rows += [_row(name, count, new, times, texts) for name in times]
    notes = [
        f"{options.model.name} in single precision; {new} tokens each after prompts of {len(PROMPT.split())} words, "
        f"greedily; medians of {rounds} rounds in turns, from the prompts to the texts."
    ]
    columns = {
        "rows": "rows", "by": "by", "value": "tokens/s", "against": "Langue is × as fast", "same": "same texts (%)",
        "spread": "± %",
    }  # fmt: skip
    return {"title": "Decoding", "columns": columns, "rows": rows, "notes": notes}


def _row(name: str, count: int, new: int, times: dict[str, list[float]], texts: dict[str, Any]) -> dict[str, Any]:
    first = next(iter(times))
    same = statistics.mean(a == b for a, b in zip(texts[first], texts[name], strict=True))
    return {
        "rows": count, "by": name, "value": count * new / statistics.median(times[name]),
        "against": speedup(times, first, over=name), "same": 100 * same, "spread": 100 * spread(times[name]),
    }  # fmt: skip


def _contestants(place: str, rows: int, new: int) -> list[Contestant]:
    def contestant(name: str, make: str) -> Contestant:
        arguments = {"folder": place, "answers": f"{place}/{name}.json", "rows": rows, "new": new}
        return Contestant(name, f"benchmarks.decode:{make}", arguments)

    found = [
        contestant("Langue", "langue_maker"),
        contestant("Transformers generate", "transformers_maker"),
        contestant("Langue, int8", "langue_int8_maker"),
    ]
    if importlib.util.find_spec("ctranslate2") is not None:
        found.append(contestant("CTranslate2, int8", "ctranslate2_maker"))
    if not llama_cpp.is_there():
        say("without llama.cpp, whose programs are not on the PATH")
        return found
    return [*found, contestant("llama.cpp, Q8_0", "llama_8_maker"), contestant("llama.cpp, Q4_0", "llama_4_maker")]


def write_folder(model: Path, folder: str) -> None:
    from langue.hub import PretrainedModel
    from langue.hub.gguf import read_gguf, write_gguf
    from langue.hub.write import write_published

    network, tokenizer = read_gguf(model)
    write_published(PretrainedModel(network, tokenizer), Path(folder))
    if llama_cpp.is_there():
        write_gguf(network, tokenizer, Path(folder) / "model.gguf")


def _prompts(folder: str, rows: int) -> list[list[int]]:
    """Prompts that begin otherwise, as long as there are words, and have as many tokens."""
    from langue.hub import read_published

    tokenizer = read_published(Path(folder)).tokenizer
    assert tokenizer is not None
    ids = tokenizer.encode(PROMPT)
    return [[*ids[row % len(ids) :], *ids[: row % len(ids)]] for row in range(rows)]


def langue_maker(*, folder: str, answers: str, rows: int, new: int, bits: str | None = None) -> Callable[[], object]:
    """The engine, whose texts go into a file."""
    from langue.engine import Engine, Request, SamplingSettings
    from langue.hub import read_published
    from langue.models.quantize import quantize
    from langue.quantization import QuantizationConfig

    prompts, model = _prompts(folder, rows), read_published(Path(folder)).model.eval()
    engine = Engine(model if bits is None else quantize(model, QuantizationConfig(format=bits)))
    settings = SamplingSettings(temperature=0, max_tokens=new)

    def step() -> None:
        found = engine.run([Request(prompt, settings) for prompt in prompts])
        Path(answers).write_text(json.dumps([each[0].tokens for each in found]), encoding="utf-8")

    return step


def langue_int8_maker(**arguments: Any) -> Callable[[], object]:
    """The engine with matrices of eight bits."""
    return langue_maker(**arguments, bits="int8")


def ctranslate2_maker(*, folder: str, answers: str, rows: int, new: int) -> Callable[[], object]:
    """CTranslate2's generator with matrices of eight bits, all prompts at once."""
    import ctranslate2
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    place = Path(folder) / "ctranslate2"
    if not place.exists():
        ctranslate2.converters.TransformersConverter(folder).convert(str(place), quantization="int8")
    generator = ctranslate2.Generator(
        str(place), device="cpu", compute_type="int8", intra_threads=torch.get_num_threads()
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompts = [tokenizer.convert_ids_to_tokens(ids) for ids in _prompts(folder, rows)]
    options = {"max_length": new, "min_length": new, "beam_size": 1, "include_prompt_in_result": False}

    def step() -> None:
        found = generator.generate_batch(prompts, **options)
        Path(answers).write_text(json.dumps([list(each.sequences_ids[0]) for each in found]), encoding="utf-8")

    return step


def transformers_maker(*, folder: str, answers: str, rows: int, new: int) -> Callable[[], object]:
    """`generate` with its cache."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    prompts = _prompts(folder, rows)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    ids, pad = torch.tensor(prompts), 0
    options = {
        "max_new_tokens": new,
        "min_new_tokens": new,
        "do_sample": False,
        "pad_token_id": pad,
        "eos_token_id": -1,
    }

    def step() -> None:
        with torch.inference_mode():
            found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)[:, ids.shape[1] :]
        Path(answers).write_text(json.dumps(found.tolist()), encoding="utf-8")

    return step


def llama_maker(*, folder: str, answers: str, rows: int, new: int, bits: str) -> Callable[[], object]:
    """llama.cpp's server, which is asked for all texts at once, and goes when this process does."""
    import atexit
    import contextlib

    import torch

    prompts, model = _prompts(folder, rows), llama_cpp.quantized(Path(folder) / "model.gguf", bits)
    running = contextlib.ExitStack()
    url = running.enter_context(server(llama_cpp.command(model, rows, torch.get_num_threads())))
    atexit.register(running.close)

    def step() -> None:
        Path(answers).write_text(json.dumps(llama_cpp.write(url, prompts, new)), encoding="utf-8")

    return step


def llama_8_maker(**arguments: Any) -> Callable[[], object]:
    """llama.cpp with blocks of eight bits."""
    return llama_maker(**arguments, bits="Q8_0")


def llama_4_maker(**arguments: Any) -> Callable[[], object]:
    """llama.cpp with blocks of four bits."""
    return llama_maker(**arguments, bits="Q4_0")
