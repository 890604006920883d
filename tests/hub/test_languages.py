"""Translators that are told languages by tokens of their own: NLLB's folders translate and learn as theirs do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.hub.published import CASES, M2M100, save
from tests.hub.test_family_tokenizers import nllb

import langue
from langue import cli
from langue.data.parallel import Pair
from langue.errors import LangueError
from langue.experiment import train
from langue.tasks.recipes import read_recipe

RECIPE = """\
task: translate
model: {form: seq2seq}
data: {train: train.jsonl, dev: 0.1, test: null}
training: {steps: 4, batch_tokens: 300, learning_rate: 0.01, evaluate_every: 4, checkpoint_every: 4, device: cpu}
samples: {max_tokens: 0}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small NLLB with its tokenizer."""
    tokenizer = nllb()
    size = {**M2M100, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    monkeypatch.setitem(CASES, "nllb", ("M2M100ForConditionalGeneration", size))
    theirs = save("nllb", tmp_path / "nllb")
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for place, parameter in theirs.named_parameters():
            if parameter.ndim == 2:
                deviation = 0.3 if "shared" in place else 3.0 * parameter.shape[1] ** -0.5
                parameter.copy_(deviation * torch.randn(parameter.shape, generator=draws))
    theirs.save_pretrained(tmp_path / "nllb")
    tokenizer.save_pretrained(tmp_path / "nllb")
    return tmp_path / "nllb"


def theirs_write(folder: Path, text: str, source: str, target: str) -> str:
    tokenizer = transformers.NllbTokenizer.from_pretrained(folder, src_lang=source)
    model: Any = transformers.M2M100ForConditionalGeneration.from_pretrained(folder).eval()
    options = {"num_beams": 1, "do_sample": False, "max_new_tokens": 12, "no_repeat_ngram_size": 2}
    first = tokenizer.convert_tokens_to_ids(target)
    inputs = tokenizer(text, return_tensors="pt")
    rows = model.generate(**inputs, **options, forced_bos_token_id=first, suppress_tokens=[tokenizer.pad_token_id])
    return tokenizer.decode(rows[0], skip_special_tokens=True).strip()


OPTIONS = {"beams": 1, "max_tokens": 11, "no_repeat_ngram": 2}


@pytest.mark.parametrize(("source", "target"), [("eng_Latn", "fra_Latn"), ("fra_Latn", "eng_Latn")])
def test_both_languages_are_told_as_theirs_are(folder: Path, source: str, target: str) -> None:
    model = langue.load(folder, task="translate")
    text = "The quick brown fox."
    written = model.translate(text, source_language=source, target_language=target, **OPTIONS)
    assert written == theirs_write(folder, text, source, target)
    other = {"source_language": target, "target_language": target}
    assert written != model.translate(text, **other, **OPTIONS)


def test_the_command_line_tells_languages_and_says_what_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = ["--source-language", "fra_Latn", "--target-language", "eng_Latn"]
    search = ["--beams", "1", "--max-tokens", "11", "--no-repeat-ngram", "2", "--device", "cpu"]
    assert cli.run(["translate", str(folder), "The quick brown fox.", *tell, *search]) == 0
    assert capsys.readouterr().out.strip() == theirs_write(folder, "The quick brown fox.", "fra_Latn", "eng_Latn")
    for arguments, sentence in [
        ([], "was always told one of several languages; say which it is now: --target-language CODE"),
        (["--target-language", "xx"], "was never told 'xx'"),
        (["--target-language", "eng_Latn", "--source-language", "xx"], "knows no language 'xx'"),
    ]:
        assert cli.run(["translate", str(folder), "fox", "--device", "cpu", *arguments]) == 2
        assert sentence in capsys.readouterr().err


def test_a_model_that_is_told_no_language_refuses_one(tmp_path: Path) -> None:
    save("m2m", tmp_path)
    nllb().save_pretrained(tmp_path)
    tokenizer = langue.text.Tokenizer.load(tmp_path)
    tokenizer.before = []
    with pytest.raises(LangueError, match="is not told what language it reads"):
        tokenizer.reading(5)


def test_a_loss_counts_the_language_as_theirs_does(folder: Path) -> None:
    pair = Pair("The quick fox", "jumps over", ("fra_Latn",), 0, "", 0, 0)
    loss = langue.load(folder, task="translate").loss([pair])["loss"]
    tokenizer = transformers.NllbTokenizer.from_pretrained(folder, src_lang="eng_Latn", tgt_lang="fra_Latn")
    inputs = tokenizer("The quick fox", text_target="jumps over", return_tensors="pt")
    model = transformers.M2M100ForConditionalGeneration.from_pretrained(folder).eval()
    assert loss == pytest.approx(model(**inputs).loss.item(), abs=1e-4)


def test_fine_tuning_tells_them_and_needs_no_room_for_tags(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = '{{"source": "the dog {n}", "target": "fox {n}", "target_language": "{code}"}}'
    rows = [row.format(n=n, code=code) for n in range(20) for code in ("fra_Latn", "eng_Latn")]
    (tmp_path / "train.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    train(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run", start_from=folder)
    model = langue.load(tmp_path / "run")
    assert model.sides.tags == {}
    assert isinstance(model.translate("the dog", target_language="fra_Latn"), str)
    with pytest.raises(LangueError, match="told one of several languages"):
        model.translate("the dog")
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out")
    assert again.config.model_type == "m2m_100"
