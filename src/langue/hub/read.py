"""Reading of Hugging Face's folders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import torch

from langue.errors import reading
from langue.hub.checkpoint import PretrainedModel
from langue.hub.ctranslate2 import read_ctranslate2
from langue.hub.folder import CONFIG, is_ctranslate2, read_folder
from langue.hub.keys import (
    check_shapes,
    choose_by_keys,
    full_names,
    is_tied,
    parameter_keys,
    place_all,
    read_parameters,
    refuse_others,
)
from langue.hub.sentence import read_sentence
from langue.hub.settings import KEPT, find_family, find_heads, read_names, read_settings, remark_unknown
from langue.hub.tokenizer import read_source_tokenizer, read_tokenizer
from langue.hub.weights import DTYPES
from langue.models.build import check_outline, empty, outline, set_embedder

Precision = Literal["float32", "bfloat16", "float16", "kept"]


def read_published(path: Path | str, dtype: Precision = "float32") -> PretrainedModel:
    """Read a Hugging Face folder of any family in `FAMILIES`, with its tokenizer.

    Nothing in the folder is executed. Parameters that we keep as they do lie in the file's own memory, and come from
    the disk when they are first used.

    Args:
        path: the folder.
        dtype: what the parameters are made of; single precision, with which everything works everywhere, unless told
            otherwise; "kept" leaves them as they are.

    Raises:
        LangueError: in one sentence, what is missing, damaged, hostile or not supported.
    """
    path = Path(path)
    if is_ctranslate2(path):
        return read_ctranslate2(path)
    folder = read_folder(path)
    file = path / CONFIG
    with reading(file):
        family = find_family(folder.config, file)
        names = full_names(family, folder.weights, path)
        head = choose_by_keys(family, find_heads(family, folder.config, file), names)
        config = read_settings(family, head, folder.config, file)
        labels = read_names(folder.config, file) if head.labelled else None
    check_outline(config, len(names), sum(math.prod(place.shape) for place in folder.weights.values()), file)
    if head.words and (config.tie_embeddings or family.head_by_file):
        config = config.replace(tie_embeddings=is_tied(family, head, folder.weights, names))
    blank = outline(config)
    table = parameter_keys((*family.keys, *head.keys), blank, head=head.words)
    placed = place_all(family, head, table, names, path)
    refuse_others(family, head, folder.weights, names, placed, path)
    check_shapes(table, blank, folder.weights, placed, path)
    remark_unknown(family, folder.config, file)
    stored = {folder.weights[name].dtype for name in placed.values()}
    state = read_parameters(table, folder.weights, placed, None if dtype == "kept" else getattr(torch, dtype))
    model = empty(config).assign(state)  # instead of memory that nobody has touched
    origin: dict[str, Any] = {"architecture": head.architecture, "model_type": family.model_type}
    origin["dtype"] = str(DTYPES[stored.pop()]).removeprefix("torch.") if len(stored) == 1 else "float32"
    origin |= {name: folder.config[name] for name in KEPT if folder.config.get(name) is not None}
    if folder.generation:
        origin["generation_config"] = folder.generation
    with reading(path):
        sentence = read_sentence(path)
    if sentence is not None:
        set_embedder(model, sentence.config, sentence.weights)
    tokenizer, source = read_tokenizer(path), read_source_tokenizer(path)
    return PretrainedModel(
        model.eval(), tokenizer, labels, origin, source, None if sentence is None else sentence.reading
    )
