"""The base of all models, whatever their form: hidden vectors, logits, and the parameters by their depth."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from langue.allocator import give_back_freed
from langue.batch import Batch
from langue.errors import LangueError
from langue.models.audio_config import AudioConfig
from langue.models.config import EmbedderConfig, ModelConfig
from langue.models.stack import Stack, embedding_scale
from langue.nn.audio_front_end import AudioFrontEnd
from langue.nn.embedding import Embedding, Head, Scale
from langue.nn.heads import Classifier, Dense, Embedder
from langue.nn.norm import make_norm
from langue.nn.roles import roles
from langue.nn.state import State
from langue.nn.waveform_front_end import WaveformFrontEnd
from langue.quantization.linear import QuantizedLinear


@dataclass(frozen=True)
class Base:
    """The trained model that adapters stand on, whose weights are kept where they are.

    Attributes:
        path: where it was read: a folder's, hf:OWNER/NAME or package:NAME.
        sha256: fingerprint of its weights.
    """

    path: str
    sha256: str


class Model(nn.Module):
    """A language model: `forward(batch, state) = head(hidden(batch, state))`.

    Attributes:
        config: its architecture.
        base: the model that its adapters stand on; None of a model that holds all of its weights itself.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        if config.vocab_size < 1:
            raise LangueError("a model needs a vocab_size of at least 1; it is usually the tokenizer's")
        self.config = config
        self.base: Base | None = None
        width = config.resolved_embedding_width
        audio = config.audio
        self.front_end = None if audio is None else _front_end(audio, width, config.norm_epsilon)
        self.embedding = (
            Embedding(config.vocab_size, width, bias=config.embedding_bias, scale=embedding_scale(config))
            if audio is None or config.form != "encoder"
            else None
        )
        self.segment = Embedding(config.segments, width, part="segment") if config.segments else None
        self.head = Head(
            config.vocab_size,
            config.width,
            bias=config.head_bias,
            tied=self.embedding if config.tie_embeddings else None,
            prepare=_prepare(config),
            cap=config.logit_cap,
        )
        self.classifier = _classifier(config)
        self.embedder = None if config.embedder is None else make_embedder(config.embedder, config.read_width)

    def embed(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """(B, T) tokens, and of which text each is, as vectors (B, T, embedding width)."""
        assert self.embedding is not None
        x = self.embedding(ids)
        if self.segment is None:
            return x
        if segments is None:
            return x + self.segment.table.matrix()[0]
        # RoBERTa has a vector for one text alone, whatever the tokenizer says of a second.
        return x + self.segment(segments.clamp(max=self.config.segments - 1))

    @abstractmethod
    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        """(B, T, width): what the head turns into logits."""

    @abstractmethod
    def start(self, batch: Batch) -> State:
        """A state for the rows of a batch, before its first position."""

    @abstractmethod
    def attention(self, batch: Batch) -> list[Tensor]:
        """(B, heads, T, S) for each block that has attention: its weights, of each position for each other one."""

    def forward(self, batch: Batch, state: State | None = None) -> Tensor:
        """(B, T, V) logits. With a state, the batch continues what the state remembers."""
        return self.head(self.hidden(batch, state))

    def classify(self, batch: Batch) -> Tensor:
        """(B, outputs) of the classifier, or (B, T, outputs) of one that judges positions."""
        assert self.classifier is not None
        return self.classifier(self.hidden(batch), batch.valid)

    def read(self, batch: Batch) -> Tensor:
        """(B, T, width): the hidden vectors of a text that is only to be understood, given as `ids`."""
        return self.hidden(batch)

    def represent(self, batch: Batch) -> Tensor:
        """(B, size) of the embedder."""
        assert self.embedder is not None
        return self.embedder(self.read(batch), batch.valid)

    @property
    def has_blank_head(self) -> bool:
        """True of an encoder of recordings that has not learnt to write: its head is zeros."""
        return self.embedding is None and not self.head.output.matrix().any()

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        widened = (layer.precision for layer in self.modules() if isinstance(layer, QuantizedLinear))
        few_bits = None if self.config.quantization is None else next(widened, None)
        return few_bits or next(self.parameters()).dtype

    def assign(self, parameters: Mapping[str, Tensor]) -> Self:
        """Take tensors for its parameters, by name, in their own memory; the model itself."""
        self.load_state_dict(dict(parameters), strict=False, assign=True)
        return self

    def recompute(self) -> None:
        """Keep no more of a forward pass than the input of each layer, for the rest to be worked out anew."""
        for stack in self.stacks:
            stack.recompute = True
        give_back_freed()

    @property
    def context_limit(self) -> int | None:
        """Number of positions that the model can be trusted with, or None when it carries its memory on without end."""
        limited = "attention" in self.config.mixers or self.config.position == "learned"
        return self.config.context if limited else None

    @property
    def stacks(self) -> list[Stack]:
        """The stack that reads, where there are two, and the one whose output the head gets."""
        return [part for part in self.children() if isinstance(part, Stack)]

    @property
    def heads(self) -> list[nn.Module]:
        """The heads on the hidden vectors."""
        return [head for head in (self.head, self.classifier, self.embedder) if head is not None]

    @property
    def reading_parts(self) -> list[nn.Module]:
        """The modules that only a source goes through; none of a model of one side."""
        return []

    @property
    def depth(self) -> int:
        """The depth of heads: one more than there are blocks, on the deeper side."""
        return 1 + max(len(stack.blocks) for stack in self.stacks)

    def depths(self) -> dict[str, int]:
        """Depth of each parameter, in layers above the input: embeddings 0, blocks 1, 2, …, heads one above all.

        What stands after the last block belongs to it. An encoder–decoder's sides are counted each by itself; a matrix
        that a head shares with the embedding is the embedding's.
        """
        depths = {id(parameter): self.depth for head in self.heads for parameter in head.parameters()}
        for stack in self.stacks:
            for number, block in enumerate(stack.blocks, 1):
                depths |= {id(parameter): number for parameter in block.parameters()}
            depths |= {id(parameter): len(stack.blocks) for parameter in stack.norm.parameters()}
        if self.embedding is not None:
            depths |= {id(parameter): 0 for parameter in self.embedding.parameters()}
        return {name: depths.get(id(parameter), 0) for name, parameter in self.named_parameters()}

    def matrices(self) -> dict[str, tuple[int, ...]]:
        """Names of the matrices and adapters between embedding and head, with the rows of each stacked one."""
        return {name: role.blocks for name, role in roles(self).items() if role.kind == "matrix" or role.is_thin}


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Let a model drop nothing out inside; afterwards it trains again if it did before."""
    if not any(part.training for part in model.modules()):
        yield
        return
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _front_end(audio: AudioConfig, width: int, epsilon: float) -> AudioFrontEnd | WaveformFrontEnd:
    """The convolutions that stand where a text's embedding would."""
    if audio.features == "waveform":
        return WaveformFrontEnd(audio.waveform, width, epsilon)
    return AudioFrontEnd(audio.bins, width, audio.strides)


def _prepare(config: ModelConfig) -> nn.Module | None:
    """The layers before the head."""
    layers: list[nn.Module] = []
    if config.head_dense != "none":
        layers.append(Dense(config.width, config.head_dense, bias=config.head_dense_bias))
    if config.head_norm:
        layers.append(make_norm(config.norm, config.width, config.norm_epsilon, config.head_dense_bias))
    if config.head_scale:
        layers.append(Scale(config.width**-0.5))
    if len(layers) > 1:
        return nn.Sequential(*layers)
    return layers[0] if layers else None


def make_embedder(config: EmbedderConfig, width: int) -> Embedder:
    """The head of a configuration for hidden vectors of a width."""
    inputs = [width, *(layer.width for layer in config.layers)]
    layers = [
        Dense(before, layer.activation, layer.width, bias=layer.bias)
        for before, layer in zip(inputs, config.layers, strict=False)
    ]
    return Embedder(config.pooling, width, layers, normalise=config.normalise)


def _classifier(config: ModelConfig) -> Classifier | None:
    chosen = config.classifier
    if chosen is None:
        return None
    return Classifier(
        config.width,
        chosen.outputs,
        level=chosen.level,
        pooling=chosen.pooling,
        dense=chosen.dense,
        bias=chosen.bias,
        dropout=config.dropout,
        dense_bias=chosen.dense_bias,
        norm=make_norm(config.norm, config.width, config.norm_epsilon, chosen.dense_bias) if chosen.norm else None,
    )
