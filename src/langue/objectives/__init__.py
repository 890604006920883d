"""Objectives: how examples become a batch, and a batch a loss."""

from langue.objectives.causal import Causal
from langue.objectives.classify import ClassifyObjective
from langue.objectives.cross_entropy import linear_cross_entropy, log_probabilities
from langue.objectives.ctc import CTC
from langue.objectives.denoise import DenoiseObjective
from langue.objectives.dictation import Dictation
from langue.objectives.embed import EmbedObjective
from langue.objectives.extract import Extract
from langue.objectives.masked import Masked
from langue.objectives.seq2seq import Seq2SeqObjective
from langue.objectives.settings import (
    AnswerSettings,
    ClassifySettings,
    DenoiseSettings,
    EmbedSettings,
    MaskingSettings,
    TagSettings,
    TranscribeSettings,
)
from langue.objectives.tag import TagObjective

__all__ = [
    "CTC",
    "AnswerSettings",
    "Causal",
    "ClassifyObjective",
    "ClassifySettings",
    "DenoiseObjective",
    "DenoiseSettings",
    "Dictation",
    "EmbedObjective",
    "EmbedSettings",
    "Extract",
    "Masked",
    "MaskingSettings",
    "Seq2SeqObjective",
    "TagObjective",
    "TagSettings",
    "TranscribeSettings",
    "linear_cross_entropy",
    "log_probabilities",
]
