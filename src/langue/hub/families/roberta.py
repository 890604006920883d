"""RoBERTa (Liu et al. 2019), which is BERT whose positions count from 2 and whose heads have other names, and XLM-R
(Conneau et al. 2020), its namesake of a hundred languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.errors import LangueError
from langue.hub.families.bert import FIXED, IGNORED, SETTINGS, SPELLINGS, classifiers, trunk
from langue.hub.family import Family, HeadSettings, Key
from langue.models import ModelConfig


@dataclass(frozen=True)
class Positions:
    """The vector of position 0 stands behind that of padding, whose number is `pad_token_id`."""

    fields: tuple[str, ...] = ("max_position_embeddings",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        pad, total = config.get("pad_token_id", 1), config.get("max_position_embeddings", 512)
        if type(pad) is not int or type(total) is not int or not 0 <= pad < total - 1:
            raise LangueError(
                f"config.json is damaged: max_position_embeddings {total!r} leaves no position after "
                f"pad_token_id {pad!r}"
            )
        return {"context": total - pad - 1, "position_offset": pad + 1}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        if config.position_offset < 1:
            return {}
        total = config.context + config.position_offset
        return {"max_position_embeddings": total, "pad_token_id": config.position_offset - 1}


@dataclass(frozen=True)
class PadPosition:
    """Positions that count from the one behind that of padding, and have no end."""

    fields: tuple[str, ...] = ("pad_token_id",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        pad = config.get("pad_token_id", 1)
        if type(pad) is not int:
            raise LangueError(f"config.json is damaged: pad_token_id is {pad!r}")
        return {"position_offset": pad + 1}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {"pad_token_id": config.position_offset - 1} if config.position_offset else {}


_WORDS = (
    Key("head.prepare.0.linear.{part}", "lm_head.dense.{part}"),
    Key("head.prepare.1.{part}", "lm_head.layer_norm.{part}"),
    Key("head.bias", "lm_head.bias"),
    Key("head.table.weight", "lm_head.decoder.weight"),
)
_POOLER = Key("classifier.dense.linear.{part}", "roberta.pooler.dense.{part}")
_DENSE = Key("classifier.dense.linear.{part}", "classifier.dense.{part}")
_CLASSES = Key("classifier.output.{part}", "classifier.out_proj.{part}")


def _family(name: str, model_type: str) -> Family:
    return Family(
        model_type=model_type,
        fixed=FIXED,
        settings=(*SETTINGS, Positions()),
        prefix="roberta.",
        keys=trunk("roberta."),
        heads=(
            HeadSettings(
                f"{name}ForMaskedLM",
                _WORDS,
                # Its activation is GELU, whatever that of the trunk.
                fields={"head_dense": "gelu", "head_norm": True, "head_bias": True},
                words=True,
            ),
            *classifiers(name, _POOLER, (_DENSE, _CLASSES)),
        ),
        aliases={
            "lm_head.decoder.bias": "lm_head.bias",
            "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        },
        untied=("lm_head.decoder.bias",),
        ignored=IGNORED,
        spellings=SPELLINGS,
    )


ROBERTA = _family("Roberta", "roberta")
XLM_ROBERTA = _family("XLMRoberta", "xlm-roberta")
