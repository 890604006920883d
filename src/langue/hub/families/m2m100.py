"""M2M-100 (Fan et al. 2021) and NLLB (NLLB Team 2022), of many languages: mBART with sinusoidal
positions."""

from __future__ import annotations

from langue.hub.families.bart import ALIASES, FIXED, SETTINGS, SHARED, START, ends, side
from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.families.roberta import PadPosition
from langue.hub.family import Family, FirstOf, HeadSettings, Key, Named, Same

_OWN = (
    Named("activation_function", "feedforward", ACTIVATIONS, "relu"),
    Same("scale_embedding", "embedding_scale", True),
    PadPosition(),
    FirstOf((START,), START, 2),
)
_NAMES = {name for entry in _OWN for name in entry.fields}

M2M100 = Family(
    model_type="m2m_100",
    fixed={**FIXED, "position": "sinusoidal", "sinusoidal_closed": True, "norm_place": "pre"},
    settings=(*(entry for entry in SETTINGS if not _NAMES & set(entry.fields)), *_OWN),
    prefix="model.",
    keys=(
        Key("embedding.table.weight", SHARED),
        *side("encoder", "model.encoder", False),
        *side("stack", "model.decoder", True),
        *ends("encoder", "model.encoder"),
        *ends("stack", "model.decoder"),
    ),
    heads=(
        HeadSettings("M2M100ForConditionalGeneration", words=True),
        HeadSettings("M2M100Model", bare=True),
    ),
    aliases={"lm_head.weight": SHARED, **ALIASES},
    # Sines and cosines, which are worked out.
    ignored=(r"(model\.)?(en|de)coder\.version", r"(model\.)?(en|de)coder\.embed_positions\.weights?"),
)
