"""Size and cost of a model, from its configuration alone: nothing is allocated, nothing computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from langue.batch import Batch
from langue.models.build import outline
from langue.models.config import ModelConfig
from langue.models.layers import CrossSpec, DisentangledSpec, LayerSpec, RelativeSpec, WindowSpec
from langue.models.model import Model
from langue.nn.attention import AttentionSpec
from langue.nn.mel import HOP
from langue.nn.roles import roles
from langue.quantization.linear import quantized_layers


def parameters(config: ModelConfig) -> int:
    """Number of numbers that the model learns; a matrix that two places share counts once."""
    return sum(parameter.numel() for parameter in outline(config.replace(quantization=None)).parameters())


def numbers_of(model: Model) -> int:
    """Number of numbers that a model's parameters stand for; one of few bits is one, whatever bytes it takes."""
    bits = quantized_layers(model).values()
    spared = sum(layer.out_features * layer.in_features - sum(x.numel() for x in layer.held.values()) for layer in bits)
    return spared + sum(parameter.numel() for parameter in model.parameters())


def flops_per_token(config: ModelConfig, context: int | None = None, source: float | None = None) -> int:
    """Floating-point operations of training on one token: forward, and twice as many backward.

    6 for each number of a matrix, a convolution or an adapter that is multiplied with (embeddings are looked up, not
    multiplied), 4 for one that does not learn, and 12 · width of all heads · visible positions for each layer of
    attention (Chowdhery et al. 2022, "PaLM", appendix B, which counts a causal layer as if it saw everything). For an
    encoder–decoder this is one token of the target together with its share of the source: one token, where they are of
    one length.

    Args:
        config: the model.
        context: length of the rows; None takes the configuration's.
        source: length of an encoder–decoder's sources; None takes that of the rows.
    """
    model = outline(config.replace(quantization=None))
    length = context or config.context
    read = length if source is None else source
    share = read / length
    multiplied = float(model.head.output.out_features * model.head.output.in_features)
    for stack in model.stacks:
        named = roles(stack)
        for name, parameter in stack.named_parameters():
            if named[name].is_multiplied:
                # What works on the source: its encoder, and what the decoder makes of what it has read.
                of_source = stack is not model.stacks[-1] or named[name].of_source
                learning = 1 if parameter.requires_grad else 4 / 6
                multiplied += parameter.numel() * learning * (share if of_source else 1)
    attended: float = _attended(config, length)
    if config.form == "seq2seq":
        attended += _attended(config.encoder_config(), read) * share
        attended += sum(spec.cross.heads * spec.cross.head_width for spec in config.layer_specs if spec.cross) * read
    return round(6 * multiplied + 12 * attended)


def _attended(config: ModelConfig, length: float) -> float:
    mixers = [spec.mixer for spec in config.layer_specs]
    return sum(
        mixer.heads * mixer.head_width * min(length, mixer.window or length)
        for mixer in mixers
        if isinstance(mixer, AttentionSpec)
    )


def activations(config: ModelConfig, rows: int, context: int, source: int | None = None) -> int:
    """Bytes that a forward pass in fp32 keeps for the backward pass, parameters and logits aside.

    The model is run on tensors that have a shape and no content, and what autograd would keep is added up. On a CPU
    an LSTM keeps about a third more for its own workspace.

    Args:
        config: the model.
        rows: rows of the pass.
        context: length of the rows; of recordings in hundredths of a second.
        source: length of an encoder–decoder's sources; None takes that of the rows.
    """
    model, read = outline(config), context if source is None else source
    ids = torch.zeros(rows, context, dtype=torch.long, device="meta")
    sources = torch.zeros(rows, read, dtype=torch.long, device="meta") if config.form == "seq2seq" else None
    if config.audio is not None:
        frames = (context if source is None else source) * HOP // config.audio.frame
        sources = torch.zeros(rows, frames, config.audio.frame_width, device="meta")
    batch = Batch(ids, source=sources)
    # Storages on the meta device have no address; the tensors are kept alive lest an identity be given out twice.
    known = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage()._cdata not in known:
            known.add(tensor.untyped_storage()._cdata)
            kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.hidden(batch)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept) - _never_kept(config, rows, context, read)


def _never_kept(config: ModelConfig, rows: int, context: int, source: int) -> int:
    """Bytes of attention weights that torch keeps for tensors without content and never for real ones.

    Real ones go through fused attention, which keeps no weights, but for a mask of the window; with dropout or a bias
    of positions a CPU has none, and keeps the weights.
    """
    kept = 0
    for spec in config.layer_specs:
        if spec.dropout or isinstance(spec.position, RelativeSpec | DisentangledSpec):
            continue
        if isinstance(spec.mixer, AttentionSpec) and spec.mixer.score_cap is None:
            kept += context**2 * (spec.mixer.heads * rows - (spec.mixer.window is not None))
        if spec.cross is not None and spec.cross.kind == "attention":
            kept += context * source * spec.cross.heads * rows
    own = _never_kept(config.encoder_config(), rows, source, source) if config.form == "seq2seq" else 0
    return own + 4 * kept


def weight_bytes(config: ModelConfig) -> int:
    """Bytes of a model's weights in memory, and of the numbers beside them that never change."""
    return _bytes_of(outline(config))


def _bytes_of(model: Model) -> int:
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that training needs at its peak, by what they hold."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits


def memory(
    config: ModelConfig,
    rows: int,
    context: int | None = None,
    optimizer: Literal["adamw", "muon"] = "adamw",
    source: int | None = None,
    recompute: bool = False,
    freeze: Callable[[Model], object] | None = None,
) -> TrainingMemory:
    """An estimate of what training in fp32 needs at its peak, of which nothing is run.

    Measured peaks are 0.75 to 1.25 times of it: gradients grow while activations are given back, kernels want room.

    Args:
        config: the model.
        rows: rows of one forward pass.
        context: length of the rows; None takes the configuration's.
        optimizer: AdamW keeps two numbers for each parameter; Muon keeps one for those of matrices.
        source: length of an encoder–decoder's sources; None takes that of the rows.
        recompute: keep the inputs of layers alone, and work out one layer at a time anew.
        freeze: takes `requires_grad` from the parameters that keep their values.

    Raises:
        LangueError: `freeze` does.
    """
    model = outline(config)
    if freeze is not None:
        freeze(model)
    length = context or config.context
    kept_for_backward = activations(config, rows, length, source)
    if recompute:
        layers = sum(len(stack.blocks) for stack in model.stacks)
        kept_for_backward = kept_for_backward // layers + 4 * layers * rows * max(length, source or 0) * config.width
    every = model.named_parameters()
    learned = {name: parameter.numel() for name, parameter in every if parameter.requires_grad}
    in_matrices = sum(learned.get(name, 0) for name in model.matrices())
    kept = 2 * sum(learned.values()) - (in_matrices if optimizer == "muon" else 0)
    # The loss holds some rows' logits and their logarithms, and the head's gradient before and after it is scaled.
    vocabulary = config.vocab_size
    at_once = min(rows * length * vocabulary, max(256 * vocabulary, 1 << 21))
    return TrainingMemory(
        weights=_bytes_of(model),
        gradients=4 * sum(learned.values()),
        optimizer=4 * kept,
        activations=kept_for_backward,
        logits=4 * (2 * at_once + 2 * vocabulary * config.width),
    )


@dataclass(frozen=True)
class _Bound:
    """Sizes that nothing in a layer exceeds, but for what is inside it."""

    width: int
    inside: int
    heads: int
    buckets: int

    @classmethod
    def of(cls, spec: LayerSpec, width: int) -> _Bound:
        """The bound of a layer whose input and output are no wider."""
        attention = [part for part in (spec.mixer, spec.cross) if isinstance(part, AttentionSpec | CrossSpec)]
        width = max([width, *(part.heads * part.head_width for part in attention)])
        inside = 4 * spec.width if spec.feedforward is None else spec.feedforward.width
        inside += spec.bottleneck or 0
        if isinstance(spec.mixer, WindowSpec):
            inside = max(inside, width * spec.mixer.size)
        if spec.convolution is not None:
            inside = 2 * inside + spec.convolution
        buckets = 2 * spec.position.buckets if isinstance(spec.position, RelativeSpec | DisentangledSpec) else 0
        return cls(width, inside, max([0, *(part.heads for part in attention)]), buckets)


def ceiling(config: ModelConfig, rows: int, context: int | None = None) -> int:
    """Bytes that `memory` stays below, by arithmetic alone: its outline of a model costs a second, recurrence several.

    No block has matrices of more than 40 · width² + 3 · width · (window and feedforward) numbers, a Conformer's twice
    the latter and a convolution, and each position leaves at most four copies of what goes into and out of them.
    """
    length = context or config.context
    learned = 2 * config.vocab_size * max(config.width, config.resolved_embedding_width)
    kept = 0
    for side in config.sides:
        pattern, repeat = side.layer_pattern, side.layer_count // len(side.layer_pattern)
        bounds = [_Bound.of(spec, max(side.width, side.resolved_embedding_width)) for spec in pattern]
        width = max(bound.width for bound in bounds)
        learned += sum(repeat * (40 * bound.width**2 + 3 * bound.width * bound.inside) for bound in bounds)
        learned += (length + sum(bound.buckets for bound in bounds) + 9) * width
        kept += sum((repeat + 1) * (40 * bound.width + 4 * bound.inside + 2 * bound.heads * length) for bound in bounds)
    at_once = 2 * config.vocab_size * max(256, config.width) + 2 * (1 << 21)
    return 4 * (4 * learned + 4 * rows * length * kept + at_once) + (1 << 20)
