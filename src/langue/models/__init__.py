"""Models: from a configuration, which is data, to a decoder, an encoder or an encoder–decoder of any mixer."""

from langue.models.build import (
    assemble,
    build,
    load_model,
    read_base,
    read_config,
    save_model,
    with_adapters,
    write_model,
)
from langue.models.config import PRESETS, ModelConfig
from langue.models.decoder import Decoder
from langue.models.encoder import Encoder
from langue.models.model import Base, Model, evaluating
from langue.models.seq2seq import Seq2Seq

__all__ = [
    "PRESETS",
    "Base",
    "Decoder",
    "Encoder",
    "Model",
    "ModelConfig",
    "Seq2Seq",
    "assemble",
    "build",
    "evaluating",
    "load_model",
    "read_base",
    "read_config",
    "save_model",
    "with_adapters",
    "write_model",
]
