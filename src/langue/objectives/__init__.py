"""Objectives: how examples become a batch, and a batch a loss."""

from langue.objectives.causal import Causal
from langue.objectives.classify import Classify
from langue.objectives.cross_entropy import linear_cross_entropy, log_probabilities
from langue.objectives.ctc import CTC
from langue.objectives.denoise import Denoise
from langue.objectives.dictation import Dictation
from langue.objectives.embed import Embed
from langue.objectives.extract import Extract
from langue.objectives.masked import Masked
from langue.objectives.seq2seq import Seq2Seq
from langue.objectives.settings import (
    AnswerSettings,
    ClassifySettings,
    DenoiseSettings,
    EmbedSettings,
    MaskingSettings,
    TagSettings,
    TranscribeSettings,
)
from langue.objectives.tag import Tag

__all__ = [
    "CTC",
    "AnswerSettings",
    "Causal",
    "Classify",
    "ClassifySettings",
    "Denoise",
    "DenoiseSettings",
    "Dictation",
    "Embed",
    "EmbedSettings",
    "Extract",
    "Masked",
    "MaskingSettings",
    "Seq2Seq",
    "Tag",
    "TagSettings",
    "TranscribeSettings",
    "linear_cross_entropy",
    "log_probabilities",
]
