"""ONNX: any model as a graph that runs without Langue and without torch, checked before it is called done."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from langue.batch import Batch
from langue.errors import LangueError
from langue.extra import need
from langue.files import STAMP, replacing_listed, write_stamp
from langue.hub.checkpoint import LABELS, PretrainedModel, write_source_tokenizer
from langue.models import Model, Seq2Seq
from langue.models.audio_config import AudioConfig
from langue.models.build import plain
from langue.nn.layout import Layout
from langue.nn.mel import HOP, RATE, WINDOW
from langue.nn.state import EncoderOutput
from langue.nn.waveform_front_end import WaveformConfig

onnx, onnxruntime = (need(library, "formats", "export to ONNX") for library in ("onnx", "onnxruntime"))

Output = Literal["logits", "hidden", "scores", "log_probabilities"]

TOLERANCE = 1e-4
"""Largest difference from torch, as a part of the largest number (or of 1), with which a graph is given out."""

_OPSET = 17
_TRACED = (3, 9)
"""Rows and positions of the batch that graphs are written from."""

_CHECKED = ((3, 9), (1, 1), (2, 5), (4, 14))
"""Rows and positions of the batches that they are checked on."""

_INPUTS = {
    "ids": (("batch", "length"), torch.int64, "token numbers"),
    "valid": (("batch", "length"), torch.bool, "false where a token is padding, which may stand on either side"),
    "segments": (("batch", "length"), torch.int64, "which of its texts a token belongs to: 0 for the first"),
    "source": (("batch", "source_length"), torch.int64, "token numbers of the source"),
    "source_valid": (("batch", "source_length"), torch.bool, "false where a source token is padding"),
    "memory": (("batch", "source_length", "width"), torch.float32, "what encoder.onnx made of the source"),
    "features": (("batch", "frames", "bins"), torch.float32, "log-mel features of a recording, 100 frames a second"),
    "features_valid": (("batch", "frames"), torch.bool, "false where a frame is padding, behind the recording"),
    "samples": (("batch", "samples"), torch.float32, "a recording"),
    "samples_valid": (("batch", "samples"), torch.bool, "false where a sample is padding, behind the recording"),
}
_OUTPUTS = {
    "logits": (("batch", "length", "vocabulary"), "a score for each token"),
    "hidden": (("batch", "length", "width"), "a vector for each position"),
    "scores": (("batch", "outputs"), "what the classifier says"),
    "memory": (("batch", "source_length", "width"), "a vector for each source position"),
    "log_probabilities": (("batch", "positions", "vocabulary"), "of each token; the padding token says nothing (CTC)"),
}
_FIXED = ("width", "vocabulary", "outputs", "bins")
"""Axes that are as long as the model has them."""


@dataclass(frozen=True)
class OnnxExport:
    """The result of `export_onnx`.

    Attributes:
        files: names of what was written, in their folder.
        difference: the largest difference between onnxruntime's numbers and torch's.
    """

    files: tuple[str, ...]
    difference: float


def export_onnx(model: Model, folder: Path | str, output: Output | None = None) -> OnnxExport:
    """Write `model.onnx`, or `encoder.onnx` and `decoder.onnx` of an encoder–decoder, with `onnx.json` and a README.

    Batch and length are free. Graphs see whole rows: there is no state in them, so a text is continued by running the
    longer row again. What a graph gives is held against torch on several batches, padded ones too.

    Args:
        model: of any form and mixer, but for encoder–decoders that hear.
        folder: where the files go; what else is in it stays.
        output: what the graph gives; None takes the log-probabilities of an encoder that hears, the classifier's
            scores, or the logits of a model without one.

    Raises:
        LangueError: the numbers differ by more than `TOLERANCE`, the model has no classifier to be asked or hears by
            an encoder–decoder, or the disk is full.
    """
    if model.front_end is not None and model.config.form != "encoder":
        raise LangueError(
            "ONNX graphs are written of encoders that hear, not of encoder–decoders; a Whisper goes out with "
            "--format hf"
        )
    usual: Output = "logits" if model.classifier is None else "scores"
    if model.front_end is not None:
        usual = "log_probabilities"
    output = output or usual
    if (output == "log_probabilities") != (model.front_end is not None):
        raise LangueError(f"the model's graph gives {usual}, not {output}")
    if output == "scores" and model.classifier is None:
        raise LangueError("the model has no classifier that could give scores; ask for logits or hidden")
    folder = Path(folder)
    ready = copy.deepcopy(plain(model)).to("cpu", torch.float32).eval()
    with replacing_listed(folder) as beside:
        # torch puts a module back into the mode that it was in, and all within it: dropout must not come back.
        graphs = [graph.eval() for graph in _graphs(ready, output)]
        with torch.no_grad():
            for graph in graphs:
                _write(graph, ready, beside / graph.file)
                _stamp(beside / graph.file)
            difference = max(_check(graph, ready, beside / graph.file) for graph in graphs)
        _describe(graphs, ready, difference, beside)
        files = sorted(path.name for path in beside.iterdir())
    return OnnxExport(tuple(files), difference)


def write_checkpoint(checkpoint: PretrainedModel, folder: Path) -> None:
    """Graphs, tokenizer and the names of labels, for `langue export`.

    Raises:
        LangueError: see `export_onnx`.
    """
    export_onnx(checkpoint.model, folder)
    if checkpoint.tokenizer is not None:
        checkpoint.tokenizer.save(folder)
    write_source_tokenizer(checkpoint, folder)
    if checkpoint.labels is not None:
        (folder / LABELS).write_text(json.dumps(list(checkpoint.labels), ensure_ascii=False) + "\n", encoding="utf-8")


class _Graph(nn.Module):
    """A function of tensors that becomes one file."""

    file: str
    inputs: tuple[str, ...]
    output: str

    def __init__(self, model: Model, output: str):
        super().__init__()
        self.model = model
        self.output = output

    def finish(self, hidden: Tensor, valid: Tensor) -> Tensor:
        """The graph's output, from hidden vectors."""
        if self.output == "hidden":
            return hidden
        if self.output == "logits":
            return self.model.head(hidden)
        if self.output == "log_probabilities":
            return self.model.head(hidden).log_softmax(-1)
        assert self.model.classifier is not None
        return self.model.classifier(hidden, valid)

    def seen(self, feeds: Mapping[str, Tensor]) -> Tensor:
        """(rows, positions) bool of the output: False on padding."""
        return feeds["valid"]


class _Whole(_Graph):
    """A decoder or an encoder."""

    file = "model.onnx"

    def __init__(self, model: Model, output: str):
        super().__init__(model, output)
        self.inputs = ("ids", "valid") if model.segment is None else ("ids", "valid", "segments")

    def forward(self, ids: Tensor, valid: Tensor, segments: Tensor | None = None) -> Tensor:
        return self.finish(self.model.hidden(Batch(ids, valid=valid, segments=segments)), valid)


class _Hear(_Graph):
    """An encoder of recordings, by their features or samples."""

    file = "model.onnx"

    def __init__(self, model: Model, output: str, audio: AudioConfig):
        super().__init__(model, output)
        self.audio = audio
        of_samples = audio.features == "waveform"
        self.inputs = ("samples", "samples_valid") if of_samples else ("features", "features_valid")

    def forward(self, heard: Tensor, valid: Tensor) -> Tensor:
        source = heard[..., None] if self.audio.features == "waveform" else heard
        return self.finish(self.model.hidden(Batch(valid, source=source, source_valid=valid)), valid)

    def seen(self, feeds: Mapping[str, Tensor]) -> Tensor:
        valid = feeds[self.inputs[1]]
        positions = self.audio.positions(torch.tensor(valid.shape[1]))
        return torch.arange(int(positions)) < self.audio.positions(valid.sum(1))[:, None]


class _Encode(_Graph):
    """The encoder of an encoder–decoder."""

    file = "encoder.onnx"
    inputs = ("source", "source_valid")

    def __init__(self, model: Seq2Seq):
        super().__init__(model, "memory")
        self.whole = model

    def forward(self, source: Tensor, source_valid: Tensor) -> Tensor:
        return self.whole.encode(Batch(source, source=source, source_valid=source_valid)).hidden

    def seen(self, feeds: Mapping[str, Tensor]) -> Tensor:
        return feeds["source_valid"]


class _Decode(_Graph):
    """The decoder of an encoder–decoder, from its target and the encoder's output."""

    file = "decoder.onnx"
    inputs = ("ids", "valid", "memory", "source_valid")

    def __init__(self, model: Seq2Seq, output: str):
        super().__init__(model, output)
        self.whole = model

    def forward(self, ids: Tensor, valid: Tensor, memory: Tensor, source_valid: Tensor) -> Tensor:
        layout = Layout.of(ids, valid, None, causal=True)
        hidden = self.whole.stack(self.whole.embed(ids), layout, memory=EncoderOutput(memory, source_valid))
        return self.finish(hidden, valid)


def _graphs(model: Model, output: str) -> Sequence[_Graph]:
    if model.config.audio is not None:
        return [_Hear(model, output, model.config.audio)]
    if isinstance(model, Seq2Seq):
        return [_Encode(model), _Decode(model, output)]
    return [_Whole(model, output)]


def _write(graph: _Graph, model: Model, path: Path) -> None:
    """Trace the graph. torch's newer exporter takes ten times as long for the same graph, and wants more packages."""
    rows, length = _TRACED
    feeds = _feeds(graph, model, rows, length)
    axes = {name: _free_axes(_INPUTS[name][0]) for name in graph.inputs}
    axes[graph.output] = _free_axes(_axes(graph.output, model))
    with warnings.catch_warnings():
        # It warns that it is the older one, and of every size that it takes for a constant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            tuple(feeds.values()),
            path,
            input_names=list(feeds),
            output_names=[graph.output],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _axes(output: str, model: Model) -> tuple[str, ...]:
    """Names of the dimensions of an output."""
    axes, _ = _OUTPUTS[output]
    if output == "scores" and model.config.classifier is not None and model.config.classifier.level == "position":
        return axes[0], "length", axes[1]
    return axes


def _free_axes(axes: Sequence[str]) -> dict[int, str]:
    return {place: axis for place, axis in enumerate(axes) if axis not in _FIXED}


def _feeds(graph: _Graph, model: Model, rows: int, length: int) -> dict[str, Tensor]:
    """Random inputs of a graph, padded on the left in one row and on the right in the next; recordings on the right."""
    draws = torch.Generator().manual_seed(length)
    audio, length = model.config.audio, min(length, model.config.context)
    if audio is not None:
        of_samples = audio.features == "waveform"
        least = audio.waveform.least if of_samples else 1
        frames = least + (length - 1) * audio.waveform.hop if of_samples else length * round(audio.stride) - 1
        lengths = torch.linspace(frames, max(least, frames / 2), rows).long()
        heard = torch.randn(rows, frames, audio.frame_width, generator=draws)
        inputs = heard[..., 0] if of_samples else heard, torch.arange(frames) < lengths[:, None]
        return dict(zip(graph.inputs, inputs, strict=True))
    source_length = min(length + 2, model.config.context)
    sources = model.config.source_vocab_size or model.config.vocab_size
    tensors = {
        "ids": torch.randint(model.config.vocab_size, (rows, length), generator=draws),
        "valid": _padded(rows, length),
        "segments": torch.randint(max(1, model.config.segments), (rows, length), generator=draws),
        "source": torch.randint(sources, (rows, source_length), generator=draws),
        "source_valid": _padded(rows, source_length),
    }
    if isinstance(model, Seq2Seq):
        tensors["memory"] = model.encode(
            Batch(tensors["ids"], source=tensors["source"], source_valid=tensors["source_valid"])
        ).hidden
    return {name: tensors[name] for name in graph.inputs}


def _padded(rows: int, length: int) -> Tensor:
    valid = torch.ones(rows, length, dtype=torch.bool)
    valid[1:2, : length // 2] = False
    valid[2:3, (length + 1) // 2 :] = False
    return valid


def _stamp(path: Path) -> None:
    """Add the hash of a graph's file to its metadata: what is appended to a message belongs to it."""
    entry = onnx.StringStringEntryProto(key="langue.sha256", value=STAMP)
    with path.open("ab") as file:
        file.write(onnx.ModelProto(metadata_props=[entry]).SerializeToString())
    write_stamp(path)


def _check(graph: _Graph, model: Model, path: Path) -> float:
    """The largest difference from torch, at positions that are no padding.

    Raises:
        LangueError: it is too large.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for rows, length in _CHECKED:
        feeds = _feeds(graph, model, rows, length)
        expected = graph(*feeds.values()).numpy()
        result = session.run([graph.output], {name: value.numpy() for name, value in feeds.items()})[0]
        if result.shape != expected.shape:
            raise LangueError(
                f"{graph.file} gives {result.shape} where torch gives {expected.shape}; nothing was written"
            )
        if _axes(graph.output, model)[1] not in _FIXED:
            seen = graph.seen(feeds).numpy()
            result, expected = result[seen], expected[seen]
        difference = float(np.abs(result - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise LangueError(
                f"{graph.file} gives numbers that differ from torch's by {difference:.2g}, more than rounding would; "
                f"nothing was written"
            )
        worst = max(worst, difference)
    return worst


def _describe(graphs: Sequence[_Graph], model: Model, difference: float, folder: Path) -> None:
    """Say what goes in and comes out: to programs in onnx.json, to people in a README."""
    described = {
        graph.file: {
            "inputs": {name: _input(name) for name in graph.inputs},
            "outputs": {graph.output: {"shape": _axes(graph.output, model), "type": "float32", "what": _what(graph)}},
        }
        for graph in graphs
    }
    content = {
        "version": 1,
        "form": model.config.form,
        "vocab_size": model.config.vocab_size,
        **({"source_vocab_size": own} if (own := model.config.source_vocab_size) else {}),
        **({} if model.config.audio is None else {"audio": model.config.audio.model_dump(mode="json")}),
        "longest": model.context_limit,
        "largest_difference": difference,
        "graphs": described,
    }
    (folder / "onnx.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(described, model), encoding="utf-8")


def _input(name: str) -> dict[str, Any]:
    axes, dtype, what = _INPUTS[name]
    return {"shape": axes, "type": str(dtype).removeprefix("torch."), "what": what}


def _what(graph: _Graph) -> str:
    return _OUTPUTS[graph.output][1]


def _readme(described: Mapping[str, Any], model: Model) -> str:
    lines = ["# A model of Langue as ONNX", ""]
    for file, sides in described.items():
        lines += [f"`{file}`", "", "| | name | shape | type | what |", "|---|---|---|---|---|"]
        for side in ("inputs", "outputs"):
            for name, entry in sides[side].items():
                shape = " × ".join(entry["shape"])
                lines.append(f"| {side[:-1]} | `{name}` | {shape} | {entry['type']} | {entry['what']} |")
        lines.append("")
    if model.context_limit is not None:
        lines += [f"Rows of up to {model.context_limit} positions.", ""]
    audio = model.config.audio
    if audio is None:
        return "\n".join([*lines, "The graphs keep no state: to continue a text, run the longer row.", ""])
    return "\n".join([*lines, _of_samples(audio.waveform) if audio.features == "waveform" else _of_features(audio), ""])


def _of_features(audio: AudioConfig) -> str:
    return (
        f"Each {audio.stride:g} frames become one position, rounded up. Features are what `langue.nn.mel.log_mel` "
        f"makes of one channel of {RATE:,} Hz: a Hann window of {WINDOW} samples every {HOP}, the squares of its "
        f"spectrum in {audio.bins} bands of Slaney's mel scale, their logarithms, normalised as `audio` in `onnx.json` "
        f"says."
    )


def _of_samples(waveform: WaveformConfig) -> str:
    level = "brought to mean 0 and deviation 1, padding aside" if waveform.normalise else "between -1 and 1"
    return (
        f"Samples are one channel of {RATE:,} Hz, {level}; a recording has {waveform.least} at least, with silence "
        f"behind it if need be. A position sees {waveform.least} of them, and the next one begins {waveform.hop} later."
    )
