"""Judging texts of mixed length: sentences per second beside Transformers' pipeline with the same weights.

`--data` is a folder with `glue/` and `squad/`, whose sentences and passages are judged, `--model` a Hugging Face folder
of a BERT, which gets a classifier of random weights: what it says does not change how long it takes.
"""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, speedup, spread

BATCHES = (1, 8, 32)


def run(options: Options) -> Result:
    """One table: ours, and the pipeline at several batch sizes."""
    if options.data is None or options.model is None:
        raise Skip("classify needs --data FOLDER (with glue/ and squad/) and --model FOLDER (of a BERT)")
    with tempfile.TemporaryDirectory() as place:
        folder, texts = Path(place) / "model", Path(place) / "texts.json"
        _with_head(options.model, folder)
        given = mixed_texts(options.data, 60 if options.quick else 300)
        texts.write_text(json.dumps(given), encoding="utf-8")
        place_of = {"folder": str(folder), "texts": str(texts)}
        contestants = [Contestant("Langue", "benchmarks.classify:langue_maker", place_of)]
        for size in BATCHES:
            arguments = {**place_of, "batch_size": size}
            contestants.append(
                Contestant(f"pipeline, batches of {size}", "benchmarks.peers.pipeline:step_maker", arguments)
            )
        rounds = options.rounds or (2 if options.quick else 7)
        times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
        ours = json.loads(texts.with_suffix(".langue").read_text(encoding="utf-8"))
        theirs = json.loads(texts.with_suffix(f".pipeline-{BATCHES[0]}").read_text(encoding="utf-8"))
        agreed = sum(a == b for a, b in zip(ours, theirs, strict=True))
    rows = [
        {
            "contestant": name, "value": len(given) / statistics.median(values),
            "against": speedup(times, "Langue", over=name), "spread": 100 * spread(values),
        }
        for name, values in times.items()
    ]  # fmt: skip
    lengths = sorted(len(text.split()) for text in given)
    notes = [
        f"{len(given)} texts of {lengths[0]} to {lengths[-1]} words (median {lengths[len(lengths) // 2]}), tokenised, "
        f"judged and given a label; medians of {rounds} rounds in turns. Of the labels, {agreed} of {len(given)} agree."
    ]
    columns = {"contestant": "by", "value": "texts/s", "against": "Langue is × as fast", "spread": "± %"}
    return {"title": "Classifying", "columns": columns, "rows": rows, "notes": notes}


def mixed_texts(data: Path, count: int) -> list[str]:
    """Sentences of films, pairs of news, and passages of an encyclopedia, in turns."""
    from langue.data.benchmarks import read_benchmark

    films = [row["text"] for row in read_benchmark("glue/SST-2", data / "glue", "dev")]
    news = [row["sentence1"] for row in read_benchmark("glue/RTE", data / "glue", "train")]
    passages = list(dict.fromkeys(row["context"] for row in read_benchmark("squad/1.1", data / "squad", "dev")))
    mixed = itertools.chain.from_iterable(zip(films, news, films[400:], news[1000:], passages, strict=False))
    return list(itertools.islice(mixed, count))


def _with_head(source: Path, folder: Path) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source, num_labels=3)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def langue_maker(*, folder: str, texts: str) -> Callable[[], object]:
    """All texts once, by `langue.load(…).classify(…)`."""
    import langue

    judge = langue.load(folder, device="cpu")
    given = json.loads(Path(texts).read_text(encoding="utf-8"))

    def step() -> None:
        Path(texts).with_suffix(".langue").write_text(json.dumps(judge.classify(given)), encoding="utf-8")

    return step
