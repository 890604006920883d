"""Every class of every family, in both directions: the same numbers from Transformers and from us, to the last bit of
each weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tests.hub.published import CASES, IDS, LEFT, RIGHT, THREE, assert_same, make, more, ours_say, save, theirs_say

from langue.hub import PretrainedModel, read_published, save_checkpoint
from langue.hub.write import write_published
from langue.tasks.folders import read_model


@pytest.mark.parametrize("name", CASES)
def test_we_compute_what_they_compute(name: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path)
    found = read_published(tmp_path)
    assert_same(ours_say(found.model, theirs), theirs_say(theirs))
    assert_same(ours_say(found.model, theirs, RIGHT), theirs_say(theirs, RIGHT), RIGHT)
    # Transformers pools the first position, padding or not, and picks the last token by its number.
    # Of an encoder–decoder it is the source that is padded, behind, since theirs counts positions from the padding on.
    if theirs.config.is_encoder_decoder:
        return
    if found.model.config.classifier is None or found.model.config.classifier.level == "position":
        assert_same(ours_say(found.model, theirs, LEFT), theirs_say(theirs, LEFT), LEFT)
    if theirs.config.model_type == "bert":
        segments = (torch.arange(11) > 5).long().expand(3, 11)
        assert_same(ours_say(found.model, theirs, None, segments), theirs_say(theirs, None, segments))
    assert found.labels == (list(THREE["id2label"].values()) if "id2label" in CASES[name][1] else found.labels)


@pytest.mark.parametrize("name", CASES)
def test_a_round_trip_changes_no_bit(name: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path / "theirs")
    save_checkpoint(read_published(tmp_path / "theirs"), tmp_path / "run")
    (tmp_path / "again").mkdir()
    write_published(read_model(tmp_path / "run")[0], tmp_path / "again")

    before, after = (load_file(tmp_path / place / "model.safetensors") for place in ("theirs", "again"))
    if name == "marian trunk":  # sines and cosines, which theirs stores in this class alone
        before = {key: tensor for key, tensor in before.items() if "embed_positions" not in key}
    assert before.keys() == after.keys()
    untied = not theirs.config.tie_word_embeddings
    for key, tensor in before.items():
        if untied and key in ("cls.predictions.bias", "lm_head.bias"):  # stored by theirs and used by nobody
            continue
        assert torch.equal(tensor, after[key])
        assert tensor.dtype == after[key].dtype

    again = type(theirs).from_pretrained(tmp_path / "again", **more(name)).eval()
    assert_same(theirs_say(again), theirs_say(theirs))
    assert_same(theirs_say(again, RIGHT), theirs_say(theirs, RIGHT), RIGHT)
    assert again.config.architectures == [type(theirs).__name__]
    assert again.config.id2label == theirs.config.id2label
    assert again.config.problem_type == theirs.config.problem_type
    fields = ("vocab_size", "tie_word_embeddings", "pad_token_id", "hidden_act", "scale_decoder_outputs", "model_type")
    for field in (*fields, "bos_token_id", "eos_token_id", "decoder_start_token_id"):
        assert getattr(again.config, field, None) == getattr(theirs.config, field, None)
    rope = getattr(theirs.config, "rope_parameters", None) or {}
    written = getattr(again.config, "rope_parameters", None) or {}
    assert {**written, **rope} == written


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt2", "AutoModelForCausalLM"),
        ("llama", "AutoModelForCausalLM"),
        ("bert words", "AutoModelForMaskedLM"),
        ("roberta classes", "AutoModelForSequenceClassification"),
        ("bert", "AutoModel"),
        ("t5 1.1", "AutoModelForSeq2SeqLM"),
        ("mt5", "AutoModelForSeq2SeqLM"),
        ("bart deep", "AutoModelForSeq2SeqLM"),
        ("marian", "AutoModelForSeq2SeqLM"),
        ("m2m", "AutoModelForSeq2SeqLM"),
        ("neox", "AutoModelForCausalLM"),
        ("olmo 2", "AutoModelForCausalLM"),
        ("gemma 2", "AutoModelForCausalLM"),
        ("gemma 3 stretched", "AutoModelForCausalLM"),
        ("xlm-r classes", "AutoModelForSequenceClassification"),
        ("distilbert words", "AutoModelForMaskedLM"),
    ],
)
def test_auto_classes_find_what_was_written(name: str, kind: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path / "theirs")
    (tmp_path / "again").mkdir()
    write_published(read_published(tmp_path / "theirs"), tmp_path / "again")
    again, told = getattr(transformers, kind).from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert_same(theirs_say(again.eval()), theirs_say(theirs))


OLDER = {
    "neox": ({"rotary_pct": 0.5, "rotary_emb_base": 10_000}, ("rope_parameters",)),
    "gemma 2": (
        {"rope_theta": 10_000.0, "hidden_act": "gelu", "cache_implementation": "hybrid"},
        ("rope_parameters", "layer_types"),
    ),
    "gemma 3 stretched": (
        {
            "rope_theta": 1e5,
            "rope_local_base_freq": 500.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
        ("rope_parameters",),
    ),
    "modernbert words": (
        {"global_rope_theta": 160_000.0, "local_rope_theta": 10_000.0, "global_attn_every_n_layers": 3},
        ("rope_parameters", "layer_types"),
    ),
    "deberta words": ({"pos_att_type": "p2c|c2p", "max_relative_positions": -1}, ()),
}
"""Settings as folders of Transformers 4 have them, and those of version 5 that they lack."""


@pytest.mark.parametrize("name", OLDER)
def test_settings_of_older_folders_say_the_same(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = save(name, tmp_path)
    fields, lacking = OLDER[name]
    content = json.loads((tmp_path / "config.json").read_text())
    content = {key: value for key, value in {**content, **fields}.items() if key not in lacking}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert_same(ours_say(read_published(tmp_path).model, theirs), theirs_say(theirs))
    assert "unknown to Langue" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert words", "roberta classes", "t5", "marian"])
def test_shards(name: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert_same(ours_say(read_published(tmp_path).model, theirs), theirs_say(theirs))


@pytest.mark.parametrize(("given", "named"), [(torch.bfloat16, "bfloat16"), (torch.float16, "float16")])
def test_half_precision_comes_back_as_it_was(given: torch.dtype, named: str, tmp_path: Path) -> None:
    make("llama").to(given).save_pretrained(tmp_path / "theirs")
    single, kept = read_published(tmp_path / "theirs"), read_published(tmp_path / "theirs", "kept")
    assert single.model.embedding.table.weight.dtype == torch.float32
    assert {each.dtype for each in kept.model.parameters()} == {given}
    for one, other in zip(single.model.parameters(), kept.model.parameters(), strict=True):
        assert torch.equal(one, other.float())
    (tmp_path / "again").mkdir()
    write_published(single, tmp_path / "again")
    before, after = (load_file(tmp_path / place / "model.safetensors") for place in ("theirs", "again"))
    assert all(torch.equal(before[key], after[key]) and after[key].dtype == given for key in before)

    # Once trained, they are no half-precision numbers any more and must not be rounded to some.
    with torch.no_grad():
        single.model.embedding.table.weight.add_(1e-6)
    (tmp_path / "trained").mkdir()
    write_published(single, tmp_path / "trained")
    assert load_file(tmp_path / "trained" / "model.safetensors")["model.embed_tokens.weight"].dtype == torch.float32
    assert single.origin["dtype"] == named


def test_writing_to_what_was_read_leaves_the_file_alone(tmp_path: Path) -> None:
    save("gpt2", tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    model = read_published(tmp_path).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_classifier_trained_on_words_is_written_without_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save("bert two objectives", tmp_path / "theirs")
    found = read_published(tmp_path / "theirs")
    (tmp_path / "again").mkdir()
    write_published(PretrainedModel(found.model, labels=["bad", "good"]), tmp_path / "again")
    again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "again").eval()
    assert again.config.id2label == {0: "bad", 1: "good"}
    assert "the head that predicts tokens is left out" in capsys.readouterr().err
    with torch.no_grad():
        assert_same(ours_say(found.model, again), [again(IDS).logits])
