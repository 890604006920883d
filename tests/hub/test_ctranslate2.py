"""Whispers in CTranslate2's layout, as its own converter writes them: the same numbers, and no way to be fooled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ctranslate2.converters.transformers import WhisperLoader
from tests.hub.published import assert_same, make, ours_say, theirs_say
from tokenizers import AddedToken

from langue.errors import LangueError
from langue.hub import is_published, read_published
from langue.hub.families import whisper
from langue.hub.folder import CTRANSLATE2, is_ctranslate2
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer


def convert(folder: Path, quantization: str | None = None) -> None:
    """The small random Whisper, as `ct2-transformers-converter` would write it."""
    theirs = make("whisper deep")
    theirs.generation_config.no_timestamps_token_id = 7
    spec = WhisperLoader().get_model_spec(theirs)
    spec.register_vocabulary([str(number) for number in range(theirs.config.vocab_size)])
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir()
    spec.save(str(folder))


PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.mark.parametrize("quantization", [None, *PRECISIONS])
def test_the_same_numbers_in_every_precision(quantization: str | None, tmp_path: Path) -> None:
    convert(tmp_path / "them", quantization)
    theirs = make("whisper deep").to(PRECISIONS[quantization or "float32"]).float()
    found = read_published(tmp_path / "them")
    assert is_published(tmp_path / "them")
    assert found.tokenizer is None
    assert_same(ours_say(found.model, theirs), theirs_say(theirs))
    keys = dict(found.model.named_parameters())["stack.blocks.0.cross.key_value.bias"].chunk(2)[0]
    assert torch.equal(keys, torch.zeros_like(keys))


def test_eight_bits_are_as_near_as_they_can_be(tmp_path: Path) -> None:
    convert(tmp_path / "them", "int8")
    theirs = dict(make("whisper deep").named_parameters())
    found = dict(read_published(tmp_path / "them").model.named_parameters())
    for ours, name in (("embedding.table.weight", "model.decoder.embed_tokens.weight"),
                       ("stack.blocks.0.feedforward.output.weight", "model.decoder.layers.0.fc2.weight")):  # fmt: skip
        step = theirs[name].abs().amax(1, keepdim=True) / 127
        difference = (found[ours] - theirs[name]).abs()
        assert (difference <= 0.51 * step).all()
        assert difference.max() > 0


def test_transformers_is_told_what_a_transcript_starts_with(tmp_path: Path) -> None:
    """Which stands in the tokenizer alone; by another token Transformers would write nothing."""
    convert(tmp_path / "them")
    engine = train_tokenizer(TokenizerSettings(kind="char"), ["ab"]).engine
    names = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    engine.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in ("endoftext", *names)])
    Tokenizer(engine, {"eos_token": "<|endoftext|>"}).save(tmp_path / "them")
    found = read_published(tmp_path / "them")
    start = engine.token_to_id("<|startoftranscript|>")
    assert found.model.config.decoder_start_token_id == start
    # Also of a model that went on from one whose configuration did not know.
    before = found.model.config.model_copy(update={"decoder_start_token_id": None})
    assert found.tokenizer is not None
    assert whisper.generation(found.tokenizer, before)["decoder_start_token_id"] == start


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    convert(tmp_path / "them")
    file = tmp_path / "them" / CTRANSLATE2
    whole = file.read_bytes()
    for size in (30, 200, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(LangueError, match=r"is cut off|is damaged"):
            read_published(tmp_path / "them")
    file.write_bytes(whole + b"more")
    with pytest.raises(LangueError, match="4 bytes follow its end"):
        read_published(tmp_path / "them")
    place = whole.index(b"encoder/conv1/weight\0") + len("encoder/conv1/weight\0")
    assert whole[place] == 3  # dimensions
    lying = bytearray(whole)
    lying[place + 1 : place + 5] = b"\xff\xff\xff\x7f"
    file.write_bytes(lying)
    with pytest.raises(LangueError, match=r"encoder/conv1/weight of \[2147483647, 24, 3\] cannot have"):
        read_published(tmp_path / "them")
    file.write_bytes(whole.replace(b"encoder/conv1/bias\0", b"encoder/conv9/bias\0"))
    with pytest.raises(LangueError, match="lacks the array encoder/conv1/bias"):
        read_published(tmp_path / "them")
    file.write_bytes(bytes([7]) + whole[1:])
    with pytest.raises(LangueError, match="version 7 of CTranslate2's format"):
        read_published(tmp_path / "them")


def test_other_files_of_that_name_are_pickles_still(tmp_path: Path) -> None:
    (tmp_path / CTRANSLATE2).write_bytes(b"\x80\x02}q\x00.")
    assert not is_ctranslate2(tmp_path)
    with pytest.raises(LangueError, match="a pickle"):
        read_published(tmp_path)
