"""Preparing text, loading rows, and seeking, against the `tokenizers` library and the fastest training step.

`--data` is the text to prepare, one document a line; without it, it is the source code of Python's own library: tens of
megabytes that every Python brings along, and no text twice, since one that came again would be a gift to whoever
remembers words.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.harness import Contestant, Options, Result, alternate, speedup

CHARACTERS = 32_000_000
CONTEXT, BATCH = 64, 12
FAR = 10**12


def run(options: Options) -> Result:
    """Three questions, one table."""
    rounds = options.rounds or (2 if options.quick else 7)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        size = write_corpus(options.data, folder, CHARACTERS // 8 if options.quick else CHARACTERS)
        rows = [*_prepare(folder, size, rounds), *_load(folder, rounds), _seek(folder)]
    columns = {"what": "what", "contestant": "by", "value": "reached", "unit": "unit", "against": "Langue is ×"}
    what = "source code" if options.data is None else "text"
    notes = [
        f"{size / 1e6:.0f} MB of {what}; medians of {rounds} rounds in turns. “tokenizers” is its `encode_batch_fast` "
        "over the same documents, all in memory already, and nothing written; Langue reads the file, checks it, "
        "encodes it, writes shards and their checksums, and syncs them. Loading and stepping are at "
        f"batch {BATCH}, context {CONTEXT} (`gpt-nano`, the fastest model). A seek opens the stream anew."
    ]
    return {"title": "Data", "columns": columns, "rows": rows, "notes": notes}


def write_corpus(given: Path | None, folder: Path, characters: int) -> int:
    """Write `corpus.jsonl` and a tokenizer trained on it; the bytes of its text."""
    from langue.text import TokenizerSettings, train_tokenizer

    if given is None:
        documents = list(_sources())
    else:
        documents = [line for line in given.read_text(encoding="utf-8").splitlines() if line.strip()]
    size = written = 0
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for text in itertools.cycle(documents):
            file.write(json.dumps({"text": text}) + "\n")
            size, written = size + len(text.encode()), written + len(text)
            if written >= characters:
                break
    train_tokenizer(TokenizerSettings(vocab_size=8192), documents).save(folder)
    return size


def _sources() -> Iterator[str]:
    """The files of Python's library that are text in UTF-8."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        with suppress(UnicodeDecodeError):
            text = path.read_text(encoding="utf-8")
            if text.strip() and "\0" not in text:
                yield text


def _prepare(folder: Path, size: int, rounds: int) -> list[dict[str, Any]]:
    place = {"folder": str(folder)}
    contestants = [
        Contestant("Langue", "benchmarks.data:prepare_maker", place),
        Contestant("tokenizers", "benchmarks.data:tokenizers_maker", place),
    ]
    times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
    return [
        {
            "what": "prepare", "contestant": name, "value": size / 1e6 / statistics.median(values), "unit": "MB/s",
            "against": speedup(times, "Langue", over=name),
        }
        for name, values in times.items()
    ]  # fmt: skip


def prepare_maker(*, folder: str) -> Callable[[], object]:
    """`langue data prepare`, each time into a new folder."""
    from langue.data.prepare import prepare
    from langue.text import Tokenizer

    place = Path(folder)
    tokenizer, numbers = Tokenizer.load(place), itertools.count()
    return lambda: prepare(str(place / "corpus.jsonl"), tokenizer, place / f"store-{next(numbers)}")


def tokenizers_maker(*, folder: str) -> Callable[[], object]:
    """The library alone, its documents in memory."""
    from tokenizers import Tokenizer

    engine = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    with (Path(folder) / "corpus.jsonl").open(encoding="utf-8") as file:
        documents = [json.loads(line)["text"] for line in file]
    return lambda: engine.encode_batch_fast(documents, add_special_tokens=False)


def _load(folder: Path, rounds: int) -> list[dict[str, Any]]:
    from benchmarks.step_speed import NANO

    contestants = [
        Contestant("the loader", "benchmarks.data:loader_maker", {"folder": str(folder)}),
        Contestant(
            "a step of gpt-nano", "benchmarks.step_speed:langue_step_maker", {"fields": {"preset": "gpt-nano"}, **NANO}
        ),
    ]
    times = alternate(contestants, rounds=rounds, seconds=1.0)
    return [
        {
            "what": "load", "contestant": name, "value": BATCH * CONTEXT / statistics.median(values),
            "unit": "tokens/s", "against": speedup(times, "the loader", over=name),
        }
        for name, values in times.items()
    ]  # fmt: skip


def loader_maker(*, folder: str) -> Callable[[], object]:
    """The batches of one step after the other, as the objective gets them."""
    from langue.data import Loader, TokenStore, Windows
    from langue.objectives import Causal
    from langue.randomness import RowRandomness

    loader = Loader(Windows(TokenStore.open(Path(folder) / "store-0"), CONTEXT, seed=0), BATCH)
    objective, steps = Causal(), itertools.count()

    def load() -> None:
        for micro in loader[next(steps)]:
            objective.batch(micro.examples, RowRandomness(0, micro.first_row))

    return load


def _seek(folder: Path) -> dict[str, Any]:
    from langue.data import Loader, TokenStore, Windows

    store = TokenStore.open(folder / "store-0")
    times = []
    for number in range(101):
        start = time.perf_counter()
        loader = Loader(Windows(store, CONTEXT, seed=number), BATCH)
        assert len(loader[FAR // BATCH][0].examples) == BATCH
        times.append(time.perf_counter() - start)
    return {
        "what": "seek to sample 10¹²", "contestant": "Langue", "value": 1000 * statistics.median(times), "unit": "ms",
    }  # fmt: skip
