"""Transformers' Trainer with a teacher's divergence in its loss, as its users write it, and a student of fewer layers.

    python -m benchmarks.peers.distillation '{"folder": …, "teacher": …, "model": …, "epochs": 3, …}'

prints one JSON object: seconds of training and of one evaluation, and the accuracy on the dev part. `teacher` is a
folder of Transformers that classifies; the student has its embeddings, pooler and head and every second of its layers.
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.fine_tuning import training_arguments

LENGTH = 512


def main(given: dict[str, Any]) -> dict[str, float]:
    """Distil and evaluate once."""
    import datasets
    import torch
    import torch.nn.functional as F
    import transformers

    from langue.data.benchmarks import read_benchmark

    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    rows = {split: read_benchmark("glue/SST-2", Path(given["folder"]), split) for split in ("train", "dev")}
    tokenizer = transformers.AutoTokenizer.from_pretrained(given["teacher"])
    teacher = transformers.AutoModelForSequenceClassification.from_pretrained(given["teacher"]).eval()
    student = copy.deepcopy(teacher)
    student.config.num_hidden_layers = given["layers"]
    whole = len(teacher.bert.encoder.layer)
    student.bert.encoder.layer = torch.nn.ModuleList(
        copy.deepcopy(teacher.bert.encoder.layer[(n + 1) * whole // given["layers"] - 1])
        for n in range(given["layers"])
    )
    labels = [teacher.config.id2label[number] for number in range(2)]

    def encode(split: str) -> list[dict[str, Any]]:
        words = tokenizer([row["text"] for row in rows[split]], truncation=True, max_length=LENGTH)
        return [
            {**{name: words[name][n] for name in words}, "labels": labels.index(row["label"])}
            for n, row in enumerate(rows[split])
        ]

    class Distiller(transformers.Trainer):
        """A Trainer whose loss has a teacher's share."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any) -> Any:
            outputs = model(**inputs)
            with torch.no_grad():
                taught = teacher(**{name: value for name, value in inputs.items() if name != "labels"}).logits
            heat, share = given["temperature"], given["weight"]
            own, theirs = (outputs.logits / heat).log_softmax(-1), (taught / heat).softmax(-1)
            soft = F.kl_div(own, theirs, reduction="batchmean") * heat**2
            loss = (1 - share) * outputs.loss + share * soft
            return (loss, outputs) if return_outputs else loss

    with tempfile.TemporaryDirectory() as place:
        settings = training_arguments(given, place)
        collate = transformers.DataCollatorWithPadding(tokenizer)
        trainer = Distiller(student, settings, data_collator=collate, train_dataset=encode("train"))
        dev = encode("dev")
        start = time.perf_counter()
        trainer.train()
        predicted = trainer.predict(dev).predictions.argmax(-1)
        seconds = time.perf_counter() - start
    right = [labels[number] == row["label"] for number, row in zip(predicted, rows["dev"], strict=True)]
    return {"seconds": seconds, "accuracy": sum(right) / len(right)}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
