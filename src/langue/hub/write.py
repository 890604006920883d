"""Writing of folders that Transformers loads, each of which is read back before it counts as written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from langue.batch import Batch
from langue.console import no_remarks, say, with_article
from langue.content import write_json
from langue.errors import LangueError
from langue.files import STAMP, write_stamp
from langue.hub.checkpoint import PretrainedModel
from langue.hub.family import Family, HeadSettings
from langue.hub.folder import BEGINNINGS, CONFIG, GENERATION, GENERATION_ONLY, WEIGHTS, language_from
from langue.hub.keys import parameter_keys
from langue.hub.read import read_published
from langue.hub.sentence import write_sentence
from langue.hub.settings import choose_similar, write_settings
from langue.hub.tokenizer import roles_of, write_tokenizer, write_tokenizers
from langue.models import Model, ModelConfig
from langue.models.build import empty, plain
from langue.nn.heads import Embedder
from langue.nn.mel import HOP
from langue.remote import LANGUAGE
from langue.text import Tokenizer
from langue.text.reading import Reading
from langue.text.tokenizer_files import ENDS

TOLERANCE = 1e-4
"""Largest difference of logits from those of the model that was written."""


def write_published(checkpoint: PretrainedModel, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer into a folder, read it back, and compare logits.

    Args:
        checkpoint: what to write.
        folder: an empty folder.

    Raises:
        LangueError: no family of Hugging Face's has such a model, or the disk is full.
    """
    whole = plain(checkpoint.model.eval())
    model = _without_embedder(whole)
    similar, family, head = choose_similar(model.config, checkpoint.labels, checkpoint.origin)
    model = model if similar.segments == model.config.segments else _with_segment(model)
    _remark_loss(model.config, head)
    config = write_settings(family, head, model.config, checkpoint.labels, checkpoint.origin)
    if checkpoint.tokenizer is not None:
        config = _with_numbers(config, checkpoint.tokenizer, model.config)
        if checkpoint.source_tokenizer is None:
            write_tokenizer(checkpoint.tokenizer, whole.config, folder)
        else:
            write_tokenizers(checkpoint.source_tokenizer, checkpoint.tokenizer, whole.config, folder)
    dtype = _dtype(model, checkpoint.origin.get("dtype"))
    config["dtype"] = config["torch_dtype"] = str(dtype).removeprefix("torch.")  # the older name is Transformers 4's
    tensors = _tensors(family, head, model, dtype)
    try:
        for name, content in _weight_files(tensors, family, model.config, checkpoint.origin).items():
            save_file(content, folder / name, metadata={"format": "pt", "sha256": STAMP})
            write_stamp(folder / name)
        origin = checkpoint.origin
        more = {} if checkpoint.tokenizer is None else dict(family.files(checkpoint.tokenizer, model.config, origin))
        usual = more.pop(GENERATION, {})
        if head.words and model.config.form != "encoder":
            write_json(folder / GENERATION, _generation(config, checkpoint, usual))
            for name in GENERATION_ONLY:
                config.pop(name, None)
        for name, content in more.items():
            write_json(folder / name, content)
        write_json(folder / CONFIG, config)
        if whole.embedder is not None:
            write_sentence(whole.embedder, whole.config, checkpoint.reading or Reading(), folder)
    except (OSError, SafetensorError) as error:
        raise LangueError(f"{folder} could not be written: {error}; make room and try again") from None
    _verify(model, head, whole.embedder, folder)


def _without_embedder(model: Model) -> Model:
    """The same trunk, with the same parameters; the head that represents has a place of its own in the folder."""
    if model.config.embedder is None:
        return model
    bare = empty(model.config.replace(embedder=None)).assign(dict(model.named_parameters()))
    return bare.to(model.device).eval()


def _with_segment(model: Model) -> Model:
    """BERT tells segments apart in any case: a model that tells none apart gets one whose vector is zero."""
    config = model.config
    blank = torch.zeros(1, config.resolved_embedding_width, device=model.device, dtype=model.dtype)
    parameters = {**dict(model.named_parameters()), "segment.table.weight": blank}
    return empty(config.replace(segments=1)).assign(parameters).to(model.device).eval()


def _remark_loss(config: ModelConfig, head: HeadSettings) -> None:
    own_head = config.head_bias or config.head_dense != "none" or not config.tie_embeddings
    if not head.words and own_head:
        say(f"the head that predicts tokens is left out, since {with_article(head.architecture)} has none")
    elif config.form == "encoder" and head.bare and head.classifier is None:
        say(f"written as {with_article(head.architecture)}, without a head that predicts tokens")


def _with_numbers(config: dict[str, Any], tokenizer: Tokenizer, ours: ModelConfig) -> dict[str, Any]:
    """config.json with the numbers of the special tokens that it speaks of."""
    roles = roles_of(tokenizer, ours)
    known = {f"{role}_id": tokenizer.engine.token_to_id(name) for role, name in roles.items()}
    numbers = {name: known[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id") if name in known}
    pad = numbers.get("pad_token_id", tokenizer.pad)
    counted = ours.position_offset and (ours.form == "encoder" or ours.position == "sinusoidal")
    if counted and config["pad_token_id"] != pad:
        raise LangueError(
            f"position_offset {ours.position_offset} means at Hugging Face that padding has the number "
            f"{config['pad_token_id']}, but the tokenizer's has {pad}"
        )
    if ours.form == "seq2seq":
        numbers["decoder_start_token_id"] = tokenizer.first
    return {**numbers, "pad_token_id": pad, **config}


def _generation(config: dict[str, Any], checkpoint: PretrainedModel, usual: Mapping[str, Any]) -> dict[str, Any]:
    """generation_config.json: as it was read, and what it did not say; all that ends a text in any case."""
    names = ("bos_token_id", ENDS, "pad_token_id", *BEGINNINGS, "forced_eos_token_id", "bad_words_ids")
    content = {name: config[name] for name in (*names, *GENERATION_ONLY) if name in config}
    content |= {**usual, **checkpoint.origin.get("generation_config", {})}
    if checkpoint.tokenizer is not None:
        ends, before = list(checkpoint.tokenizer.ends), content.get(ENDS)
        same = set(before if isinstance(before, list) else [before]) == set(ends)
        content[ENDS] = before if same else ends if len(ends) > 1 else ends[0]
    return content


def _dtype(model: Model, wanted: str | None) -> torch.dtype:
    """The precision that the weights came in, if it still holds each to the bit; else that which they have."""
    own = model.dtype
    if wanted not in ("bfloat16", "float16", "float64"):
        return own
    smaller = getattr(torch, wanted)
    same = all(torch.equal(weight.to(smaller).to(weight.dtype), weight) for weight in model.parameters())
    return smaller if same else own


def _tensors(family: Family, head: HeadSettings, model: Model, dtype: torch.dtype) -> dict[str, Tensor]:
    """Tensors of theirs, by the name they have in a class like this."""
    parameters = dict(model.named_parameters())
    tensors: dict[str, Tensor] = {}
    for line in parameter_keys((*family.keys, *head.keys), model, head=head.words):
        for name, part in line.split(parameters[line.ours].detach().cpu()).items():
            name = name.removeprefix(family.prefix) if head.bare else name
            # Rows of a stacked matrix share its memory, which the format does not allow.
            tensors[name] = part.to(dtype).clone(memory_format=torch.contiguous_format)
    if head.words and not model.config.tie_embeddings:
        tensors |= {name: tensors[family.aliases[name]].clone() for name in family.untied}
    return tensors


def _weight_files(
    tensors: dict[str, Tensor], family: Family, config: ModelConfig, origin: Mapping[str, Any]
) -> dict[str, dict[str, Tensor]]:
    """All tensors in one file, and those that belong to the language that a model is of in another one besides."""
    language = language_from(origin)
    if language is None or config.bottleneck is None:
        return {WEIGHTS: tensors}
    own = {name: tensor for name, tensor in tensors.items() if re.fullmatch(family.of_language, name)}
    return {WEIGHTS: tensors, LANGUAGE.format(language): own}


def _verify(model: Model, head: HeadSettings, embedder: Embedder | None, folder: Path) -> None:
    """Read the folder as anyone would, and compare what both models say of the same tokens.

    Raises:
        LangueError: they differ, and the folder must not be used.
    """
    with no_remarks():
        again = read_published(folder).model.to(device=model.device, dtype=model.dtype)
    draws = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab_size, (2, min(16, model.config.context)), generator=draws)
    valid = torch.ones_like(ids, dtype=torch.bool)
    valid[1, ids.shape[1] // 2 + 1 :] = False
    batch = Batch(ids, valid=valid).to(model.device)
    if model.config.form == "seq2seq" or model.config.audio is not None:
        source = _source(model.config, ids)
        heard = valid.repeat_interleave(source.shape[1] // ids.shape[1], 1)
        batch = replace(batch, source=source, source_valid=heard).to(model.device)
    with torch.inference_mode():
        pairs = [(model.hidden(batch), again.hidden(batch))]
        if head.words:
            pairs.append((model(batch), again(batch)))
        if head.classifier is not None:
            pairs.append((model.classify(batch), again.classify(batch)))
        if embedder is not None:
            pairs.append((embedder(model.read(batch), batch.valid), again.represent(batch)))
    for ours, theirs in pairs:
        difference = (ours.float() - theirs.float()).abs().max().item()
        if not difference <= TOLERANCE:
            raise LangueError(
                f"the folder that was written computes something else, by {difference:.2g}; it is removed"
            )


def _source(config: ModelConfig, ids: Tensor) -> Tensor:
    """Random features of a recording, or tokens in another order."""
    if config.audio is None:
        return ids.flip(1)
    shape = (len(ids), ids.shape[1] * HOP // config.audio.frame, config.audio.frame_width)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))
