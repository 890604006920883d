"""Scores of texts that models write are counted as their languages are written, and say how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sacrebleu

import langue
from langue.cli import run as command
from langue.errors import LangueError
from langue.experiment import train
from langue.metrics.languages import check_language
from langue.tasks.recipes import read_recipe
from langue.tasks.summarize.baselines import baselines
from langue.tasks.summarize.predict import Summarize
from pair_rows import write_pairs

SENTENCES = [("the king", "国王"), ("a red boat", "一艘红船"), ("the sea", "大海"), ("a boat", "一艘船")] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator into Chinese, which its tag names."""
    folder = tmp_path_factory.mktemp("chinese")
    path = write_pairs(folder)
    rows = [f"{source}\t{target}\tzh" for source, target in SENTENCES]
    (folder / "zh.tsv").write_text("\n".join(["source\ttarget\ttarget_language", *rows]) + "\n", encoding="utf-8")
    changes = {"data.train": str(folder / "zh.tsv"), "data.dev": str(folder / "zh.tsv"), "data.test": "null"}
    changes |= {"training.steps": "2", "model.layers": "1"}
    train(read_recipe(path, changes), folder / "run", report=False)
    return folder


@pytest.mark.parametrize(
    ("option", "tokenizer", "asian"),
    [([], "zh", "yes"), (["--language", "th"], "char", "no"), (["--language", "en"], "13a", "no")],
)
def test_the_language_is_the_tags_or_the_options(folder, option, tokenizer, asian, capsys):
    data = ["--data", str(folder / "zh.tsv"), "--json"]
    capsys.readouterr()
    assert command(["evaluate", str(folder / "run"), *data, *option]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"|tok:{tokenizer}|" in found["signatures"]["bleu"]
    assert f"|asian:{asian}|" in found["signatures"]["ter"]
    answers = langue.load(folder / "run").translate([source for source, _ in SENTENCES], target_language="zh")
    expected = sacrebleu.corpus_bleu(answers, [[target for _, target in SENTENCES]], tokenize=tokenizer, force=True)
    assert found["metrics"]["bleu"] == pytest.approx(expected.score)
    assert command(["compare", str(folder / "run"), str(folder / "run"), *data, *option, "--samples", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["signatures"] == found["signatures"]


def test_the_recipe_may_name_the_language(folder):
    task = langue.load(folder / "run")
    task.settings = task.settings.model_copy(update={"language": "ja"})
    assert task.languages_of([]) == "ja"
    with pytest.raises(LangueError, match="--language is for models trained to translate or summarize"):
        langue.evaluate(langue.load(folder / "run", task="embed"), [{"text": "a"}], language="zh")


def test_summaries_in_any_script_have_scores_and_say_how(folder):
    translator = langue.load(folder / "run", task="translate")
    task = Summarize(translator.model, translator.tokenizer, translator.settings)
    texts = ["今天天气很好。我们去公园。", "他写了一封信！然后睡觉。"]
    statistics = task.statistics(texts, texts)
    assert statistics.signatures == {"rouge": "tok:unicode|stem:no"}
    assert set(statistics.scores().values()) == {1.0}
    assert task.statistics(["cats"], ["cats"]).signatures == {"rouge": "tok:ascii|stem:no"}
    found = baselines(texts, ["我们去公园", "然后睡觉"])
    assert found["oracle"]["rouge_l"] == 1.0
    assert found["lead"]["rouge_l"] < 0.5


def test_a_code_that_is_no_language_is_refused_before_anything_is_written(folder, tmp_path, capsys):
    data = ["--data", str(folder / "zh.tsv")]
    run = str(folder / "run")
    for line in (["evaluate", run, *data], ["compare", run, run, *data]):
        capsys.readouterr()
        assert command([*line, "--language", "xx"]) == 2
        assert "'xx' is the code of no language (ISO 639), such as en, zh or deu; the nearest are xh" in (
            capsys.readouterr().err
        )
    strange = read_recipe(folder / "recipe.yaml", {"data.pairs.language": "englsh"})
    with pytest.raises(LangueError, match=r"'englsh' is the code of no language .*; the nearest are english, "):
        train(strange, tmp_path / "run", report=False)


@pytest.mark.parametrize("name", ["en", "EN-us", "zho_Hans", "jp", ">>deu<<", "ger", "ace_Arab", "German", "iw", "gsw"])
def test_codes_and_names_of_languages_are_known(name):
    check_language(name)
