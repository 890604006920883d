"""Translating by a beam of 4: sentences per second beside Transformers and CTranslate2 with the same weights.

`--data` is a folder with `train.tsv` and `test.tsv`, whose sources are translated; `--model` the run folder of an
encoder–decoder of Marian's shape. Without one, a small one is trained for two minutes, so that texts end as they do in
use: how long a search takes depends on where its texts end. All get tokens and give tokens.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, langue_train, say, speedup, spread

BEAMS, MOST = 4, 100
TRANSFORMERS_BATCH, CTRANSLATE2_BATCH = 64, 128
"""Sentences; CTranslate2 is fastest with 128, of 32, 64, 128 and 256."""
LENGTHS = (20, 40, 80, 160)
RECIPE: dict[str, Any] = {
    "task": "translate",
    "tokenizer": {"kind": "byte-bpe", "vocab_size": 8192},
    "model": {
        "form": "seq2seq", "layers": 3, "width": 256, "heads": 4, "context": 192, "dropout": 0.1,
        "position": "sinusoidal", "norm": "layer", "norm_place": "post", "bias": True, "feedforward": "silu",
        "embedding_scale": True, "head_bias": True,
    },
    "data": {"pairs": {"max_ratio": 4.0, "max_source": 128, "max_target": 128}},
    "training": {
        "steps": None, "seconds": 120, "batch_tokens": 2048, "optimizer": "muon", "learning_rate": 5.0e-3,
        "schedule": "wsd", "decay_share": 0.7, "final_share": 0.0, "warmup_steps": 50, "average": 0.98,
        "evaluate_every": 10_000, "checkpoint_every": 10_000,
    },
}  # fmt: skip


def run(options: Options) -> Result:
    """One table: ours by all rules of stopping, the peers, and what a token costs in short and in long texts."""
    if options.data is None:
        raise Skip("beam needs --data FOLDER (with train.tsv and test.tsv of translated sentences)")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run_folder = options.model or trained(options.data, folder / "run", seconds=30 if options.quick else 120)
        contestants = _contestants(options.data, run_folder, folder, count=128 if options.quick else None)
        rounds = options.rounds or (2 if options.quick else 7)
        times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
        answers = {each.name: json.loads(Path(each.arguments["answers"]).read_text("utf-8")) for each in contestants}
        costs = _costs(run_folder, str(folder / "sources.json"), rounds=min(rounds, 3))
    return _result(times, answers, costs, rounds)


def _contestants(data: Path, run_folder: Path, folder: Path, count: int | None) -> list[Contestant]:
    from benchmarks.peers import translation
    from langue.tasks import load

    task = load(run_folder, device="cpu")
    if task.model.config.form != "seq2seq" or not translation.is_marian(task.model.config):
        raise Skip("beam needs a --model of Marian's shape, such as one trained by benchmarks.beam.RECIPE")
    sources = folder / "sources.json"
    sources.write_text(json.dumps(_sources(task, data / "test.tsv", count)), encoding="utf-8")
    start, end = task.start, task.tokenizer.end
    theirs = translation.marian(task.model, start, end)
    theirs.save_pretrained(folder / "marian")

    def contestant(name: str, make: str, **arguments: Any) -> Contestant:
        answers = str(folder / f"{name}.json")
        return Contestant(name, f"benchmarks.{make}", {"sources": str(sources), "answers": answers, **arguments})

    search = {"beams": BEAMS, "most": MOST}
    found = [
        contestant("Langue, stopping as Transformers", "beam:langue_maker", folder=str(run_folder), stopping="likely"),
        contestant("Langue, early as CTranslate2", "beam:langue_maker", folder=str(run_folder), stopping="early"),
        contestant("Langue, exact", "beam:langue_maker", folder=str(run_folder), stopping="exact"),
        contestant(
            "Transformers generate", "peers.translation:transformers_maker", folder=str(folder / "marian"), end=end,
            batch_size=TRANSFORMERS_BATCH, **search,
        ),
    ]  # fmt: skip
    if importlib.util.find_spec("ctranslate2") is None:
        say("without CTranslate2, which is not installed")
        return found
    translation.write_ctranslate2(theirs, folder / "ctranslate2", start, end)
    arguments = {"folder": str(folder / "ctranslate2"), "batch_size": CTRANSLATE2_BATCH, **search}
    return [*found, contestant("CTranslate2, float32", "peers.translation:ctranslate2_maker", **arguments)]


def _sources(task: Any, table: Path, count: int | None) -> list[list[int]]:
    import csv

    from langue.tasks.rewriting.sources import read_sources

    with table.open(encoding="utf-8", newline="") as file:
        texts = [row["source"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return read_sources(texts[:count], task.sides, (), "cut").ids


def trained(data: Path, out: Path, seconds: int) -> Path:
    recipe = {**RECIPE, "training": {**RECIPE["training"], "seconds": seconds}}
    recipe["data"] = {**RECIPE["data"], "train": str(data / "train.tsv"), "dev": 0.01}
    path = out.with_suffix(".yaml")
    path.write_text(json.dumps(recipe), encoding="utf-8")  # YAML knows all that JSON does
    langue_train(path, {}, out)
    return out


def langue_maker(*, folder: str, sources: str, answers: str, stopping: str) -> Callable[[], object]:
    """Every source of a JSON list once; the answers go into a file."""
    write = _writer(folder, stopping=stopping, max_tokens=MOST)
    given = json.loads(Path(sources).read_text(encoding="utf-8"))

    def step() -> None:
        found = write(given)
        Path(answers).write_text(json.dumps([each[0].tokens for each in found]), encoding="utf-8")

    return step


def length_maker(*, folder: str, sources: str, length: int) -> Callable[[], object]:
    """Texts of one length about the same 64 sources."""
    write = _writer(folder, max_tokens=length, min_tokens=length)
    given = json.loads(Path(sources).read_text(encoding="utf-8"))[:64]
    return lambda: write(given)


def _writer(folder: str, **options: Any) -> Callable[[list[list[int]]], Any]:
    from langue.engine import Engine, Request, SamplingSettings
    from langue.tasks import load

    task = load(folder, device="cpu")
    engine, settings = Engine(task.model.eval()), SamplingSettings(beams=BEAMS, **options)
    return lambda sources: engine.run([Request([task.start], settings, task.tokenizer.ends, ids) for ids in sources])


def _costs(run_folder: Path, sources: str, rounds: int) -> dict[int, float]:
    """Microseconds of each token of a hypothesis, by the length of the texts."""
    contestants = [
        Contestant(str(n), "benchmarks.beam:length_maker", {"folder": str(run_folder), "sources": sources, "length": n})
        for n in LENGTHS
    ]
    times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
    return {n: 1e6 * statistics.median(times[str(n)]) / (n * 64 * BEAMS) for n in LENGTHS}


def _result(times: dict[str, list[float]], answers: dict[str, list], costs: dict[int, float], rounds: int) -> Result:
    first = next(iter(times))
    mine = answers[first]
    rows = [
        {
            "contestant": name, "value": len(mine) / statistics.median(values),
            "against": speedup(times, first, over=name), "spread": 100 * spread(values),
            "same": 100 * statistics.mean(a == b for a, b in zip(mine, answers[name], strict=True)),
        }
        for name, values in times.items()
    ]  # fmt: skip
    written = sum(map(len, mine)) / len(mine)
    notes = [
        f"{len(mine)} sentences, {BEAMS} beams, at most {MOST} tokens, {written:.1f} written on average; medians of "
        f"{rounds} rounds in turns. Exact is to go on until nothing better can come.",
        "A token of a hypothesis costs "
        + ", ".join(f"{cost:.0f} µs in texts of {length}" for length, cost in costs.items())
        + " tokens.",
    ]
    columns = {
        "contestant": "by", "value": "sentences/s", "against": "Langue is × as fast", "same": "same texts (%)",
        "spread": "± %",
    }  # fmt: skip
    return {"title": "Translating by beam", "columns": columns, "rows": rows, "notes": notes}
