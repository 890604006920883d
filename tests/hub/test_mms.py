"""Models with an adapter, a head and letters for each of several languages (MMS), as Transformers has them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.hub.published import assert_same
from torch import Tensor

import langue
from langue.batch import Batch
from langue.cli import run as cli
from langue.errors import LangueError
from langue.hub import read_published
from langue.models import Model
from langue.tasks.transcribe.sound import features_of
from spoken_rows import say, write_spoken
from waveform_models import STABLE, randomized

SPECIALS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4}
LETTERS = {"abc": "abcd", "deu": "äbcdaß'", "fra": "ETAÉÇ"}
VOCABULARIES = {
    language: {**SPECIALS, **{letter: n for n, letter in enumerate(letters, 5)}}
    for language, letters in LETTERS.items()
}
SIZES: dict[str, Any] = {
    **STABLE,
    "vocab_size": len(VOCABULARIES["abc"]),
    "output_hidden_size": 32,
    "adapter_attn_dim": 6,
    "layer_norm_eps": 1e-3,  # which is not that of the adapters
}


def make(seed: int, **sizes: Any) -> Any:
    """A model of theirs whose every weight is random."""
    return randomized(transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**{**SIZES, **sizes})), seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of several languages, laid out as they are published."""
    place = tmp_path_factory.mktemp("mms") / "tiny"
    make(0).save_pretrained(place)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(place)
    (place / "vocab.json").write_text(json.dumps(VOCABULARIES))
    transformers.Wav2Vec2CTCTokenizer(str(place / "vocab.json"), target_lang="abc").save_pretrained(place)
    for seed, (language, numbers) in enumerate(VOCABULARIES.items(), 1):
        own = make(seed, vocab_size=len(numbers))._get_adapters()
        tensors = {name: tensor.detach().clone() for name, tensor in own.items()}
        save_file(tensors, place / f"adapter.{language}.safetensors", metadata={"format": "pt"})
    return place


def named(folder: Path, language: str) -> Path:
    return folder / f"adapter.{language}.safetensors"


def published(folder: Path, language: str | None) -> Any:
    """Their model in a language."""
    options = {} if language is None else {"target_lang": language, "ignore_mismatched_sizes": True}
    return transformers.Wav2Vec2ForCTC.from_pretrained(folder, **options).eval()


def recording(samples: int = 6000) -> np.ndarray:
    """Noise that is loud and soft in turns."""
    noise = 0.1 * np.random.default_rng(samples).standard_normal(samples)
    return (noise * np.sin(np.arange(samples) / 300)).astype(np.float32)


@torch.no_grad()
def ours_say(model: Model, sound: Tensor) -> Tensor:
    return model(Batch(torch.zeros(1, 0, dtype=torch.long), source=sound[None, :, None]))[0]


@torch.no_grad()
def transcript(theirs: Any, folder: Path, language: str) -> str:
    """The text that Transformers' own processor writes."""
    processor = transformers.Wav2Vec2Processor.from_pretrained(folder, target_lang=language)
    features = processor(recording(), sampling_rate=16_000, return_tensors="pt").input_values
    return " ".join(processor.batch_decode(theirs(features).logits.argmax(-1))[0].split())


@pytest.mark.parametrize("language", LETTERS)
def test_each_language_is_what_they_load_of_it(language: str, folder: Path) -> None:
    theirs, sound = published(folder, language), torch.from_numpy(recording())
    checkpoint = read_published(named(folder, language))
    with torch.no_grad():
        assert_same([ours_say(checkpoint.model, sound)], [theirs(sound[None]).logits[0]])
    assert checkpoint.origin["language"] == language
    tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(folder, target_lang=language)
    text = LETTERS[language] + " " + LETTERS[language][::-1]
    assert langue.load(named(folder, language)).tokenizer.encode(text) == tokenizer(text).input_ids


@pytest.mark.parametrize("language", ["abc", "deu"])
def test_a_language_goes_out_as_they_read_it(language: str, folder: Path, tmp_path: Path) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    assert cli(["import", str(named(folder, language)), str(run)]) == 0
    assert cli(["export", str(run), str(again), "--format", "hf"]) == 0
    before, sound = published(folder, language), torch.from_numpy(recording())
    with torch.no_grad():
        for name in (None, language):
            assert torch.equal(published(again, name)(sound[None]).logits, before(sound[None]).logits)
    own, kept = load_file(named(folder, language)), load_file(named(again, language))
    assert own.keys() == kept.keys()
    assert all(torch.equal(own[name], kept[name]) for name in own)
    assert json.loads((again / "vocab.json").read_text()) == {language: VOCABULARIES[language]}
    assert transcript(published(again, language), again, language) == transcript(before, folder, language)
    for place in (again, named(again, language)):
        checkpoint = read_published(place)
        assert checkpoint.origin["language"] == language
        assert torch.equal(
            ours_say(checkpoint.model, sound), ours_say(read_published(named(folder, language)).model, sound)
        )


def test_a_language_is_named_by_an_option_as_well(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", recording(), 16_000, subtype="FLOAT")
    for language in LETTERS:
        capsys.readouterr()
        assert cli(["transcribe", str(folder), str(tmp_path / "a.wav"), "--language", language, "--device", "cpu"]) == 0
        text = capsys.readouterr().out.strip()
        assert text == langue.load(named(folder, language)).transcribe(recording())
        assert text


def test_a_language_has_to_be_named_and_to_be_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for read in (read_published, langue.load):
        with pytest.raises(
            LangueError, match=r"knows 3 languages.* as in .*adapter\.abc\.safetensors.*: abc, deu, fra$"
        ):
            read(folder)
        with pytest.raises(LangueError, match=r"has no adapter\.xyz\.safetensors; known: abc, deu, fra$"):
            read(named(folder, "xyz"))
    assert cli(["transcribe", str(folder), str(tmp_path / "a.wav"), "--language", "fre"]) == 2
    assert "did you mean fra?" in capsys.readouterr().err
    (lone := tmp_path / "lone").mkdir()
    for file in ("config.json", "model.safetensors", "preprocessor_config.json"):
        shutil.copy(folder / file, lone)
    with pytest.raises(LangueError, match=r"has no adapter\.fra\.safetensors, nor letters of single languages"):
        read_published(named(lone, "fra"))
    shutil.copy(named(folder, "fra"), lone)
    (lone / "vocab.json").write_text(json.dumps({"deu": VOCABULARIES["deu"]}))
    with pytest.raises(LangueError, match="has no letters for the language fra; known: deu"):
        read_published(named(lone, "fra"))


def test_an_adapter_that_lacks_or_holds_what_it_should_not_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    file = named(tmp_path / "copy", "fra")
    whole = load_file(file)
    name = "wav2vec2.encoder.layers.1.adapter_layer.linear_1.weight"
    save_file({key: tensor for key, tensor in whole.items() if key != name}, file)
    with pytest.raises(LangueError, match=rf"lacks the tensor {name}"):
        read_published(file)
    strange = "wav2vec2.encoder.layer_norm.weight"
    save_file({**whole, strange: torch.ones(32)}, file)
    with pytest.raises(LangueError, match=rf"holds {strange}, which belongs to no single language"):
        read_published(file)


def test_the_name_of_a_language_leads_out_of_no_folder(folder: Path, tmp_path: Path) -> None:
    (hostile := tmp_path / "in" / "hostile").mkdir(parents=True)
    for file in ("config.json", "model.safetensors", "preprocessor_config.json"):
        shutil.copy(folder / file, hostile)
    (hostile / "vocab.json").write_text(json.dumps({"x/../../../evil": VOCABULARIES["abc"]}))
    (tmp_path / "adapter.x").mkdir()
    assert cli(["export", str(hostile), str(tmp_path / "out"), "--format", "hf"]) == 0
    assert not list(tmp_path.rglob("*evil*"))
    assert json.loads((tmp_path / "out" / "vocab.json").read_text()) == VOCABULARIES["abc"]


def test_a_language_learns_more_and_its_adapter_goes_back(folder: Path, tmp_path: Path) -> None:
    run, start = tmp_path / "run", named(folder, "abc")
    write_spoken(tmp_path / "data")
    command = ["train", "transcribe", "--data.train", str(tmp_path / "data" / "test.tsv"), "--data.dev", "0.2"]
    command += ["--training.epochs", "1", "--training.batch_tokens", "400"]
    command += ["--training.freeze", "all-but-bottlenecks", "--training.device", "cpu"]
    assert cli([*command, "--start-from", str(start), "--out", str(run)]) == 0
    before, after = read_published(start).model, langue.load(run)
    assert after.tokenizer.encode("ab d") == [5, 6, 4, 8]
    for (name, old), new in zip(before.named_parameters(), after.model.parameters(), strict=True):
        assert torch.equal(old, new) != (".bottleneck." in name or name.startswith("head.")), name
    assert cli(["export", str(run), str(tmp_path / "again"), "--format", "hf"]) == 0
    assert cli([*command, "--start-from", str(run), "--out", str(tmp_path / "later")]) == 0
    assert cli(["export", str(tmp_path / "later"), str(tmp_path / "last"), "--format", "hf"]) == 0
    assert named(tmp_path / "last", "abc").is_file()
    # The adapter alone, beside the model that it was taught with.
    shutil.copytree(folder, tmp_path / "beside")
    shutil.copy(named(tmp_path / "again", "abc"), tmp_path / "beside")
    sound = features_of(say("ab cd"), after.model.config.audio)[:, 0]
    with torch.no_grad():
        for place in ("again", "beside"):
            theirs = published(tmp_path / place, "abc")
            assert_same([ours_say(after.model, sound)], [theirs(sound[None]).logits[0]])
