"""The families that are read and written, one file each; where a model would fit several, the first one counts."""

from __future__ import annotations

from langue.hub.families.bart import BART, MBART
from langue.hub.families.bert import BERT
from langue.hub.families.deberta import DEBERTA_V2
from langue.hub.families.distilbert import DISTILBERT
from langue.hub.families.gemma import GEMMA2, GEMMA3
from langue.hub.families.gpt2 import GPT2
from langue.hub.families.gpt_neox import GPT_NEOX
from langue.hub.families.llama import LLAMA, MISTRAL, QWEN2, QWEN3
from langue.hub.families.m2m100 import M2M100
from langue.hub.families.marian import MARIAN
from langue.hub.families.modernbert import MODERNBERT
from langue.hub.families.olmo2 import OLMO2
from langue.hub.families.roberta import ROBERTA, XLM_ROBERTA
from langue.hub.families.t5 import MT5, T5
from langue.hub.families.wav2vec2 import HUBERT, WAV2VEC2
from langue.hub.families.whisper import WHISPER
from langue.hub.family import Family

FAMILIES: dict[str, Family] = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "qwen2": QWEN2,
    "qwen3": QWEN3,
    "gpt_neox": GPT_NEOX,
    "olmo2": OLMO2,
    "gemma2": GEMMA2,
    "gemma3_text": GEMMA3,
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": XLM_ROBERTA,
    "distilbert": DISTILBERT,
    "modernbert": MODERNBERT,
    "deberta-v2": DEBERTA_V2,
    "t5": T5,
    "mt5": MT5,
    "bart": BART,
    "mbart": MBART,
    "marian": MARIAN,
    "m2m_100": M2M100,
    "whisper": WHISPER,
    "wav2vec2": WAV2VEC2,
    "hubert": HUBERT,
}
