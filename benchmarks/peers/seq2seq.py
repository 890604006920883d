"""An encoder–decoder from new weights by Transformers' Seq2SeqTrainer, at its defaults but for the time it has.

    python -m benchmarks.peers.seq2seq '{"data": FOLDER, "tokenizer": FOLDER, "seconds": 2700, …}'

prints one JSON object: steps, seconds of training, and the scores of the test part. The learning rate (5e-5, linear),
the batch (8 pairs), AdamW and the order are the Trainer's own defaults. It knows no budget of time, so its first steps
are timed, and from them follows how many steps its schedule may have.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TRIAL, LONGEST, BEAMS, BATCH = 30, 128, 4, 32


def main(given: dict[str, Any]) -> dict[str, float]:
    """Train, translate the test part, and score it by Langue's own metrics."""
    import torch
    import transformers

    from langue.metrics.translation import TranslationMetric

    transformers.logging.set_verbosity_error()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(Path(given["tokenizer"]) / "tokenizer.json"))
    end = tokenizer.convert_tokens_to_ids(given["end"])
    tokenizer.pad_token = given["pad"]
    pad = tokenizer.pad_token_id
    torch.manual_seed(given["seed"])
    shape, width = given["shape"], given["shape"]["width"]
    model = transformers.MarianMTModel(
        transformers.MarianConfig(
            vocab_size=len(tokenizer), d_model=width, encoder_layers=shape["encoder_layers"],
            decoder_layers=shape["layers"], encoder_attention_heads=shape["heads"],
            decoder_attention_heads=shape["heads"], encoder_ffn_dim=shape["feedforward"],
            decoder_ffn_dim=shape["feedforward"], max_position_embeddings=512, pad_token_id=pad, eos_token_id=end,
            forced_eos_token_id=end, decoder_start_token_id=pad, share_encoder_decoder_embeddings=True,
            scale_embedding=True,
        )
    )  # fmt: skip

    def ids(texts: list[str]) -> list[list[int]]:
        return [[*row[: LONGEST - 1], end] for row in tokenizer(texts, add_special_tokens=False)["input_ids"]]

    pairs = {split: _pairs(Path(given["data"]) / f"{split}.tsv") for split in ("train", "test")}
    sources, targets = (ids([row[side] for row in pairs["train"]]) for side in ("source", "target"))
    rows = [{"input_ids": a, "labels": b} for a, b in zip(sources, targets, strict=True)]
    collate = transformers.DataCollatorForSeq2Seq(tokenizer, model)

    def train(steps: int) -> float:
        with tempfile.TemporaryDirectory() as place:
            settings = transformers.Seq2SeqTrainingArguments(
                output_dir=place, max_steps=steps, seed=given["seed"], save_strategy="no", logging_strategy="no",
                report_to=[], disable_tqdm=True, use_cpu=True,
            )  # fmt: skip
            trainer = transformers.Seq2SeqTrainer(model, settings, data_collator=collate, train_dataset=rows)
            start = time.perf_counter()
            trainer.train()
            return time.perf_counter() - start

    begin = {name: value.clone() for name, value in model.state_dict().items()}
    train(3)
    steps = max(1, int(given["seconds"] / (train(TRIAL) / TRIAL)))
    model.load_state_dict(begin)
    seconds = train(steps)
    model.eval()
    written = _translate(model, ids([row["source"] for row in pairs["test"]]), tokenizer, pad)
    expected = [row["target"] for row in pairs["test"]]
    bleu, chrf = (TranslationMetric(kind).corpus(written, expected) for kind in ("bleu", "chrf"))
    size = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": size, "steps": steps, "seconds": seconds, "bleu": bleu, "chrf": chrf}


def _pairs(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _translate(model: Any, sources: list[list[int]], tokenizer: Any, pad: int) -> list[str]:
    """By beams, batches of one length."""
    import torch

    order = sorted(range(len(sources)), key=lambda number: -len(sources[number]))
    found = [""] * len(sources)
    for first in range(0, len(order), BATCH):
        numbers = order[first : first + BATCH]
        batch = [torch.tensor(sources[number]) for number in numbers]
        ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=pad)
        valid = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in batch])[:, None]
        with torch.inference_mode():
            written = model.generate(
                ids, attention_mask=valid.long(), num_beams=BEAMS, max_new_tokens=LONGEST, max_length=None
            )
        for number, text in zip(numbers, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
            found[number] = text.strip()
    return found


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
