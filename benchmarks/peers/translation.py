"""The same encoder–decoder in Transformers and in CTranslate2, both of which search by beams on a Marian's weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

ACTIVATIONS = {"silu": "swish", "gelu": "gelu", "relu": "relu"}


def transformers_maker(
    *, folder: str, sources: str, answers: str, end: int, beams: int, most: int, batch_size: int
) -> Callable[[], object]:
    """Every source of a JSON list once, sorted by length as its experienced users do; the answers go into a file."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    model = transformers.MarianMTModel.from_pretrained(folder).eval()
    given = json.loads(Path(sources).read_text(encoding="utf-8"))
    order = sorted(range(len(given)), key=lambda number: -len(given[number]))

    def step() -> None:
        found: list[list[int]] = [[] for _ in given]
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            rows = [torch.tensor(given[number]) for number in numbers]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=model.config.pad_token_id)
            valid = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
            with torch.inference_mode():
                written = model.generate(
                    ids, attention_mask=valid.long(), num_beams=beams, do_sample=False, max_new_tokens=most,
                    max_length=None, length_penalty=1.0, early_stopping=False,
                )  # fmt: skip
            for number, row in zip(numbers, written[:, 1:].tolist(), strict=True):
                found[number] = row[: row.index(end)] if end in row else row
        Path(answers).write_text(json.dumps(found), encoding="utf-8")

    return step


def ctranslate2_maker(
    *, folder: str, sources: str, answers: str, beams: int, most: int, batch_size: int
) -> Callable[[], object]:
    """The same by CTranslate2, which sorts by length itself; its tokens are the numbers written out."""
    import ctranslate2
    import torch

    translator = ctranslate2.Translator(
        folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=torch.get_num_threads()
    )
    given = [[str(token) for token in source] for source in json.loads(Path(sources).read_text(encoding="utf-8"))]

    def step() -> None:
        results = translator.translate_batch(
            given, beam_size=beams, max_decoding_length=most, length_penalty=1.0, max_batch_size=batch_size,
            max_input_length=0,
        )  # fmt: skip
        found = [[int(token) for token in result.hypotheses[0]] for result in results]
        Path(answers).write_text(json.dumps(found), encoding="utf-8")

    return step


def marian(model: Any, start: int, end: int) -> Any:
    """A model of Langue's as Transformers' MarianMTModel, with the same weights.

    Args:
        model: an encoder–decoder of Marian's shape, see `is_marian`.
        start: the token that the decoder begins with.
        end: the token that ends a text.
    """
    import torch
    import transformers

    config = model.config
    sizes: dict[str, Any] = {}
    for side, own in (("encoder", config.encoder_config()), ("decoder", config)):
        sizes |= {
            f"{side}_layers": own.layers, f"{side}_attention_heads": own.heads,
            f"{side}_ffn_dim": own.resolved_feedforward_width,
        }  # fmt: skip
    theirs = transformers.MarianMTModel(
        transformers.MarianConfig(
            vocab_size=config.vocab_size, decoder_vocab_size=config.vocab_size, d_model=config.width,
            activation_function=ACTIVATIONS[config.feedforward], scale_embedding=True,
            max_position_embeddings=config.context, decoder_start_token_id=start, pad_token_id=start,
            eos_token_id=end, bos_token_id=None, forced_eos_token_id=None, **sizes,
        )
    )  # fmt: skip
    found = theirs.load_state_dict(_marian_weights(model.state_dict()), strict=False)
    unexpected = [*found.unexpected_keys, *(key for key in found.missing_keys if "embed_positions" not in key)]
    if unexpected:
        raise ValueError(f"the model is no Marian: {unexpected}")
    with torch.no_grad():
        for side in (theirs.model.encoder, theirs.model.decoder):
            side.embed_positions.weight.copy_(side.embed_positions.create_weight())
    return theirs.eval()


def is_marian(config: Any) -> bool:
    """Whether an encoder–decoder is made of what Marian's Transformer is made of (Junczys-Dowmunt et al. 2018)."""
    return all(
        side.mixer == "attention" and side.position == "sinusoidal" and side.norm == "layer" and side.bias
        and side.norm_place == "post" and side.feedforward in ACTIVATIONS and side.query_key_norm == "none"
        and side.width == config.width
        for side in (config, config.encoder_config())
    ) and config.embedding_scale and config.head_bias and config.tie_embeddings  # fmt: skip


def _marian_weights(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    shared = ours["embedding.weight"]
    weights = {"final_logits_bias": ours["head.bias"][None], "model.shared.weight": shared, "lm_head.weight": shared}
    places = {
        "mixer.query_key_value": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        "mixer.output": ["self_attn.out_proj"],
        "cross.query": ["encoder_attn.q_proj"],
        "cross.key_value": ["encoder_attn.k_proj", "encoder_attn.v_proj"],
        "cross.output": ["encoder_attn.out_proj"],
        "feedforward.input": ["fc1"],
        "feedforward.output": ["fc2"],
    }
    norms = {
        "encoder": ["self_attn_layer_norm", "final_layer_norm"],
        "stack": ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"],
    }
    for side, other in (("encoder", "model.encoder"), ("stack", "model.decoder")):
        weights[f"{other}.embed_tokens.weight"] = shared
        named = places | {f"sublayers.{number}.norm": [norm] for number, norm in enumerate(norms[side])}
        for name, value in ours.items():
            start, _, rest = name.partition(".blocks.")
            if start != side or not rest:
                continue
            layer, _, rest = rest.partition(".")
            layer_name, _, kind = rest.rpartition(".")
            parts = named[layer_name]
            for part, chunk in zip(parts, value.chunk(len(parts)), strict=True):
                weights[f"{other}.layers.{layer}.{part}.{kind}"] = chunk
    return weights


def write_ctranslate2(theirs: Any, folder: Path, start: int, end: int) -> None:
    """Write a MarianMTModel in CTranslate2's format, whose vocabulary are the tokens' numbers.

    Its own converter of Marians would begin texts with a vector of zeros instead of a token.
    """
    from ctranslate2.converters.transformers import BartLoader

    theirs.config.normalize_before, theirs.config.normalize_embedding = False, False
    loader = BartLoader()
    spec = loader.get_model_spec(theirs)
    names = [str(number) for number in range(theirs.config.vocab_size)]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token = spec.config.decoder_start_token = spec.config.unk_token = str(start)
    spec.config.eos_token = str(end)
    spec.validate()
    folder.mkdir(parents=True)
    spec.save(str(folder))
