"""faster-whisper, which runs a Whisper by CTranslate2, one recording after the other as its users do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

BEAMS = 5


def maker(*, folder: str, files: list[str], answers: str) -> Callable[[], object]:
    """All files once; the texts go into a file."""
    import faster_whisper
    import torch

    model = faster_whisper.WhisperModel(
        folder, device="cpu", compute_type="float32", cpu_threads=torch.get_num_threads()
    )

    def step() -> None:
        texts = []
        for file in files:
            segments, _ = model.transcribe(file, beam_size=BEAMS)
            texts.append(" ".join(segment.text.strip() for segment in segments))
        Path(answers).write_text(json.dumps(texts), encoding="utf-8")

    return step
