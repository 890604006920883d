"""Small models of Transformers' with random weights, one for each class that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from langue.batch import Batch
from langue.models import Model

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

VOCABULARY = 61
IDS = torch.randint(4, VOCABULARY, (3, 11), generator=torch.Generator().manual_seed(0))
RIGHT = torch.arange(11) < torch.tensor([[11], [7], [2]])
LEFT = RIGHT.flip(1)
TARGET = IDS[:, :7].flip(1)


def sound(bins: int) -> Tensor:
    """(rows, frames, bins), as many frames as the small Whisper wants."""
    return torch.randn(3, 60, bins, generator=torch.Generator().manual_seed(1))


BERT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
}
DISTILBERT = {"vocab_size": VOCABULARY, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 40}
DISTILBERT |= {"max_position_embeddings": 32}
MODERNBERT = {**BERT, "num_hidden_layers": 4, "local_attention": 4, "pad_token_id": 0, "bos_token_id": 1}
MODERNBERT |= {"eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
DEBERTA = {**BERT, "relative_attention": True, "position_buckets": 4, "share_att_key": True, "type_vocab_size": 0}
DEBERTA |= {"pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm", "position_biased_input": False}
GPT2 = {"vocab_size": VOCABULARY, "n_positions": 32, "n_embd": 24, "n_layer": 2, "n_head": 4, "pad_token_id": 0}
LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
NEOX = {name: value for name, value in LLAMA.items() if name != "num_key_value_heads"}
GEMMA = {**LLAMA, "num_hidden_layers": 4, "head_dim": 12, "sliding_window": 3, "query_pre_attn_scalar": 16}
GEMMA |= {"bos_token_id": 2, "eos_token_id": 1}
SIDES = {"layers": 2, "attention_heads": 4, "ffn_dim": 40}
T5 = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 6,
    "d_ff": 40,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 10,
    "decoder_start_token_id": 0,
}
GATED = {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
BART = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    **{f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in SIDES.items()},
    "max_position_embeddings": 32,
    "pad_token_id": 1,
}
M2M100 = {**BART, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
MARIAN = {**BART, "pad_token_id": 60, "decoder_start_token_id": 60, "activation_function": "swish"}
WHISPER = {
    **{name: n for name, n in BART.items() if name != "max_position_embeddings"},
    "num_mel_bins": 20,
    "max_source_positions": 30,
    "max_target_positions": 32,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 2,
}
DEEP = {"encoder_layers": 3, "decoder_layers": 1, "decoder_attention_heads": 2, "encoder_ffn_dim": 24}
THREE = {"id2label": {0: "no", 1: "maybe", 2: "yes"}, "label2id": {"no": 0, "maybe": 1, "yes": 2}}


def rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, **more}}


# Class, fields that differ from the family's above.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", GPT2),
    "gpt2 untied, gelu, inner": (
        "GPT2LMHeadModel",
        {**GPT2, "tie_word_embeddings": False, "activation_function": "gelu", "n_inner": 20},
    ),
    "gpt2 trunk": ("GPT2Model", GPT2),
    "gpt2 classes": ("GPT2ForSequenceClassification", {**GPT2, **THREE}),
    "llama": ("LlamaForCausalLM", LLAMA),
    "llama tied": ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True}),
    "llama biases": ("LlamaForCausalLM", {**LLAMA, "attention_bias": True, "mlp_bias": True}),
    "llama all heads": ("LlamaForCausalLM", {**LLAMA, "num_key_value_heads": 4}),
    "llama one key head": ("LlamaForCausalLM", {**LLAMA, "num_key_value_heads": 1, "head_dim": 12}),
    "llama theta": ("LlamaForCausalLM", {**LLAMA, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
    "llama linear": ("LlamaForCausalLM", {**LLAMA, **rope("linear", factor=4.0)}),
    "llama 3": (
        "LlamaForCausalLM",
        {
            **LLAMA,
            **rope(
                "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
            ),
        },
    ),
    "llama yarn": ("LlamaForCausalLM", {**LLAMA, **rope("yarn", factor=4.0, original_max_position_embeddings=16)}),
    "llama yarn, told all": (
        "LlamaForCausalLM",
        {
            **LLAMA,
            **rope(
                "yarn",
                factor=4.0,
                original_max_position_embeddings=16,
                beta_fast=16.0,
                beta_slow=2.0,
                attention_factor=1.3,
                truncate=False,
            ),
        },
    ),
    "llama trunk": ("LlamaModel", LLAMA),
    "llama classes": ("LlamaForSequenceClassification", {**LLAMA, **THREE}),
    "mistral": ("MistralForCausalLM", {**LLAMA, "sliding_window": 3}),
    "qwen2": ("Qwen2ForCausalLM", LLAMA),
    "qwen2 tied": ("Qwen2ForCausalLM", {**LLAMA, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3ForCausalLM", {**LLAMA, "head_dim": 12}),
    "qwen3 biases": ("Qwen3ForCausalLM", {**LLAMA, "attention_bias": True}),
    "neox": ("GPTNeoXForCausalLM", {**NEOX, "rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}),
    "neox in turn": (
        "GPTNeoXForCausalLM",
        {
            **NEOX,
            "use_parallel_residual": False,
            "attention_bias": False,
            "hidden_act": "relu",
            **rope("linear", factor=2.0),
        },
    ),
    "neox tied": ("GPTNeoXForCausalLM", {**NEOX, "tie_word_embeddings": True}),
    "neox trunk": ("GPTNeoXModel", NEOX),
    "neox classes": ("GPTNeoXForSequenceClassification", {**NEOX, **THREE}),
    "olmo 2": ("Olmo2ForCausalLM", LLAMA),
    "olmo 2 biases": ("Olmo2ForCausalLM", {**LLAMA, "attention_bias": True, "rms_norm_eps": 1e-6}),
    "olmo 2 trunk": ("Olmo2Model", LLAMA),
    "gemma 2": ("Gemma2ForCausalLM", {**GEMMA, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.0}),
    "gemma 2 plain": (
        "Gemma2ForCausalLM",
        {
            **GEMMA,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "layer_types": ["full_attention"] * 4,
        },
    ),
    "gemma 2 trunk": ("Gemma2Model", GEMMA),
    "gemma 2 classes": ("Gemma2ForSequenceClassification", {**GEMMA, **THREE}),
    "gemma 3": ("Gemma3ForCausalLM", {**GEMMA, "final_logit_softcapping": 2.0}),
    "gemma 3 stretched": (
        "Gemma3ForCausalLM",
        {
            **GEMMA,
            "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
            },
        },
    ),
    "gemma 3 trunk": ("Gemma3TextModel", GEMMA),
    "gemma 3 classes": ("Gemma3TextForSequenceClassification", {**GEMMA, **THREE}),
    "bert": ("BertModel", BERT),
    "bert without pooler": ("BertModel", BERT),
    "bert words": ("BertForMaskedLM", {**BERT, "hidden_act": "gelu_new"}),
    "bert words untied": ("BertForMaskedLM", {**BERT, "tie_word_embeddings": False}),
    "bert two objectives": ("BertForPreTraining", BERT),
    "bert classes": ("BertForSequenceClassification", {**BERT, **THREE}),
    "bert number": ("BertForSequenceClassification", {**BERT, "num_labels": 1, "problem_type": "regression"}),
    "bert tags": ("BertForTokenClassification", {**BERT, **THREE}),
    "bert spans": ("BertForQuestionAnswering", BERT),
    "bert choices": ("BertForMultipleChoice", BERT),
    "roberta": ("RobertaModel", {**BERT, "type_vocab_size": 1}),
    "roberta words": ("RobertaForMaskedLM", {**BERT, "layer_norm_eps": 1e-5, "hidden_act": "relu"}),
    "roberta words untied": ("RobertaForMaskedLM", {**BERT, "tie_word_embeddings": False}),
    "roberta classes": ("RobertaForSequenceClassification", {**BERT, **THREE}),
    "roberta tags": ("RobertaForTokenClassification", {**BERT, **THREE}),
    "roberta spans": ("RobertaForQuestionAnswering", {**BERT, "pad_token_id": 3}),
    "roberta choices": ("RobertaForMultipleChoice", BERT),
    "xlm-r": ("XLMRobertaModel", {**BERT, "type_vocab_size": 1}),
    "xlm-r words": ("XLMRobertaForMaskedLM", {**BERT, "layer_norm_eps": 1e-5, "type_vocab_size": 1}),
    "xlm-r classes": ("XLMRobertaForSequenceClassification", {**BERT, **THREE}),
    "xlm-r tags": ("XLMRobertaForTokenClassification", {**BERT, **THREE}),
    "xlm-r spans": ("XLMRobertaForQuestionAnswering", BERT),
    "xlm-r choices": ("XLMRobertaForMultipleChoice", BERT),
    "distilbert": ("DistilBertModel", DISTILBERT),
    "distilbert sines": ("DistilBertModel", {**DISTILBERT, "sinusoidal_pos_embds": True}),
    "distilbert words": ("DistilBertForMaskedLM", {**DISTILBERT, "activation": "relu"}),
    "distilbert words untied": ("DistilBertForMaskedLM", {**DISTILBERT, "tie_word_embeddings": False}),
    "distilbert classes": ("DistilBertForSequenceClassification", {**DISTILBERT, **THREE}),
    "distilbert tags": ("DistilBertForTokenClassification", {**DISTILBERT, **THREE}),
    "distilbert spans": ("DistilBertForQuestionAnswering", DISTILBERT),
    "distilbert choices": ("DistilBertForMultipleChoice", DISTILBERT),
    "deberta": ("DebertaV2Model", DEBERTA),
    "deberta segments": ("DebertaV2Model", {**DEBERTA, "type_vocab_size": 2, "max_relative_positions": 20}),
    "deberta words": ("DebertaV2ForMaskedLM", DEBERTA),
    "deberta classes": ("DebertaV2ForSequenceClassification", {**DEBERTA, **THREE}),
    "deberta tags": ("DebertaV2ForTokenClassification", {**DEBERTA, **THREE}),
    "deberta spans": ("DebertaV2ForQuestionAnswering", DEBERTA),
    "deberta choices": ("DebertaV2ForMultipleChoice", DEBERTA),
    "modernbert": ("ModernBertModel", MODERNBERT),
    "modernbert words": ("ModernBertForMaskedLM", MODERNBERT),
    "modernbert other layers": (
        "ModernBertForMaskedLM",
        {
            **MODERNBERT,
            "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
            "hidden_activation": "gelu_pytorch_tanh",
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 1e5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
            },
        },
    ),
    "modernbert words untied": ("ModernBertForMaskedLM", {**MODERNBERT, "tie_word_embeddings": False}),
    "modernbert classes": ("ModernBertForSequenceClassification", {**MODERNBERT, **THREE}),
    "modernbert mean": ("ModernBertForSequenceClassification", {**MODERNBERT, **THREE, "classifier_pooling": "mean"}),
    "modernbert tags": ("ModernBertForTokenClassification", {**MODERNBERT, **THREE}),
    "modernbert spans": ("ModernBertForQuestionAnswering", MODERNBERT),
    "modernbert choices": ("ModernBertForMultipleChoice", MODERNBERT),
    "t5": ("T5ForConditionalGeneration", T5),
    "t5 deep": ("T5ForConditionalGeneration", {**T5, "num_layers": 1, "num_decoder_layers": 3}),
    "t5 1.1": ("T5ForConditionalGeneration", GATED),
    "t5 1.1 tied": ("T5ForConditionalGeneration", {**GATED, "feed_forward_proj": "gated-silu"}),
    "mt5": ("MT5ForConditionalGeneration", {**T5, "num_decoder_layers": 3}),
    "mt5 tied": ("MT5ForConditionalGeneration", T5),
    "bart": ("BartForConditionalGeneration", BART),
    "bart deep": (
        "BartForConditionalGeneration",
        {**BART, **DEEP, "scale_embedding": True, "activation_function": "relu", "forced_bos_token_id": 0},
    ),
    "bart trunk": ("BartModel", BART),
    "mbart": ("MBartForConditionalGeneration", {**BART, "decoder_start_token_id": 5}),
    "mbart trunk": ("MBartModel", {**BART, **DEEP}),
    "m2m": ("M2M100ForConditionalGeneration", M2M100),
    "m2m deep": ("M2M100ForConditionalGeneration", {**M2M100, **DEEP, "scale_embedding": False}),
    "m2m trunk": ("M2M100Model", M2M100),
    "marian": ("MarianMTModel", MARIAN),
    "marian deep": ("MarianMTModel", {**MARIAN, **DEEP, "scale_embedding": True, "activation_function": "gelu"}),
    "marian trunk": ("MarianModel", MARIAN),
    "whisper": ("WhisperForConditionalGeneration", WHISPER),
    "whisper deep": ("WhisperForConditionalGeneration", {**WHISPER, **DEEP, "num_mel_bins": 24}),
    "whisper trunk": ("WhisperModel", WHISPER),
}


def more(name: str) -> dict[str, Any]:
    """What a class of theirs is built with beside its configuration."""
    return {"add_pooling_layer": False} if name == "bert without pooler" else {}


def make(name: str) -> Any:
    """A model of theirs whose every weight, norms and biases too, is random."""
    architecture, fields = CASES[name]
    kind = getattr(transformers, architecture)
    theirs = kind(kind.config_class(**fields), **more(name))
    if name in ("t5 1.1", "mt5"):  # published with a head of their own, while Transformers 5 makes new ones without
        theirs.lm_head.weight = torch.nn.Parameter(torch.empty_like(theirs.shared.weight))
    draws = torch.Generator().manual_seed(3)
    one = 0.0 if theirs.config.model_type.startswith("gemma") else 1.0  # Gemma adds it itself
    with torch.no_grad():
        for place, parameter in theirs.named_parameters():
            offset = one if "norm" in place.lower() or "ln_" in place else 0.0
            parameter.copy_(offset + 0.15 * torch.randn(parameter.shape, generator=draws))
        for place, buffer in theirs.named_buffers():
            if place == "final_logits_bias":
                buffer.copy_(torch.linspace(-1, 1, buffer.shape[1])[None])
        for module in theirs.modules():
            if "Sinusoidal" in type(module).__name__ and hasattr(module, "weight"):
                module.weight.copy_(module.create_weight())
    return theirs.eval()


def save(name: str, folder: Path, **options: Any) -> Any:
    theirs = make(name)
    theirs.save_pretrained(folder, **options)
    return theirs


@torch.no_grad()
def theirs_say(theirs: Any, valid: Tensor | None = None, segments: Tensor | None = None) -> list[Tensor]:
    """All that a model of theirs computes for IDS: of tokens, of texts, or its hidden vectors."""
    name, options = type(theirs).__name__, {}
    if theirs.config.is_encoder_decoder:
        is_trunk = name.endswith("Model") and not name.endswith("MTModel")
        mask = None if valid is None else valid.long()
        if theirs.config.model_type == "whisper":  # which hears its padding as well
            found = theirs(input_features=sound(theirs.config.num_mel_bins).mT, decoder_input_ids=TARGET)
        else:
            found = theirs(input_ids=IDS, attention_mask=mask, decoder_input_ids=TARGET)
        return [found.last_hidden_state if is_trunk else found.logits]
    if valid is not None:
        options["attention_mask"] = valid.long()
        if "Roberta" not in name and "MultipleChoice" not in name:  # which count positions by themselves
            options["position_ids"] = (valid.cumsum(1) - 1).clamp(min=0)
    if segments is not None:
        options["token_type_ids"] = segments
    ids = IDS if valid is None else IDS.masked_fill(~valid, theirs.config.pad_token_id)
    if "MultipleChoice" in name:
        options = {key: value[:, None] for key, value in options.items()}
        return [theirs(ids[:, None], **options).logits]
    found = theirs(ids, **options)
    if "QuestionAnswering" in name:
        return [torch.stack([found.start_logits, found.end_logits], -1)]
    if "PreTraining" in name:
        return [found.prediction_logits, found.seq_relationship_logits]
    if "last_hidden_state" in found:
        pooled = found.get("pooler_output")
        return [found.last_hidden_state] if pooled is None else [found.last_hidden_state, pooled]
    return [found.logits]


@torch.no_grad()
def ours_say(model: Model, theirs: Any, valid: Tensor | None = None, segments: Tensor | None = None) -> list[Tensor]:
    """The same of ours."""
    ids = IDS if valid is None else IDS.masked_fill(~valid, theirs.config.pad_token_id)
    batch = Batch(ids, valid=valid, segments=segments)
    name = type(theirs).__name__
    if theirs.config.is_encoder_decoder:
        batch = Batch(TARGET, source=IDS, source_valid=valid)
    if theirs.config.model_type == "whisper":
        batch = Batch(TARGET, source=sound(theirs.config.num_mel_bins))
    if name.endswith("Model") and not name.endswith(("LMHeadModel", "MTModel")):
        hidden = model.hidden(batch)
        return [hidden] if model.config.classifier is None else [hidden, model.classify(batch)]
    if "PreTraining" in name:
        return [model(batch), model.classify(batch)]
    return [model(batch) if model.config.classifier is None else model.classify(batch)]


def assert_same(ours: list[Tensor], theirs: list[Tensor], valid: Tensor | None = None) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        if valid is not None and one.shape[:2] == valid.shape:
            one, other = one[valid], other[valid]
        assert other.abs().max() > 0.05
        assert (one - other).abs().max() < 1e-5
