"""A layer as data: a specification for each of its parts, and the flat fields from which one is worked out."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Field, ValidationError, WithJsonSchema, model_validator

from langue.nn.attention import AttentionBias, AttentionSpec, QueryKeyNorm
from langue.nn.block import BlockKind, NormPlace
from langue.nn.classic_attention import CrossKind
from langue.nn.feedforward import FeedforwardKind
from langue.nn.norm import NormKind
from langue.nn.position import PositionKind
from langue.nn.recurrent import RecurrentKind
from langue.nn.rotary import RotaryScaling
from langue.settings import Settings

MixerKind = Literal["attention", "lstm", "gru", "rnn", "window"]


class RotarySpec(Settings):
    """Rotary positions: queries and keys are turned."""

    kind: Literal["rotary"] = "rotary"
    """Kind of positions."""
    head_width: int
    """Width of what is turned."""
    theta: float
    """The slowest wavelength."""
    scaling: RotaryScaling | None
    """Stretching to a longer context, if there was any."""

    @model_validator(mode="after")
    def _check(self) -> RotarySpec:
        if self.head_width % 2:
            raise ValueError(f"rotary positions need an even head width, not {self.head_width}")
        return self


class RelativeSpec(Settings):
    """Relative positions: a bias of attention's scores."""

    kind: Literal["relative"] = "relative"
    """Kind of positions."""
    heads: int
    """Heads, each with a bias of its own."""
    buckets: int
    """Buckets of distances."""
    reach: int
    """Distance from which on all share the last bucket."""

    @model_validator(mode="after")
    def _check(self) -> RelativeSpec:
        if self.reach <= self.buckets // 2:
            raise ValueError(f"relative_reach {self.reach} must exceed half of the {self.buckets} relative_buckets")
        return self


class NormSpec(Settings):
    """A norm of whatever width."""

    kind: NormKind
    """Kind of norm."""
    epsilon: float
    """Added to a variance before its root is taken."""
    bias: bool
    """A shift, where the kind may have one."""


class DisentangledSpec(Settings):
    """Positions as vectors of distances, which queries and keys are compared with."""

    kind: Literal["disentangled"] = "disentangled"
    """Kind of positions."""
    width: int
    """Width of the vectors."""
    buckets: int
    """Buckets of distances in either direction."""
    reach: int
    """Distance from which on all share the last bucket."""
    norm: NormSpec
    """Norm of the vectors."""

    @model_validator(mode="after")
    def _check(self) -> DisentangledSpec:
        if self.reach - 1 <= self.buckets // 2:
            raise ValueError(f"relative_reach {self.reach} must exceed half of the {self.buckets} relative_buckets")
        return self


class RecurrentSpec(Settings):
    """A mixer that walks through the positions."""

    kind: RecurrentKind
    """Kind of mixer: the cell."""


class WindowSpec(Settings):
    """A mixer of the last few inputs side by side."""

    kind: Literal["window"] = "window"
    """Kind of mixer."""
    size: int
    """Inputs side by side."""


class CrossSpec(Settings):
    """Cross-attention; the older kinds have one head as wide as the layer."""

    kind: CrossKind
    """Attention of many heads, or an older one."""
    heads: int
    """Heads of queries."""
    head_width: int
    """Width of one head."""
    scale: bool
    """Divide scores by √(head width)."""


class FeedforwardSpec(Settings):
    """A feedforward layer."""

    kind: FeedforwardKind
    """Its activation."""
    width: int
    """Width inside."""


PositionSpec = RotarySpec | RelativeSpec | DisentangledSpec
MixerSpec = Annotated[AttentionSpec | RecurrentSpec | WindowSpec, Field(discriminator="kind")]


class LayerSpec(Settings):
    """All that one layer is made of; the width is that of the stack."""

    width: int
    """Width of the stack."""
    block: BlockKind
    """Layers around the mixer."""
    mixer: MixerSpec
    """Mixer, in which positions exchange information."""
    position: Annotated[PositionSpec, Field(discriminator="kind")] | None
    """Positions that guide its attention; recurrence and windows know the order by themselves."""
    cross: CrossSpec | None
    """Cross-attention to a source, where there is one."""
    feedforward: FeedforwardSpec | None
    """Feedforward layer, if there is one."""
    convolution: int | None
    """Positions that a Conformer's convolution sees."""
    bottleneck: int | None
    """Width inside the adapter at the end of the layer, if there is one."""
    norm: NormSpec
    """Norm of each sublayer."""
    norm_place: NormPlace
    """Before a sublayer, after its shortcut, of its output, or before it and of its output."""
    mixer_norm: bool
    """Normalise what the mixer reads."""
    residual: bool
    """Shortcuts around the sublayers."""
    bias: bool
    """Biases in the projections."""
    dropout: float
    """Probability of dropping a number."""

    @property
    def is_normed(self) -> bool:
        """True if what comes out is normed already."""
        return self.norm_place == "post" or self.block == "conformer"

    @model_validator(mode="after")
    def _check(self) -> LayerSpec:
        if self.block != "plain":
            places = {"pre"} if self.block == "conformer" else {"pre", "output", "sandwich"}
            for name, wanted in (("residual", {True}), ("norm_place", places)):
                if getattr(self, name) not in wanted:
                    choices = " or ".join(sorted(str(value).lower() for value in wanted))
                    raise ValueError(f"block: {self.block} wants {name}: {choices}")
            if self.feedforward is None:
                raise ValueError(f"block: {self.block} wants a feedforward layer, such as silu")
        if self.bottleneck is not None and self.is_normed:
            raise ValueError("bottleneck wants norm_place: pre, output or sandwich, and no Conformer")
        if not self.mixer_norm and (self.norm_place != "pre" or self.block == "conformer"):
            raise ValueError("mixer_norm: false wants norm_place: pre, and no Conformer")
        return self


class LayerFields(Settings):
    """The fields of a layer: beside `layers` they hold for all layers, in an item of `layers` for that one alone."""

    mixer: MixerKind = "attention"
    """Mixer, in which positions exchange information."""
    block: BlockKind = "plain"
    """Layers around the mixer: a feedforward layer after it, or beside it (parallel: both read the block's input,
    as GPT-J and GPT-NeoX have it), or, of a Conformer, one half before it and one half after it, and a convolution over
    the nearest positions between (Gulati et al. 2020)."""
    convolution: int = Field(default=31, ge=1)
    """Positions that a Conformer's convolution sees, itself included."""

    heads: int = Field(default=4, ge=1)
    """Heads of attention."""
    key_heads: int | None = Field(default=None, ge=1)
    """Heads of keys and values, which groups of heads share; null gives each head its own."""
    head_width: int | None = Field(default=None, ge=1)
    """Width of one head; null takes width / heads."""
    window: int | None = Field(default=None, ge=1)
    """Positions that a position sees, itself included: attention's sliding window, or the window mixer's size."""
    query_key_norm: QueryKeyNorm = "none"
    """RMS-normalise queries and keys: plain, or weighted by numbers that are learned (Qwen3), by one more than these
    (offset: Gemma 3), or with all heads of a layer together (joint: OLMo 2)."""
    query_key_norm_epsilon: float | None = Field(default=None, gt=0)
    """Added to their mean square; null takes the smallest difference that numbers near 1 can have."""
    score_scale: bool = True
    """Divide attention's scores by √(head width); T5 does not."""
    score_width: int | None = Field(default=None, ge=1)
    """The number by whose root attention's scores are divided; null takes the head width (Gemma 2 has its own)."""
    score_cap: float | None = Field(default=None, gt=0)
    """A cap that no score of attention exceeds: z becomes cap · tanh(z / cap) (Gemma 2); null has none."""
    attention_bias: AttentionBias | None = None
    """Biases of attention's projections, where they differ from `bias`: none, query_key_value (Qwen2), or all."""

    position: PositionKind = "rotary"
    """Positions, by which attention knows the order; recurrence and windows know it by themselves and want `none`.
    Learned and sinusoidal ones are added to the embeddings; rotary, relative and disentangled ones (DeBERTa) guide the
    layers that have attention."""
    rotary_theta: float = Field(default=10_000.0, gt=0)
    """The slowest rotary wavelength, in radians' worth of positions."""
    rotary_width: int | None = Field(default=None, ge=2)
    """Numbers of each head that rotary positions turn, the first ones; null turns all (GPT-NeoX turns a quarter)."""
    rotary_scaling: RotaryScaling | None = None
    """Stretching of rotary positions to a longer context than they were learned for."""
    relative_buckets: int = Field(default=32, ge=4)
    """Buckets of relative positions; of disentangled ones, those of either direction."""
    relative_reach: int = Field(default=128, ge=2)
    """Distance from which on all relative positions share the last bucket."""

    norm: NormKind = "rms"
    """Normalisation of the sublayers: LayerNorm, RMSNorm, RMSNorm weighted by 1 + weight (rms_offset), or none."""
    norm_place: NormPlace = "pre"
    """Before a sublayer, after its shortcut (post), of its output before the shortcut (output: OLMo 2), or both before
    a sublayer and of its output (sandwich: Gemma)."""
    mixer_norm: bool = True
    """Normalise what the mixer reads, with norm_place pre; ModernBERT's first layer reads embeddings normed already."""
    norm_epsilon: float = Field(default=1e-5, gt=0)
    """Added to a variance before its root is taken."""
    residual: bool = True
    """Shortcuts around the sublayers."""
    feedforward: FeedforwardKind = "relu2"
    """The feedforward layer's activation, or none."""
    feedforward_width: int | None = Field(default=None, ge=1)
    """Width inside the feedforward layer; null takes 4 × width."""
    bottleneck: int | None = Field(default=None, ge=1)
    """Width inside an adapter at the end of the layer (Houlsby et al. 2019), as MMS has one for each language; null has
    none."""
    bias: bool = False
    """Biases in the projections and in LayerNorm."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropping a number after the embedding, attention's softmax, and each sublayer."""

    @property
    def resolved_key_heads(self) -> int:
        return self.key_heads or self.heads

    @property
    def resolved_attention_bias(self) -> AttentionBias:
        return self.attention_bias or ("all" if self.bias else "none")

    def norm_spec(self) -> NormSpec:
        """The norm of the sublayers."""
        return NormSpec(kind=self.norm, epsilon=self.norm_epsilon, bias=self.bias)

    def spec(self, width: int, cross: CrossKind | None) -> LayerSpec:
        """The layer that these fields describe, in a stack of a width.

        Args:
            width: of the stack.
            cross: the kind of cross-attention; None for a layer without a source.

        Raises:
            ValueError: says in a sentence which fields do not go together.
        """
        try:
            return LayerSpec(
                width=width,
                block=self.block,
                mixer=self._mixer(width),
                position=self._position(width),
                cross=None if cross is None else self._cross(width, cross),
                feedforward=self._feedforward(width),
                convolution=self.convolution if self.block == "conformer" else None,
                bottleneck=self.bottleneck,
                norm=self.norm_spec(),
                norm_place=self.norm_place,
                mixer_norm=self.mixer_norm,
                residual=self.residual,
                bias=self.bias,
                dropout=self.dropout,
            )
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    def _mixer(self, width: int) -> AttentionSpec | RecurrentSpec | WindowSpec:
        if self.mixer == "attention":
            return AttentionSpec(
                heads=self.heads,
                key_heads=self.resolved_key_heads,
                head_width=self._head_width(width),
                window=self.window,
                bias=self.resolved_attention_bias,
                norm=self.query_key_norm,
                norm_epsilon=self.query_key_norm_epsilon,
                scale=self.score_scale,
                score_width=self.score_width,
                score_cap=self.score_cap,
            )
        if self.mixer == "window":
            if self.window is None:
                raise ValueError("the window mixer needs a window, such as window: 8")
            return WindowSpec(size=self.window)
        return RecurrentSpec(kind=self.mixer)

    def _position(self, width: int) -> PositionSpec | None:
        if self.mixer != "attention":
            return None
        if self.position == "rotary":
            head_width = self._head_width(width)
            turned = self.rotary_width or head_width
            if turned > head_width:
                raise ValueError(f"rotary_width {turned} exceeds the head width {head_width}")
            return RotarySpec(head_width=turned, theta=self.rotary_theta, scaling=self.rotary_scaling)
        if self.position == "relative":
            return RelativeSpec(heads=self.heads, buckets=self.relative_buckets, reach=self.relative_reach)
        if self.position == "disentangled":
            if self.query_key_norm != "none" or not self.residual:
                raise ValueError("disentangled positions want residual: true and query_key_norm: none")
            return DisentangledSpec(
                width=width, buckets=self.relative_buckets, reach=self.relative_reach, norm=self.norm_spec()
            )
        return None

    def _cross(self, width: int, kind: CrossKind) -> CrossSpec:
        heads, head_width = (self.heads, self._head_width(width)) if kind == "attention" else (1, width)
        return CrossSpec(kind=kind, heads=heads, head_width=head_width, scale=self.score_scale)

    def _feedforward(self, width: int) -> FeedforwardSpec | None:
        if self.feedforward == "none":
            return None
        return FeedforwardSpec(kind=self.feedforward, width=self.feedforward_width or 4 * width)

    def _head_width(self, width: int) -> int:
        if self.head_width is None and width % self.heads:
            raise ValueError(f"width {width} cannot be shared out among {self.heads} heads")
        return self.head_width or width // self.heads


_CHANGES = {
    "type": "object",
    "description": "The fields in which a layer differs from what stands beside layers.",
    "properties": {name: {"description": field.description} for name, field in LayerFields.model_fields.items()},
    "additionalProperties": False,
}

LayerItem = MixerKind | Annotated[dict[str, Any], WithJsonSchema(_CHANGES)]
"""A layer that differs: the name of its mixer, or the fields of `LayerFields` in which it does."""


LONGEST_LIST = 4096
"""Items of `layers`, each of which takes a fraction of a millisecond to be understood."""


class LayerPattern(Settings):
    """Layers that come again and again."""

    pattern: tuple[LayerItem, ...] = Field(min_length=1, max_length=LONGEST_LIST)
    """Layers in their order: each a mixer's name, or the fields in which it differs from those beside `layers`."""
    repeat: int = Field(default=1, ge=1)
    """Number of times that they come."""


Layers = Annotated[int, Field(ge=0)] | Annotated[tuple[LayerItem, ...], Field(max_length=LONGEST_LIST)] | LayerPattern


def differing(item: LayerItem) -> dict[str, Any]:
    """The fields that an item of `layers` names."""
    return {"mixer": item} if isinstance(item, str) else dict(item)


def collapsed(content: dict[str, Any]) -> dict[str, Any]:
    """A configuration's content in which layers that are all alike are a number, whichever way they were listed."""
    layers: Any = content.get("layers")
    repeat = 1
    if isinstance(layers, LayerPattern):
        layers = layers.model_dump()
    if isinstance(layers, dict) and layers.keys() <= {"pattern", "repeat"} and layers.get("pattern"):
        layers, repeat = layers.get("pattern"), layers.get("repeat", 1)
    listed = isinstance(layers, list | tuple) and all(isinstance(item, str | dict) for item in layers)
    if not listed or type(repeat) is not int or repeat < 1:
        return content
    if not layers:
        return {**content, "layers": 0}
    items = [differing(item) for item in cast(list[LayerItem], layers)]
    if any(item != items[0] for item in items) or not items[0].keys() <= LayerFields.model_fields.keys():
        return content
    return {**content, **items[0], "layers": len(items) * repeat}
