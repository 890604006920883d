"""The architecture of a model as data: every choice of architecture and form is one field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, model_validator

from langue.adapters.settings import AdapterConfig
from langue.errors import LangueError
from langue.models.audio_config import AudioConfig
from langue.models.heads import ClassifierConfig, EmbedderConfig
from langue.models.layers import (
    AttentionSpec,
    LayerFields,
    LayerItem,
    LayerPattern,
    Layers,
    LayerSpec,
    MixerKind,
    PositionSpec,
    RecurrentSpec,
    collapsed,
    differing,
)
from langue.models.presets import PRESETS, preset
from langue.nn.classic_attention import CrossKind
from langue.nn.heads import DenseKind
from langue.nn.position import ADDED, GUIDING
from langue.quantization.settings import QuantizationConfig
from langue.settings import parse

Form = Literal["decoder", "encoder", "seq2seq"]

# Fields of a whole seq2seq: vocabularies, embeddings, the head, and the cross-attention between its sides.
_SHARED = {
    "form",
    "encoder",
    "vocab_size",
    "source_vocab_size",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "cross",
    "embedding_width",
    "embedding_bias",
    "embedding_scale",
    "segments",
    "tie_embeddings",
    "head_bias",
    "head_dense",
    "head_dense_bias",
    "head_norm",
    "head_scale",
    "logit_cap",
    "classifier",
    "embedder",
    "audio",
    "adapter",
    "quantization",
}


class ModelConfig(LayerFields):
    """The architecture of a model: embeddings, layers and heads; `preset: NAME` fills in what is not given.

    The fields of a layer (`LayerFields`) hold for all layers, but for what an item of `layers` says of its own. Sizes
    are in units of one number: a width is the length of a vector, a context a number of positions.
    """

    form: Form = "decoder"
    """The form: a decoder sees its past, an encoder everything, a seq2seq's decoder its encoder's output too."""
    vocab_size: int = Field(default=0, ge=0)
    """Number of tokens; 0 takes the tokenizer's."""
    source_vocab_size: int = Field(default=0, ge=0)
    """Number of tokens of a seq2seq's source, where that has a vocabulary of its own; 0 shares the target's."""
    decoder_start_token_id: int | None = Field(default=None, ge=0)
    """The token that a seq2seq's decoder begins with; null takes the tokenizer's start, or else its end."""
    forced_bos_token_id: int | None = Field(default=None, ge=0)
    """The token that whatever a seq2seq writes must begin with, such as mBART's language; null leaves it free."""
    context: int = Field(default=256, ge=1)
    """Positions of a training row; attention is never asked to look farther."""
    width: int = Field(default=128, ge=1)
    """Width of the stack: what one layer passes to the next."""
    layers: Layers = 4
    """Number of layers, all alike; or a list of them, each a mixer's name or the fields of a layer in which it differs
    from what stands beside (`[gru, gru, attention]`, `[attention, {window: 64, rotary_theta: 1e6}]`); or
    `{pattern: […], repeat: 4}`."""
    cross: CrossKind = "attention"
    """The cross-attention of a seq2seq's decoder: of many heads, or as Bahdanau and Luong had it with one."""

    position_offset: int = Field(default=0, ge=0)
    """The number of the first position that is added to embeddings; RoBERTa counts from 2."""
    sinusoidal_closed: bool = False
    """The slowest sinusoidal position is 10,000 times slower than the fastest, as fairseq has it, and not the one that
    would come next, as in the paper."""
    embedding_width: int | None = Field(default=None, ge=1)
    """Width of the embedding; null takes the stack's."""
    embedding_bias: bool = False
    """A bias shared by all embeddings: E(x) = W·x + b."""
    embedding_norm: bool = False
    """Normalise what the embeddings (and positions) give, as BERT does."""
    embedding_scale: bool = False
    """Multiply embeddings by √width, as the Transformer of 2017 does."""
    segments: int = Field(default=0, ge=0)
    """Number of texts of one row that are told apart by a learned vector of their own (BERT: 2); 0 tells none apart."""
    tie_embeddings: bool = True
    """The head uses the embedding's matrix."""
    head_bias: bool = False
    """A bias for each token's logit."""
    head_dense: DenseKind = "none"
    """A dense layer of this activation before the head, as BERT has one (gelu)."""
    head_dense_bias: bool = True
    """Biases in that dense layer and its norm."""
    head_norm: bool = False
    """Normalise what that dense layer gives."""
    head_scale: bool = False
    """Divide by √width before the head, as T5 of 2019 does, whose embeddings are large."""
    logit_cap: float | None = Field(default=None, gt=0)
    """A cap that no logit exceeds: z becomes cap · tanh(z / cap) (Gemma 2); null has none."""
    classifier: ClassifierConfig | None = None
    """A second head that judges whole texts or single positions."""

    embedder: EmbedderConfig | None = None
    """A head that gives a vector for a whole text."""

    audio: AudioConfig | None = None
    """Audio front end of an encoder of recordings instead of tokens: a seq2seq's, or one whose head writes (CTC)."""

    adapter: AdapterConfig | None = None
    """Adapters beside matrices that do not learn."""
    quantization: QuantizationConfig | None = None
    """The few bits of each number in which matrices are held; such ones do not learn."""

    initializer_range: float | None = Field(default=None, gt=0)
    """Standard deviation of new matrices; null takes 1/√(input width)."""
    zero_output: bool = False
    """Begin with zeros in the last matrix of each sublayer, so that a new model is its embedding and head alone."""

    encoder: dict[str, Any] | None = None
    """A seq2seq's encoder, where it differs from its decoder: a preset, or fields of this configuration by name."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "preset" in fields:
            rest = {key: value for key, value in fields.items() if key != "preset"}
            try:
                return {**preset(fields["preset"]), **rest}
            except LangueError as error:
                raise ValueError(str(error)) from None
        return fields

    @model_validator(mode="before")
    @classmethod
    def _collapse_layers(cls, fields: Any) -> Any:
        return collapsed(fields) if isinstance(fields, dict) else fields

    @model_validator(mode="after")
    def _check_layers(self) -> ModelConfig:
        try:
            specs = self.layer_pattern
        except LangueError as error:
            raise ValueError(str(error)) from None
        kinds = [spec.mixer.kind for spec in specs]
        if self.position in GUIDING and "attention" not in kinds:
            raise ValueError(f"{self.position} positions guide attention; the {kinds[0]} mixer wants position: none")
        for spec in specs:
            if isinstance(spec.mixer, RecurrentSpec) and self.form == "encoder" and self.width % 2:
                raise ValueError(f"a bidirectional {spec.mixer.kind} needs an even width, not {self.width}")
        return self

    @model_validator(mode="after")
    def _check_embeddings(self) -> ModelConfig:
        inside = self.width if self.layer_pattern[0].residual else self.resolved_embedding_width
        if self.position == "sinusoidal" and inside % 2:
            raise ValueError(f"sinusoidal positions need an even width, not {inside}")
        if self.audio is not None and self.form == "encoder" and self.tie_embeddings:
            raise ValueError("an encoder of audio has no embeddings, so it takes tie_embeddings: false")
        if self.tie_embeddings and self.resolved_embedding_width != self.width:
            raise ValueError(
                f"tie_embeddings needs embeddings as wide as the stack, not {self.embedding_width} and {self.width}"
            )
        return self

    @model_validator(mode="after")
    def _check_head(self) -> ModelConfig:
        if self.head_norm and self.head_dense == "none":
            raise ValueError("head_norm normalises what head_dense gives, which is none")
        return self

    @model_validator(mode="after")
    def _check_audio(self) -> ModelConfig:
        if self.audio is None:
            return self
        if self.form == "decoder":
            raise ValueError("audio is for encoders, of form: encoder or seq2seq")
        if self.audio.ctc and self.form == "encoder":
            raise ValueError("audio.ctc is for form: seq2seq, since an encoder alone writes by CTC in any case")
        groups, inside = self.audio.waveform.position_groups, self.resolved_embedding_width
        if self.audio.features == "waveform" and inside % groups:
            raise ValueError(f"audio.waveform.position_groups {groups} does not divide a width of {inside}")
        for block, head in self.audio.alignment_heads:
            cross = self.layer_pattern[block % len(self.layer_pattern)].cross
            if not (0 <= block < self.layer_count and 0 <= head < (self.heads if cross is None else cross.heads)):
                raise ValueError(f"audio.alignment_heads names head {head} of block {block}, which there is not")
        return self

    @model_validator(mode="after")
    def _check_form(self) -> ModelConfig:
        if self.form == "seq2seq":
            for name in ("decoder_start_token_id", "forced_bos_token_id"):
                token = getattr(self, name)
                if token is not None and 0 < self.vocab_size <= token:
                    raise ValueError(f"{name} {token} is no token of a vocabulary of {self.vocab_size}")
            try:
                self.encoder_config()
            except LangueError as error:
                raise ValueError(str(error)) from None
            return self
        for name in ("encoder", "source_vocab_size", "decoder_start_token_id", "forced_bos_token_id", "cross"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name}: is for form: seq2seq, not for {self.form}")
        return self

    @cached_property
    def layer_pattern(self) -> tuple[LayerSpec, ...]:
        """The specifications of layers that come again and again, `layer_count` in all; one where all are alike.

        Raises:
            LangueError: an item of `layers` is none.
            ValueError: says in a sentence which fields of a layer do not go together.
        """
        cross = self.cross if self.form == "seq2seq" else None
        items = self._layer_items
        if not items:
            return (self.spec(self.width, cross),)
        return tuple(self._spec_of(item, place, cross) for place, item in items)

    @property
    def layer_count(self) -> int:
        """Number of layers."""
        if isinstance(self.layers, LayerPattern):
            return len(self.layers.pattern) * self.layers.repeat
        return self.layers if isinstance(self.layers, int) else len(self.layers)

    @cached_property
    def layer_specs(self) -> tuple[LayerSpec, ...]:
        """The specification of each layer, from the first to the last."""
        pattern = self.layer_pattern
        return pattern * (self.layer_count // len(pattern))

    @property
    def mixers(self) -> tuple[MixerKind, ...]:
        """The mixers that there are, without repetition."""
        return tuple(dict.fromkeys(spec.mixer.kind for spec in self.layer_pattern))

    @property
    def shares_trunks(self) -> bool:
        """True if documents of a row can go on from a trunk: all layers attend, to everything before."""
        attentions = [spec.mixer for spec in self.layer_pattern if isinstance(spec.mixer, AttentionSpec)]
        plain = all(spec.convolution is None for spec in self.layer_pattern)
        return plain and len(attentions) == len(self.layer_pattern) and all(own.window is None for own in attentions)

    @property
    def described_mixers(self) -> str:
        """Names of the mixers, for people."""
        return " and ".join(self.mixers)

    @property
    def described(self) -> str:
        """Mixers and form, for people: "attention encoder"."""
        return f"{self.described_mixers} {self.form}"

    @property
    def are_layers_alike(self) -> bool:
        """True if the fields beside `layers` hold for all of them."""
        return isinstance(self.layers, int)

    @property
    def attention_layers(self) -> tuple[int, ...]:
        """The numbers of the layers whose mixer is attention, the first being 1."""
        return tuple(n for n, spec in enumerate(self.layer_specs, 1) if spec.mixer.kind == "attention")

    @property
    def attention_positions(self) -> tuple[PositionSpec, ...]:
        """The positions that guide attention, without repetition."""
        return tuple(dict.fromkeys(spec.position for spec in self.layer_specs if spec.position is not None))

    @property
    def _layer_items(self) -> Sequence[tuple[str, LayerItem]]:
        """Items of `layers`, each with its place in the configuration."""
        if isinstance(self.layers, LayerPattern):
            return [(f"layers.pattern.{number}", item) for number, item in enumerate(self.layers.pattern)]
        if isinstance(self.layers, tuple):
            return [(f"layers.{number}", item) for number, item in enumerate(self.layers)]
        return []

    def _spec_of(self, item: LayerItem, place: str, cross: CrossKind | None) -> LayerSpec:
        own = differing(item)
        if wrong := sorted(own.keys() & (ModelConfig.model_fields.keys() - LayerFields.model_fields.keys())):
            raise LangueError(
                f"{place}: {wrong[0]} belongs to the whole model, so set it beside layers, not inside them"
            )
        shared = {name: getattr(self, name) for name in LayerFields.model_fields}
        fields = parse(LayerFields, {**shared, **own}, place)
        position = own.get("position")
        if position in ADDED:
            raise LangueError(
                f"{place}: {position} positions are added to the embeddings, so set them beside layers, not inside them"
            )
        if position in GUIDING and fields.mixer != "attention":
            raise LangueError(f"{place}: {position} positions guide attention; the {fields.mixer} mixer has none")
        try:
            return fields.spec(self.width, cross)
        except ValueError as error:
            raise LangueError(f"{place}: {error}") from None

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
        return self.sides[-1].width

    @property
    def sides(self) -> tuple[ModelConfig, ...]:
        """The configurations of its stacks: this one, and that of a seq2seq's encoder."""
        return (self, self.encoder_config()) if self.form == "seq2seq" else (self,)

    @property
    def layer_items(self) -> tuple[dict[str, Any], ...]:
        """The fields in which each layer differs from those beside `layers`, from the first to the last."""
        items = [differing(item) for _, item in self._layer_items] or [{}]
        return tuple(items * (self.layer_count // len(items)))

    def with_layers(self, *sides: Sequence[Mapping[str, Any]]) -> ModelConfig:
        """The same model with other layers.

        Args:
            sides: for each of its `sides`, the fields in which each layer differs from those beside `layers`.

        Raises:
            LangueError: such layers do not go together.
        """
        content = self._with_items(sides[0])
        if self.form == "seq2seq":
            encoder = parse(ModelConfig, self.encoder_config()._with_items(sides[1]), "encoder").model_dump()
            differs = {name for name in encoder.keys() - _SHARED if encoder[name] != content[name]}
            kept = differs | {"layers"}  # whatever the decoder's are
            content["encoder"] = {name: value for name, value in encoder.items() if name in kept}
        return parse(ModelConfig, content, "the model")

    def _with_items(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The fields of a stack of other layers; positions that guide attention go with the last of it."""
        content = collapsed({**self.model_dump(), "layers": list(items)})
        attends = any(item.get("mixer", self.mixer) == "attention" for item in items)
        return content if attends or self.position in ADDED else {**content, "position": "none"}

    def encoder_config(self) -> ModelConfig:
        """The configuration of a seq2seq's encoder by itself.

        Raises:
            LangueError: the encoder's own fields are wrong, or belong to the whole model.
        """
        fields = dict(self.encoder or {})
        if "preset" in fields:
            fields = {**preset(fields.pop("preset")), **fields}
            fields = {key: value for key, value in fields.items() if key not in _SHARED}
        elif wrong := sorted(_SHARED & fields.keys()):
            raise LangueError(
                f"encoder: {wrong[0]} belongs to the whole model, so set it beside encoder, not inside it"
            )
        # The encoder reads the decoder's embeddings, whatever width it has itself, and has no head.
        shared = {"form": "encoder", "embedding_width": self.resolved_embedding_width, "tie_embeddings": False}
        heads = {"classifier", "embedder"}
        only = {"encoder", "audio", "adapter", "quantization", "source_vocab_size", "cross"}
        only |= {"decoder_start_token_id", "forced_bos_token_id"}
        own = self.model_dump(exclude=heads | only)
        if "mixer" in fields:  # which names all layers of the encoder, whatever those of the decoder are
            own["layers"] = self.layer_count
        return parse(ModelConfig, {**own, **fields, **shared}, "encoder")


__all__ = ["PRESETS", "AudioConfig", "ClassifierConfig", "EmbedderConfig", "Form", "MixerKind", "ModelConfig"]
