"""Encoders that hear waveforms, in both directions: the same numbers from Transformers and from us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.hub.published import assert_same
from torch import Tensor

import langue
from langue.batch import Batch
from langue.cli import run as cli
from langue.errors import LangueError
from langue.hub import read_published, save_checkpoint
from langue.hub.write import write_published
from langue.models import Model
from langue.recipes import find_recipe
from langue.tasks.folders import read_model
from langue.tasks.recipes import read_recipe
from langue.tasks.transcribe.sound import features_of
from spoken_rows import say, write_spoken
from waveform_models import SIZES, STABLE, randomized

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec 2": ("Wav2Vec2ForCTC", SIZES),
    "wav2vec 2 of many languages": ("Wav2Vec2ForCTC", {**STABLE, "num_conv_pos_embeddings": 5}),
    "wav2vec 2, norms in all convolutions alone": (
        "Wav2Vec2ForCTC",
        {**SIZES, "feat_extract_norm": "layer", "hidden_act": "relu", "layer_norm_eps": 1e-3},
    ),
    "hubert": ("HubertForCTC", SIZES),
    "hubert large": ("HubertForCTC", STABLE),
    "hubert without a norm before its projection": ("HubertForCTC", {**STABLE, "feat_proj_layer_norm": False}),
}
LENGTHS = (900, 611, 260)


def make(name: str) -> Any:
    """A model of theirs whose every weight is random."""
    architecture, fields = CASES[name]
    kind = getattr(transformers, architecture)
    return randomized(kind(kind.config_class(**fields)), 3)


def save(name: str, folder: Path, **extractor: Any) -> Any:
    theirs = make(name)
    theirs.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(**extractor).save_pretrained(folder)
    return theirs


def sounds() -> list[Tensor]:
    draws = torch.Generator().manual_seed(1)
    return [torch.randn(length, generator=draws) for length in LENGTHS]


def ours_say(model: Model, *recordings: Tensor) -> list[Tensor]:
    """(positions, V) logits of recordings side by side, whose padding is no silence."""
    lengths = torch.tensor([len(one) for one in recordings])
    source = torch.nn.utils.rnn.pad_sequence(list(recordings), batch_first=True, padding_value=7.0)[..., None]
    valid = torch.arange(source.shape[1]) < lengths[:, None]
    with torch.no_grad():
        logits = model(Batch(torch.zeros(len(recordings), 0, dtype=torch.long), source=source, source_valid=valid))
    assert model.config.audio is not None
    positions = model.config.audio.positions(lengths).tolist()
    return [one[:count] for one, count in zip(logits, positions, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_we_compute_what_they_compute_of_each_recording_whatever_is_beside_it(name: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path)
    model = read_published(tmp_path).model
    with torch.no_grad():
        alone = [theirs(one[None]).logits[0] for one in sounds()]
        assert_same([ours_say(model, one)[0] for one in sounds()], alone)
        assert_same(ours_say(model, *sounds()), alone)
        if theirs.config.feat_extract_norm == "layer":  # the others hear padding, and get no mask from Transformers
            padded = torch.nn.utils.rnn.pad_sequence(sounds(), batch_first=True)
            mask = torch.arange(padded.shape[1]) < torch.tensor(LENGTHS)[:, None]
            together = theirs(padded, attention_mask=mask.long()).logits
            assert_same(ours_say(model, *sounds()), [row[: len(one)] for row, one in zip(together, alone, strict=True)])


@pytest.mark.parametrize("name", CASES)
def test_a_round_trip_changes_no_bit(name: str, tmp_path: Path) -> None:
    theirs = save(name, tmp_path / "theirs", do_normalize=False)
    save_checkpoint(read_published(tmp_path / "theirs"), tmp_path / "run")
    (tmp_path / "again").mkdir()
    write_published(read_model(tmp_path / "run")[0], tmp_path / "again")
    before, after = (load_file(tmp_path / place / "model.safetensors") for place in ("theirs", "again"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    again, told = transformers.AutoModelForCTC.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert type(again) is type(theirs)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    with torch.no_grad():
        for one in sounds():
            assert torch.equal(again.eval()(one[None]).logits, theirs(one[None]).logits)


@pytest.mark.parametrize("normalise", [True, False])
def test_recordings_are_brought_to_one_loudness_as_the_folder_says(normalise: bool, tmp_path: Path) -> None:
    save("wav2vec 2", tmp_path, do_normalize=normalise)
    extract = transformers.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    audio = read_published(tmp_path).model.config.audio
    sound = (0.1 + 0.02 * np.random.default_rng(0).standard_normal(3000)).astype(np.float32)
    expected = extract(sound, sampling_rate=16_000, return_tensors="pt").input_values[0]
    torch.testing.assert_close(features_of(sound, audio)[:, 0], expected, atol=1e-5, rtol=1e-5)


LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, **{letter: n for n, letter in enumerate("ETA'ÖHI", 5)}}


def save_writer(name: str, folder: Path, letters: dict[str, int]) -> tuple[Any, Any]:
    """A folder with its tokenizer, as it is published."""
    theirs = save(name, folder)
    (folder / "vocab.json").write_text(json.dumps(letters))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    tokenizer.save_pretrained(folder)
    return theirs, tokenizer


@torch.no_grad()
def transcripts(theirs: Any, folder: Path, recordings: list[np.ndarray]) -> list[str]:
    """The texts that Transformers' own processor writes."""
    processor = transformers.Wav2Vec2Processor.from_pretrained(folder)
    features = [processor(one, sampling_rate=16_000, return_tensors="pt").input_values for one in recordings]
    texts = [processor.batch_decode(theirs(one).logits.argmax(-1))[0] for one in features]
    return [" ".join(text.split()) for text in texts]


def spoken(samples: int) -> np.ndarray:
    """Noise that is loud and soft in turns."""
    noise = 0.1 * np.random.default_rng(samples).standard_normal(samples)
    return (noise * np.sin(np.arange(samples) / 300)).astype(np.float32)


def mean_logits(theirs: Any, recording: np.ndarray) -> Tensor:
    """(V,) of a recording, without which no letter is likelier than all others everywhere."""
    return theirs(torch.from_numpy(recording).float()[None]).logits.mean((0, 1))


@pytest.mark.parametrize("name", ["wav2vec 2", "hubert large"])
def test_a_folder_writes_what_transformers_writes_and_so_does_it_written_again(name: str, tmp_path: Path) -> None:
    theirs, tokenizer = save_writer(name, tmp_path / "theirs", LETTERS)
    recordings = [spoken(9000), spoken(4000)]
    with torch.no_grad():
        theirs.lm_head.bias.copy_(theirs.lm_head.bias - mean_logits(theirs, recordings[0]))
        theirs.lm_head.bias[1:4] = -100.0  # <s>, </s> and <unk>, which Langue does not write down
        theirs.lm_head.bias[4] += 0.3  # spaces
    theirs.save_pretrained(tmp_path / "theirs")
    expected = transcripts(theirs, tmp_path / "theirs", recordings)
    assert all(expected)
    assert any(" " in text for text in expected)
    task = langue.load(tmp_path / "theirs")
    assert task.transcribe(recordings) == expected
    assert task.tokenizer.encode("THE TEA") == tokenizer("THE TEA").input_ids
    assert task.tokenizer.encode("the öx") == [*tokenizer("THE Ö").input_ids, 3]  # in the case that there is
    save_checkpoint(read_published(tmp_path / "theirs"), tmp_path / "run")
    (tmp_path / "again").mkdir()
    write_published(read_model(tmp_path / "run")[0], tmp_path / "again")
    again = transformers.AutoModelForCTC.from_pretrained(tmp_path / "again").eval()
    assert again.config.pad_token_id == 0
    assert transcripts(again, tmp_path / "again", recordings) == expected
    assert langue.load(tmp_path / "again").transcribe(recordings) == expected


def test_letters_without_a_logit_are_left_out(tmp_path: Path) -> None:
    letters = {name: number for name, number in LETTERS.items() if number > 2} | {"[PAD]": 0}
    theirs = save("wav2vec 2", tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(letters))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<s>": 12, "</s>": 13}))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "eos_token": "</s>"}))
    tokenizer = langue.load(tmp_path).tokenizer
    assert tokenizer.vocab_size == theirs.config.vocab_size
    assert tokenizer.pad == tokenizer.end == 0


def test_older_folders_and_their_hidden_vector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = save("wav2vec 2", tmp_path)
    file = tmp_path / "model.safetensors"
    spelt = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = load_file(file)
    for new, old in spelt.items():
        tensors = {key.replace(new, old): tensor for key, tensor in tensors.items()}
    tensors["wav2vec2.masked_spec_embed"] = torch.randn(32)
    save_file(tensors, file, metadata={"format": "pt"})
    capsys.readouterr()
    model = read_published(tmp_path).model
    assert capsys.readouterr().err == ""
    with torch.no_grad():
        assert_same(ours_say(model, sounds()[0]), [theirs(sounds()[0][None]).logits[0]])


@pytest.mark.parametrize(
    ("file", "fields", "sentence"),
    [
        ("config.json", {"adapter_attn_dim": 16}, "bottleneck wants norm_place: pre"),
        ("config.json", {"feat_extract_norm": "batch"}, "known: group, layer"),
        ("config.json", {"conv_kernel": [10, 3]}, "name as many convolutions"),
        ("config.json", {"num_conv_pos_embedding_groups": 5}, "does not divide a width of 32"),
        ("preprocessor_config.json", {"sampling_rate": 8000}, "Langue has only 16000"),
    ],
)
def test_what_langue_has_not_is_refused(file: str, fields: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    save("wav2vec 2", tmp_path)
    (tmp_path / file).write_text(json.dumps({**json.loads((tmp_path / file).read_text()), **fields}))
    with pytest.raises(LangueError, match=sentence):
        read_published(tmp_path)


def test_a_folder_learns_more_and_goes_back(tmp_path: Path) -> None:
    folder, run = tmp_path / "theirs", tmp_path / "run"
    letters = {**LETTERS, **{name: number for number, name in enumerate("ABCD", 5)}}
    letters = {name: number for name, number in letters.items() if name not in "ET'ÖHI"}
    save_writer("wav2vec 2 of many languages", folder, letters)
    write_spoken(tmp_path / "data")
    command = ["train", "transcribe", "--data.train", str(tmp_path / "data" / "test.tsv"), "--data.dev", "0.2"]
    command += ["--start-from", str(folder), "--training.epochs", "1", "--training.batch_tokens", "400"]
    assert cli([*command, "--training.freeze", "embeddings", "--training.device", "cpu", "--out", str(run)]) == 0
    before, after = read_published(folder).model, langue.load(run)
    assert after.tokenizer.encode("ab d") == [5, 6, 4, 8]
    for (name, old), new in zip(before.named_parameters(), after.model.parameters(), strict=True):
        assert torch.equal(old, new) == name.startswith("front_end."), name
    assert cli(["export", str(run), str(tmp_path / "again"), "--format", "hf"]) == 0
    theirs = transformers.AutoModelForCTC.from_pretrained(tmp_path / "again").eval()
    sound = features_of(say("ab cd"), after.model.config.audio)[:, 0]
    with torch.no_grad():
        assert_same(ours_say(after.model, sound), [theirs(sound[None]).logits[0]])


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [(transformers.Wav2Vec2ForPreTraining, "wav2vec 2"), (transformers.HubertModel, "hubert")],
)
def test_one_that_was_only_pretrained_learns_letters(
    kind: Any, architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = tmp_path / "theirs", tmp_path / "run"
    theirs = kind(kind.config_class(**CASES[architecture][1])).eval()
    theirs.save_pretrained(folder)
    trunk = getattr(theirs, "wav2vec2", theirs)
    sound = sounds()[0]
    model = read_published(folder).model
    with torch.no_grad():
        batch = Batch(torch.zeros(1, 0, dtype=torch.long), source=sound[None, :, None])
        assert_same([model.hidden(batch)], [trunk(sound[None]).last_hidden_state])
    write_spoken(tmp_path / "data")
    command = ["train", "transcribe", "--data.train", str(tmp_path / "data" / "test.tsv"), "--data.dev", "0.2"]
    command += ["--start-from", str(folder), "--training.epochs", "1", "--training.batch_tokens", "400"]
    assert cli([*command, "--training.freeze", "all-but-head", "--training.device", "cpu", "--out", str(run)]) == 0
    after = langue.load(run)
    assert after.tokenizer.decode(after.tokenizer.encode("ab d")) == "ab d"
    assert not after.model.has_blank_head
    parameters = dict(after.model.named_parameters())
    assert all(torch.equal(old, parameters[name]) for name, old in model.named_parameters() if "head." not in name)
    (folder / "vocab.json").write_text(json.dumps(LETTERS))
    with pytest.raises(LangueError, match="has not learnt to write"):
        langue.load(folder)
    assert cli(["export", str(run), str(tmp_path / "again"), "--format", "hf"]) == 0
    again = transformers.AutoModelForCTC.from_pretrained(tmp_path / "again").eval()
    processor = transformers.Wav2Vec2Processor.from_pretrained(tmp_path / "again")
    assert processor.tokenizer.convert_tokens_to_ids("|") == after.tokenizer.encode(" ")[0]
    sound = features_of(say("ab cd"), after.model.config.audio)[:, 0]
    with torch.no_grad():
        assert_same(ours_say(after.model, sound), [again(sound[None]).logits[0]])


@pytest.mark.parametrize("letters", [None, "abcd'éf"])
def test_recordings_alone_are_learnt_by_the_recipe_of_ctc(letters: str | None, tmp_path: Path) -> None:
    folder, run = tmp_path / "theirs", tmp_path / "run"
    if letters is None:
        transformers.HubertModel(transformers.HubertConfig(**SIZES)).save_pretrained(folder)
    else:
        save_writer(
            "hubert", folder, dict(zip(["<pad>", "<s>", "</s>", "<unk>", "|", *letters], range(12), strict=True))
        )
    write_spoken(tmp_path / "data")
    table = str(tmp_path / "data" / "test.tsv")
    command = ["train", table, "--data.dev", "0.2", "--start-from", str(folder), "--training.steps", "1"]
    assert cli([*command, "--training.device", "cpu", "--out", str(run)]) == 0
    recipe, base = read_recipe(run / "recipe.yaml"), read_recipe(find_recipe("transcribe"))
    assert recipe.transcribe == base.transcribe
    assert recipe.training.batch_tokens == base.training.batch_tokens
    assert recipe.tokenizer.kind == "char"
    assert (recipe.tokenizer.path is None) == (letters is None)
    tokenizer = langue.load(run).tokenizer
    assert tokenizer.decode(tokenizer.encode("a d")) == "a d"
