"""Pruned models go out to Transformers where its class knows their shape, and compute the same there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from published import IDS, TARGET, VOCABULARY, assert_same, ours_say, save, sound, theirs_say

from langue.batch import Batch
from langue.errors import LangueError
from langue.hub import read_published
from langue.hub.checkpoint import PretrainedModel
from langue.hub.write import write_published
from langue.models import Model
from langue.pruning import Keep, prune

OWN_HEAD_WIDTH = ("llama", "mistral", "qwen3", "t5", "t5 1.1")
FAMILIES = (
    *(*OWN_HEAD_WIDTH, "gpt2", "qwen2", "bert words", "roberta words", "bart", "marian", "whisper"),
    *("distilbert words", "deberta words", "neox", "olmo 2", "gemma 2", "gemma 3", "m2m"),
)


def run(model: Model) -> None:
    for row in range(len(IDS)):
        if model.config.form != "seq2seq":
            model(Batch(IDS[row : row + 1]))
            continue
        source = IDS[row : row + 1] if model.config.audio is None else sound(model.config.audio.bins)[row : row + 1]
        model(Batch(TARGET[row : row + 1], source=source))


def pruned(name: str, keep: Keep, folder: Path) -> tuple[PretrainedModel, transformers.PreTrainedModel]:
    """A published model pruned, and what Transformers reads of it when it was written again."""
    theirs = save(name, folder / "theirs")
    whole = read_published(folder / "theirs")
    assert whole.model.config.vocab_size == VOCABULARY
    smaller = PretrainedModel(prune(whole.model, keep, run), origin=whole.origin)
    (folder / "again").mkdir()
    write_published(smaller, folder / "again")
    return smaller, type(theirs).from_pretrained(folder / "again").eval()


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_layers_and_channels_of_every_family(name: str, tmp_path: Path) -> None:
    smaller, again = pruned(name, Keep(layers=1, feedforward=0.5), tmp_path)
    assert [side.layer_count for side in smaller.model.config.sides] == [1] * len(smaller.model.config.sides)
    assert_same(ours_say(smaller.model, again), theirs_say(again))


@pytest.mark.parametrize("name", OWN_HEAD_WIDTH)
@torch.no_grad()
def test_heads_of_families_whose_heads_have_a_width_of_their_own(name: str, tmp_path: Path) -> None:
    smaller, again = pruned(name, Keep(heads=0.5), tmp_path)
    assert again.config.num_attention_heads == 2
    assert_same(ours_say(smaller.model, again), theirs_say(again))


@pytest.mark.parametrize("name", ["gpt2", "bert words", "bart"])
def test_heads_of_the_others_stay_here(name: str, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="no counterpart at Hugging Face"):
        pruned(name, Keep(heads=0.5), tmp_path)
