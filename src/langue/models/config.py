"""What a model is made of, as data: every choice of architecture and form is one field."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from langue.errors import LangueError
from langue.models.presets import PRESETS, preset
from langue.nn.attention import AttentionBias, QueryKeyNorm
from langue.nn.block import BlockKind, NormPlace
from langue.nn.classic_attention import CrossKind
from langue.nn.dense import DenseKind
from langue.nn.feedforward import FeedforwardKind
from langue.nn.mel import FeatureKind
from langue.nn.norm import NormKind
from langue.nn.pooling import Pooling
from langue.nn.position import PositionKind
from langue.nn.rotary import RotaryScaling
from langue.settings import Settings, parse

MixerKind = Literal["attention", "lstm", "gru", "rnn", "window"]
Form = Literal["decoder", "encoder", "seq2seq"]

# What belongs to a whole seq2seq: vocabularies, embeddings, the head, and how the one side looks at the other.
_SHARED = {
    "form",
    "encoder",
    "vocab_size",
    "source_vocab_size",
    "decoder_start",
    "forced_start",
    "cross",
    "embedding_width",
    "embedding_bias",
    "embedding_scale",
    "segments",
    "tie_embeddings",
    "head_bias",
    "head_dense",
    "head_norm",
    "head_scale",
    "classifier",
    "embedder",
    "audio",
}


class ClassifierConfig(Settings):
    """A head that gives some numbers for a whole text, or for each of its positions."""

    each: Literal["text", "position"] = "text"
    """What gets the numbers: the text, or each position."""
    outputs: int = Field(default=0, ge=0)
    """How many: classes, or 1 for a number; 0 gives the vector itself that they would be made of."""
    pooling: Pooling = "mean"
    """The vector of a text: its first position's, its last one's, or the mean of all."""
    dense: DenseKind = "none"
    """A dense layer of this activation before the outputs, as BERT has one (tanh)."""
    bias: bool = True
    """A bias for each output."""


class LayerConfig(Settings):
    """A dense layer that a text's vector goes through."""

    width: int = Field(ge=1)
    """How many numbers it gives."""
    activation: DenseKind = "none"
    """What it does to each of them."""
    bias: bool = True
    """A bias for each."""


class EmbedderConfig(Settings):
    """A head that gives a vector for a whole text."""

    pooling: Pooling = "mean"
    """The vector of a text: its first position's, its last one's, or the mean of all; see `langue.nn.pooling`."""
    layers: tuple[LayerConfig, ...] = ()
    """Dense layers after it."""
    normalise: bool = True
    """Whether vectors have the length 1, so that a dot product is the cosine."""


class AudioConfig(Settings):
    """How a model hears: what a recording is made into before the encoder's first block."""

    features: FeatureKind = "filterbank"
    """Log-mel energies, normalised, or scaled as Whisper has them."""
    normalisation: Literal["recording", "global"] = "recording"
    """By what a filterbank is normalised: by the mean and deviation of each recording, whose loudness then does not
    matter, or by those of each bin over the recordings to learn from."""
    levels: tuple[tuple[float, float], ...] = ()
    """The latter: mean and deviation of each bin; they are found out before the training."""
    bins: int = Field(default=80, ge=1, le=256)
    """Bands of the mel scale."""
    strides: tuple[Literal[1, 2], ...] = Field(default=(2, 2), min_length=1)
    """How many frames or positions each of the convolutions makes one: two of stride 2 make one position of 40 ms."""

    spells: bool = False
    """Whether a seq2seq's encoder writes as well, a token or nothing at each position, as one alone does (CTC)."""

    alignment_heads: tuple[tuple[int, int], ...] = ()
    """Blocks and heads of a seq2seq's decoder, both from 0, that look at what they write down, by which the times of
    words are found; none takes all of the later half."""

    @model_validator(mode="after")
    def _check(self) -> AudioConfig:
        if self.normalisation == "global" and self.features != "filterbank":
            raise ValueError(
                f"{self.features} features have a scale of their own; normalisation: global is for filterbank"
            )
        if self.levels and (self.normalisation != "global" or len(self.levels) != self.bins):
            raise ValueError("levels are for normalisation: global, and as many as there are bins")
        return self

    @property
    def stride(self) -> int:
        """Hundredths of a second that become one position."""
        return math.prod(self.strides)


class ModelConfig(Settings):
    """The architecture of a model; `preset: NAME` fills in what is not given.

    Sizes are in units of one number: a width is the length of a vector, a context a number of positions.
    """

    form: Form = "decoder"
    """Who sees whom: a decoder its past, an encoder everything, a seq2seq's decoder also its encoder's output."""
    mixer: MixerKind = "attention"
    """How positions exchange information."""
    block: BlockKind = "plain"
    """What stands around the mixer: a feedforward layer after it, or, of a Conformer, one half before it and one half
    after it, and a convolution over the nearest positions between (Gulati et al. 2020)."""
    convolution: int = Field(default=31, ge=1)
    """Positions that a Conformer's convolution sees, itself included."""
    vocab_size: int = Field(default=0, ge=0)
    """Number of tokens; 0 takes the tokenizer's."""
    source_vocab_size: int = Field(default=0, ge=0)
    """Number of tokens of a seq2seq's source, where that has a vocabulary of its own; 0 shares the target's."""
    decoder_start: int | None = Field(default=None, ge=0)
    """The token that a seq2seq's decoder begins with; null takes the tokenizer's start, or else its end."""
    forced_start: int | None = Field(default=None, ge=0)
    """The token that whatever a seq2seq writes must begin with, such as mBART's language; null leaves it free."""
    context: int = Field(default=256, ge=1)
    """Positions of a training row; attention is never asked to look farther."""
    width: int = Field(default=128, ge=1)
    """Width of the stack: what one block passes to the next."""
    layers: int = Field(default=4, ge=0)
    """Number of blocks."""

    heads: int = Field(default=4, ge=1)
    """Heads of attention."""
    key_heads: int | None = Field(default=None, ge=1)
    """Heads of keys and values, which groups of heads share; null gives each head its own."""
    head_width: int | None = Field(default=None, ge=1)
    """Width of one head; null takes width / heads."""
    window: int | None = Field(default=None, ge=1)
    """How many positions a position sees, itself included: attention's sliding window, or the window mixer's size."""
    query_key_norm: QueryKeyNorm = "none"
    """RMS-normalise queries and keys: plain, or weighted by numbers that are learned (Qwen3)."""
    query_key_norm_epsilon: float | None = Field(default=None, gt=0)
    """Added to their mean square; null takes the smallest difference that numbers near 1 can have."""
    score_scale: bool = True
    """Divide attention's scores by √(head width); T5 does not."""
    cross: CrossKind = "attention"
    """How a seq2seq's decoder looks at its source: attention of many heads, or as Bahdanau and Luong did with one."""
    attention_bias: AttentionBias | None = None
    """Biases of attention's projections, where they differ from `bias`: none, query_key_value (Qwen2), or all."""

    position: PositionKind = "rotary"
    """How attention knows the order; recurrence and windows know it by themselves and want `none`."""
    position_offset: int = Field(default=0, ge=0)
    """The number of the first learned position; RoBERTa counts from 2."""
    rotary_theta: float = Field(default=10_000.0, gt=0)
    """The slowest rotary wavelength, in radians' worth of positions."""
    rotary_scaling: RotaryScaling | None = None
    """How rotary positions were stretched to a longer context than they were learned for."""
    relative_buckets: int = Field(default=32, ge=4)
    """Buckets of relative positions."""
    relative_reach: int = Field(default=128, ge=2)
    """Distance from which on all relative positions share the last bucket."""

    norm: NormKind = "rms"
    """Normalisation of the sublayers."""
    norm_place: NormPlace = "pre"
    """Before a sublayer, or after its shortcut."""
    norm_epsilon: float = Field(default=1e-5, gt=0)
    """Added to a variance before its root is taken."""
    residual: bool = True
    """Shortcuts around the sublayers."""
    feedforward: FeedforwardKind = "relu2"
    """The feedforward layer's activation, or none."""
    feedforward_width: int | None = Field(default=None, ge=1)
    """Width inside the feedforward layer; null takes 4 × width."""
    bias: bool = False
    """Biases in the projections and in LayerNorm."""

    embedding_width: int | None = Field(default=None, ge=1)
    """Width of the embedding; null takes the stack's."""
    embedding_bias: bool = False
    """A bias shared by all embeddings: E(x) = W·x + b."""
    embedding_norm: bool = False
    """Normalise what the embeddings (and positions) give, as BERT does."""
    embedding_scale: bool = False
    """Multiply embeddings by √width, as the Transformer of 2017 does."""
    segments: int = Field(default=0, ge=0)
    """How many texts of one row are told apart by a learned vector of their own (BERT: 2); 0 tells none apart."""
    tie_embeddings: bool = True
    """The head uses the embedding's matrix."""
    head_bias: bool = False
    """A bias for each token's logit."""
    head_dense: DenseKind = "none"
    """A dense layer of this activation before the head, as BERT has one (gelu)."""
    head_norm: bool = False
    """Normalise what that dense layer gives."""
    head_scale: bool = False
    """Divide by √width before the head, as T5 of 2019 does, whose embeddings are large."""
    classifier: ClassifierConfig | None = None
    """A second head that judges whole texts or single positions."""

    embedder: EmbedderConfig | None = None
    """A head that gives a vector for a whole text."""

    audio: AudioConfig | None = None
    """How the encoder of recordings hears, instead of reading tokens: a seq2seq's, or one whose head writes (CTC)."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropping a number after the embedding, attention's softmax, and each sublayer."""
    initial_deviation: float | None = Field(default=None, gt=0)
    """Standard deviation of new matrices; null takes 1/√(input width)."""
    zero_output: bool = False
    """Begin with zeros in the last matrix of each sublayer, so that a new model is its embedding and head alone."""

    encoder: dict[str, Any] | None = None
    """A seq2seq's encoder, where it differs from its decoder: a preset, or fields of this configuration by name."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and "preset" in given:
            rest = {key: value for key, value in given.items() if key != "preset"}
            try:
                return {**preset(given["preset"]), **rest}
            except LangueError as error:
                raise ValueError(str(error)) from None
        return given

    @model_validator(mode="after")
    def _check(self) -> ModelConfig:
        has_heads = self.mixer == "attention" or self.form == "seq2seq"
        if has_heads and self.head_width is None and self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared out among {self.heads} heads")
        if self.heads % self.resolved_key_heads:
            raise ValueError(f"{self.heads} heads cannot be grouped over key_heads {self.key_heads}")
        if self.head_norm and self.head_dense == "none":
            raise ValueError("head_norm normalises what head_dense gives, which is none")
        if self.mixer == "window" and self.window is None:
            raise ValueError("the window mixer needs a window, such as window: 8")
        if self.mixer == "attention" and self.position == "rotary" and self.resolved_head_width % 2:
            raise ValueError(f"rotary positions need an even head width, not {self.resolved_head_width}")
        if self.mixer != "attention" and self.position in ("rotary", "relative"):
            raise ValueError(f"{self.position} positions guide attention; the {self.mixer} mixer wants position: none")
        if self.block == "conformer":
            for name, wanted in (("residual", True), ("norm_place", "pre")):
                if getattr(self, name) != wanted:
                    raise ValueError(f"block: conformer wants {name}: {str(wanted).lower()}")
            if self.feedforward == "none":
                raise ValueError("block: conformer wants a feedforward layer, such as silu")
        if self.position == "relative" and self.relative_reach <= self.relative_buckets // 2:
            raise ValueError(
                f"relative_reach {self.relative_reach} must exceed half of the {self.relative_buckets} relative_buckets"
            )
        inside = self.width if self.residual else self.resolved_embedding_width
        if self.position == "sinusoidal" and inside % 2:
            raise ValueError(f"sinusoidal positions need an even width, not {inside}")
        if self.mixer in ("lstm", "gru", "rnn") and self.form == "encoder" and self.width % 2:
            raise ValueError(f"a bidirectional {self.mixer} needs an even width, not {self.width}")
        if self.audio is not None and self.form == "decoder":
            raise ValueError("audio is for encoders, of form: encoder or seq2seq")
        if self.audio is not None and self.audio.spells and self.form == "encoder":
            raise ValueError("audio.spells is for form: seq2seq, since an encoder alone spells in any case")
        for block, head in () if self.audio is None else self.audio.alignment_heads:
            if not (0 <= block < self.layers and 0 <= head < self.heads):
                raise ValueError(f"audio.alignment_heads names head {head} of block {block}, which there is not")
        if self.audio is not None and self.form == "encoder" and self.tie_embeddings:
            raise ValueError("an encoder of audio has no embeddings, so it takes tie_embeddings: false")
        if self.tie_embeddings and self.resolved_embedding_width != self.width:
            raise ValueError(
                f"tie_embeddings needs embeddings as wide as the stack, not {self.embedding_width} and {self.width}"
            )
        if self.form == "seq2seq":
            for name, token in (("decoder_start", self.decoder_start), ("forced_start", self.forced_start)):
                if token is not None and 0 < self.vocab_size <= token:
                    raise ValueError(f"{name} {token} is no token of a vocabulary of {self.vocab_size}")
            try:
                self.encoder_config()
            except LangueError as error:
                raise ValueError(str(error)) from None
            return self
        for name in ("encoder", "source_vocab_size", "decoder_start", "forced_start", "cross"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name}: is for form: seq2seq, not for {self.form}")
        return self

    @property
    def resolved_key_heads(self) -> int:
        return self.key_heads or self.heads

    @property
    def resolved_attention_bias(self) -> AttentionBias:
        return self.attention_bias or ("all" if self.bias else "none")

    @property
    def resolved_head_width(self) -> int:
        return self.head_width or self.width // self.heads

    @property
    def resolved_feedforward_width(self) -> int:
        return self.feedforward_width or 4 * self.width

    @property
    def resolved_embedding_width(self) -> int:
        return self.embedding_width or self.width

    @property
    def read_width(self) -> int:
        """Width of the hidden vectors of a text that is read: of a seq2seq, its encoder's."""
        return self.encoder_config().width if self.form == "seq2seq" else self.width

    def encoder_config(self) -> ModelConfig:
        """The configuration of a seq2seq's encoder by itself.

        Raises:
            LangueError: the encoder's own fields are wrong, or belong to the whole model.
        """
        given = dict(self.encoder or {})
        if "preset" in given:
            given = {**preset(given.pop("preset")), **given}
            given = {key: value for key, value in given.items() if key not in _SHARED}
        elif wrong := sorted(_SHARED & given.keys()):
            raise LangueError(
                f"encoder: {wrong[0]} belongs to the whole model, so set it beside encoder, not inside it"
            )
        # The encoder reads the decoder's embeddings, whatever width it has itself, and has no head.
        shared = {"form": "encoder", "embedding_width": self.resolved_embedding_width, "tie_embeddings": False}
        heads = {"classifier", "embedder"}
        only = {"encoder", "audio", "source_vocab_size", "decoder_start", "forced_start", "cross"}
        own = self.model_dump(exclude=heads | only)
        return parse(ModelConfig, {**own, **given, **shared}, "encoder")


__all__ = ["PRESETS", "AudioConfig", "ClassifierConfig", "EmbedderConfig", "Form", "MixerKind", "ModelConfig"]
