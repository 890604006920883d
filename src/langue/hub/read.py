"""Reading of Hugging Face's folders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import torch

from langue.errors import LangueError, reading
from langue.hub.checkpoint import PretrainedModel
from langue.hub.ctranslate2 import read_ctranslate2
from langue.hub.family import HeadSettings
from langue.hub.folder import is_ctranslate2, language_in
from langue.hub.keys import parameter_keys
from langue.hub.sentence import read_sentence
from langue.hub.settings import KEPT, find_heads, read_names, read_settings, remark_unknown
from langue.hub.source import Source
from langue.hub.tokenizer import read_source_tokenizer, read_tokenizer, source_file
from langue.hub.weights import DTYPES
from langue.models.build import check_outline, empty, outline, set_embedder

Precision = Literal["float32", "bfloat16", "float16", "kept", "packed"]


def read_published(path: Path | str, dtype: Precision = "float32") -> PretrainedModel:
    """Read a Hugging Face folder of any family in `FAMILIES`, with its tokenizer.

    Nothing in the folder is executed. Parameters that we keep as they do lie in the file's own memory, and come from
    the disk when they are first used.

    Args:
        path: the folder, or the file of one of its languages.
        dtype: what the parameters are made of; single precision, with which everything works everywhere, unless told
            otherwise; "kept" leaves them as they are.

    Raises:
        LangueError: in one sentence, what is missing, damaged, hostile or not supported.
    """
    path = Path(path)
    if dtype == "packed":
        raise LangueError(f"{path} is no GGUF file, whose weights alone can keep their bits; leave --weights keep out")
    if is_ctranslate2(path):
        return read_ctranslate2(path)
    source = Source.open(path)
    tokenizer, reads = read_tokenizer(path), read_source_tokenizer(source.path)
    with reading(source.file):
        head = source.choose_head(find_heads(source))
        config = read_settings(source, head)
        labels = read_names(source) if head.labelled else None
    tensors, family = source.weights, source.family
    check_outline(config, len(tensors), sum(math.prod(place.shape) for place in tensors.values()), source.file)
    if head.words and (config.tie_embeddings or family.head_by_file):
        config = config.replace(tie_embeddings=source.is_tied(head))
    blank = outline(config)
    table = parameter_keys((*family.keys, *head.keys), blank, head=head.words)
    placed = source.place(head, table)
    source.check_shapes(table, blank, placed)
    remark_unknown(source)
    state = source.parameters(table, placed, None if dtype == "kept" else getattr(torch, dtype))
    # A head that is still to be learnt, where the model has one in any case, is zeros.
    state |= {
        name: torch.zeros(blank.get_parameter(name).shape) for name, _ in blank.named_parameters() if name not in state
    }
    model = empty(config).assign(state)  # instead of memory that nobody has touched
    origin = _origin(source, path, head, {tensors[name].dtype for name in placed.values()})
    with reading(source.path):
        sentence = read_sentence(source.path)
    if sentence is not None:
        set_embedder(model, sentence.config, sentence.weights)
    return PretrainedModel(
        model.eval(),
        tokenizer,
        labels,
        origin,
        reads,
        None if sentence is None else sentence.reading,
        None if tokenizer is None else path.absolute(),
        None if reads is None else source_file(path.absolute()),
    )


def _origin(source: Source, path: Path, head: HeadSettings, stored: set[str]) -> dict[str, Any]:
    """Settings of a folder that a model has no use for, its language if it is of one of several, and the type of its
    numbers, if they are of one."""
    origin: dict[str, Any] = {"architecture": head.architecture, "model_type": source.family.model_type}
    origin["dtype"] = str(DTYPES[stored.pop()]).removeprefix("torch.") if len(stored) == 1 else "float32"
    origin |= {name: source.config[name] for name in KEPT if source.config.get(name) is not None}
    origin |= {} if (language := language_in(path)) is None else {"language": language}
    return origin | ({"generation_config": source.generation} if source.generation else {})
