"""What the tasks that read a text ask of it, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from langue.data.sound_files import Truncated
from langue.nn.heads import DenseKind, Pooling
from langue.settings import Settings
from langue.text.reading import Reading

AnswerKind = Literal["label", "labels", "number", "choice"]
DenoiseKind = Literal["spans", "prefix", "infill"]
SimilarityLoss = Literal["contrastive", "cosent", "cosine", "margin", "divergence", "vectors"]
PairKind = Literal["none", "next", "order"]


class MaskingSettings(Settings):
    """Masked language modelling: which tokens are hidden, and what stands in their place (Devlin et al. 2019)."""

    rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are to be guessed."""
    masked: float = Field(default=0.8, ge=0, le=1)
    """Share of those that the mask stands for."""
    replaced: float = Field(default=0.1, ge=0, le=1)
    """Share of those that a random token stands for; the rest stay as they are."""
    whole_words: bool = False
    """Hide all tokens of a word or none."""
    pairs: PairKind = "none"
    """A second question about each row of two stretches: whether the second came next in the text (BERT), or whether
    they stand in their order (ALBERT)."""

    @model_validator(mode="after")
    def _shares(self) -> MaskingSettings:
        if self.masked + self.replaced > 1:
            raise ValueError(f"masked {self.masked} and replaced {self.replaced} are more than all")
        return self


class DenoiseSettings(Settings):
    """What is amiss with a text that an encoder–decoder learns to mend."""

    kind: DenoiseKind = "spans"
    """Stretches replaced by sentinels, which alone are to be told (T5); the rest of a text cut in two; or stretches
    replaced by one mask each, where all is to be told (BART)."""
    rate: float | None = Field(default=None, gt=0, lt=1)
    """Share of the tokens that is dropped; null takes 0.15 of T5 or 0.3 of BART."""
    mean_span: float = Field(default=3.0, ge=1)
    """Mean length of a dropped stretch."""
    sentinels: int = Field(default=100, ge=1)
    """How many sentinels there are; rows with more stretches get longer ones."""
    permute: bool = False
    """Put sentences into another order as well (infill)."""

    @property
    def resolved_rate(self) -> float:
        return self.rate or (0.3 if self.kind == "infill" else 0.15)


class ClassifySettings(Settings):
    """What is said about a text, or about two."""

    kind: AnswerKind = "label"
    """One label for each text, any number of labels, a number, or which of several choices goes with it."""
    labels: tuple[str, ...] = ()
    """All labels, in the order of the model's outputs; none learns them from the training data, in sorted order."""
    pooling: Pooling | None = None
    """The vector of a text: its first position's ([CLS]), its last one's, or the mean of all; null takes that of the
    weights it begins with, else the mean for encoders and the last for decoders, which alone has seen everything."""
    dense: DenseKind | None = None
    """Activation of a dense layer before the outputs; null takes that of the weights it begins with, else none."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """How much each label counts in the loss: balanced lets rare ones count for as much as frequent ones."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which on a text has a label, where it may have several."""
    metric: str | None = None
    """The metric on dev data that decides; null takes the benchmark's, else accuracy, f1_micro or pearson."""


class AnswerSettings(Settings):
    """How answers are found in a text."""

    stride: int = Field(default=128, ge=1)
    """Tokens that two windows of a long text share."""
    question_tokens: int = Field(default=64, ge=1)
    """Longer questions are cut."""
    answer_tokens: int = Field(default=30, ge=1)
    """Longer answers are not considered."""
    candidates: int = Field(default=20, ge=1)
    """Likeliest beginnings and ends of each window that are put together."""
    no_answer: bool = False
    """Whether a text may hold no answer; the model then says so by pointing at the first position."""
    null_threshold: float = 0.0
    """By how much no answer must score higher than the best answer to be preferred."""
    metric: str = "f1"
    """The metric on dev data that decides: f1 or exact_match."""


class TranscribeSettings(Settings):
    """How recordings are learnt from. What changes a recording is drawn anew each time that it is heard."""

    letters: Literal["plain", "written"] = "plain"
    """What is written: letters, digits and apostrophes in lower case, or whatever the transcripts have."""
    language: str | None = None
    """Code of the language that is spoken, which a Whisper of several is told; null is English."""
    truncated: Truncated = "refuse"
    """What becomes of recordings that are shorter than they say: refuse leaves them out of a training and refuses them
    elsewhere, accept takes what there is and says so."""
    speed: float = Field(default=0.1, ge=0, lt=0.5)
    """Recordings are played faster or slower by up to this share."""
    gain: float = Field(default=0.0, ge=0)
    """Recordings are made louder or softer by up to so many decibels; a filterbank's features do not notice."""
    noise: float = Field(default=0.0, ge=0, le=1)
    """White noise is added, up to this share of a recording's own loudness."""
    time_masks: int = Field(default=2, ge=0)
    """Stretches of a recording that are hidden (SpecAugment, Park et al. 2019)."""
    time_mask: float = Field(default=0.1, ge=0, le=1)
    """The longest of them, as a share of the recording."""
    bin_masks: int = Field(default=2, ge=0)
    """Bands that are hidden."""
    bin_mask: int = Field(default=15, ge=0)
    """Mel bins of the widest of them."""
    spelling: float = Field(default=0.3, ge=0, lt=1)
    """How much CTC counts beside dictation, in learning and in choosing what is written, of a model that does both
    (Watanabe et al. 2017)."""
    beams: int = Field(default=1, ge=1)
    """Beginnings that are followed at once when a model is measured; 1 takes the likeliest letter of each moment."""


class EmbedSettings(Reading):
    """How vectors of texts are learnt, and how texts are given to the model."""

    loss: SimilarityLoss | None = None
    """What is lowered. Of an anchor and its positive: contrastive, among all others of the batch. Of two sentences and
    a score: cosent, or cosine for the squared error. Of a teacher: margin or divergence of its scores for an anchor's
    texts, or vectors for its vectors. null takes contrastive, or cosent where there are scores."""
    similarity: Literal["cosine", "dot"] = "cosine"
    """How alike two vectors are."""
    temperature: float = Field(default=0.05, gt=0)
    """What similarities are divided by, but for a squared error against scores."""
    symmetric: bool = False
    """Let each positive find its anchor as well (contrastive)."""
    sizes: tuple[int, ...] = ()
    """How many of the first numbers of a vector are to be good by themselves (Kusupati et al. 2022, "Matryoshka
    Representation Learning"), such as 384, 192 and 96; the loss is the sum over them. None takes all numbers."""
    cached: bool = False
    """Keep nothing of a batch's forward pass but the vectors, and read each piece of it again on the way back
    (GradCache, Gao et al. 2021): the same gradient in the memory of one piece, for a third more time."""
    piece_tokens: int | None = Field(default=None, ge=1)
    """Tokens of one piece, padding included; null takes what is fastest on most machines."""
    teacher: Path | None = None
    """A trained model: one that judges pairs (task classify) where scores are learnt, else one that embeds. Without one
    the column scores says what it would."""
    metric: str | None = None
    """The metric on dev data that decides; null takes mrr@10 of pairs, spearman of graded ones, else the loss."""

    @model_validator(mode="after")
    def _sizes(self) -> EmbedSettings:
        if any(size < 1 for size in self.sizes):
            raise ValueError("sizes are numbers of at least 1")
        if self.symmetric and self.loss not in (None, "contrastive"):
            raise ValueError(f"symmetric is for the loss contrastive, not {self.loss}")
        return self

    def reading(self) -> Reading:
        """What belongs to the model that comes out."""
        return Reading(**{name: getattr(self, name) for name in Reading.model_fields})


class TagSettings(Settings):
    """What is said about each word of a text."""

    labels: tuple[str, ...] = ()
    """All labels, in the order of the model's outputs; none learns them from the training data, in sorted order."""
    metric: str | None = None
    """The metric on dev data that decides: f1 of whole entities, which takes labels O, B-KIND and I-KIND, or accuracy;
    null takes f1 where the labels are such."""
