"""Transformers' Trainer on a benchmark's task, as its users run it: dynamic padding, fused AdamW, no logging.

    python -m benchmarks.peers.fine_tuning '{"task": "glue/RTE", "folder": …, "model": …, "epochs": 3, …}'

prints one JSON object: seconds of training, of that and one evaluation, and the dev metrics.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

LENGTH, STRIDE, LONGEST = 512, 128, 30


def main(given: dict[str, Any]) -> dict[str, float]:
    """Train and evaluate once."""
    import datasets
    import transformers

    from langue.data.benchmarks import find_benchmark, read_benchmark

    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    benchmark = find_benchmark(given["task"])
    rows = {split: read_benchmark(given["task"], Path(given["folder"]), split) for split in ("train", "dev")}
    tokenizer = transformers.AutoTokenizer.from_pretrained(given["model"])
    begin = time.perf_counter()
    prepare = _questions if benchmark.kind == "answer" else _texts
    model, train, dev, collate, measure = prepare(given, benchmark, rows, tokenizer)
    prepared = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as place:
        settings = training_arguments(given, place)
        trainer = transformers.Trainer(model, settings, data_collator=collate, train_dataset=train)
        start = time.perf_counter()
        trainer.train()
        trained = time.perf_counter() - start
        scores = measure(trainer.predict(dev).predictions)
        both = time.perf_counter() - start
    return {"seconds": both, "training_seconds": trained, "all_seconds": prepared + both, **scores}


def training_arguments(given: dict[str, Any], place: str) -> Any:
    """Settings of a Trainer as a CPU runs it best, and that writes nothing down."""
    import transformers

    return transformers.TrainingArguments(
        output_dir=place, num_train_epochs=given["epochs"], per_device_train_batch_size=given["batch_size"],
        per_device_eval_batch_size=64, learning_rate=given["learning_rate"], weight_decay=0.01,
        lr_scheduler_type="linear", warmup_steps=0.1, optim="adamw_torch_fused", seed=given["seed"],
        save_strategy="no", eval_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True,
        use_cpu=True,
    )  # fmt: skip


def _texts(given: dict[str, Any], benchmark: Any, rows: dict[str, list[dict]], tokenizer: Any) -> tuple:
    import transformers

    from langue.metrics.benchmarks import score

    labels = benchmark.labels
    model = transformers.AutoModelForSequenceClassification.from_pretrained(given["model"], num_labels=len(labels))

    def encode(split: str) -> list[dict[str, Any]]:
        names = ("text", None) if "text" in rows[split][0] else ("sentence1", "sentence2")
        first = [row[names[0]] for row in rows[split]]
        second = None if names[1] is None else [row[names[1]] for row in rows[split]]
        found = tokenizer(first, second, truncation=True, max_length=LENGTH)
        return [
            {**{name: found[name][number] for name in found}, "labels": labels.index(row["label"])}
            for number, row in enumerate(rows[split])
        ]

    def measure(scores: np.ndarray) -> dict[str, float]:
        return score(given["task"], [labels[number] for number in scores.argmax(-1)], rows["dev"])

    return model, encode("train"), encode("dev"), transformers.DataCollatorWithPadding(tokenizer), measure


def _questions(given: dict[str, Any], benchmark: Any, rows: dict[str, list[dict]], tokenizer: Any) -> tuple:
    """Windows of question and context, and the best span over an example's windows, as Transformers' examples do."""
    import transformers

    from langue.metrics.benchmarks import score

    model = transformers.AutoModelForQuestionAnswering.from_pretrained(given["model"])

    def encode(split: str) -> tuple[list[dict[str, Any]], list[tuple[int, list]]]:
        found = tokenizer(
            [row["question"].strip() for row in rows[split]], [row["context"] for row in rows[split]],
            truncation="only_second", max_length=LENGTH, stride=STRIDE, return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )  # fmt: skip
        windows, places = [], []
        for number, example in enumerate(found["overflow_to_sample_mapping"]):
            of_context = [kind == 1 for kind in found.sequence_ids(number)]
            mapping = found["offset_mapping"][number]
            offsets = [pair if inside else None for pair, inside in zip(mapping, of_context, strict=True)]
            start, end = _span(rows[split][example], offsets)
            window = {name: found[name][number] for name in ("input_ids", "token_type_ids", "attention_mask")}
            windows.append({**window, "start_positions": start, "end_positions": end})
            places.append((example, offsets))
        return windows, places

    train, _ = encode("train")
    dev, places = encode("dev")

    def measure(scores: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
        best = [(-np.inf, "")] * len(rows["dev"])
        for (example, offsets), starts, ends in zip(places, *scores, strict=True):
            for first in np.argsort(-starts[: len(offsets)])[:20]:
                for last in np.argsort(-ends[: len(offsets)])[:20]:
                    if offsets[first] is None or offsets[last] is None or not first <= last < first + LONGEST:
                        continue
                    value = starts[first] + ends[last]
                    if value > best[example][0]:
                        text = rows["dev"][example]["context"][offsets[first][0] : offsets[last][1]]
                        best[example] = (value, text)
        return score(given["task"], [text for _, text in best], rows["dev"])

    return model, train, dev, transformers.DataCollatorWithPadding(tokenizer), measure


def _span(row: dict[str, Any], offsets: list) -> tuple[int, int]:
    """First and last token of the answer, or the window's first token where it is not there whole."""
    if not row["answers"]:
        return 0, 0
    begin = row["answers"][0]["start"]
    end = begin + len(row["answers"][0]["text"])
    inside = [n for n, pair in enumerate(offsets) if pair is not None and pair[0] < end and pair[1] > begin]
    if not inside or offsets[inside[0]][0] > begin or offsets[inside[-1]][1] < end:
        return 0, 0
    return inside[0], inside[-1]


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
