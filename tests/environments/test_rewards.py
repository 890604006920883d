"""Rewards of translations and transcripts, against the libraries whose metrics they are."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest
import sacrebleu

import langue
from langue import environments
from langue.environments.translate import EmbedderReward
from langue.errors import LangueError
from langue.metrics.speech import basic
from spoken_rows import write_spoken
from writers import PAIRS

TEXTS = ["a house at the sea", "good", "", "the old king slept, for a time", "Boot!", "a boat a boat a boat"]
LIBRARY = {
    "chrf": lambda text, gold: sacrebleu.sentence_chrf(text, [gold]).score / 100,
    "bleu": lambda text, gold: sacrebleu.sentence_bleu(text, [gold]).score / 100,
    "ter": lambda text, gold: 1 - sacrebleu.sentence_ter(text, [gold]).score / 100,
}


@pytest.mark.parametrize("reward", LIBRARY)
def test_translations_are_judged_as_sacrebleu_judges_sentences(reward):
    made = environments.make("Langue/Translate-v0", data=PAIRS, reward=reward)
    golds = {pair["source"]: pair["target"] for pair in PAIRS}
    for episode in range(len(PAIRS)):
        for text in TEXTS:
            source, _ = made.reset(seed=0, options={"episode": episode})
            _, value, ended, truncated, info = made.step(text)
            assert value == pytest.approx(LIBRARY[reward](text, golds[source]), abs=1e-9)
            assert (ended, truncated, info["reference"]) == (True, False, golds[source])


def test_chinese_is_split_as_chinese():
    rows = [{"source": "a cat sits there", "target": "一只猫坐在那里"}, {"source": "good day", "target": "你好今天"}]
    made = environments.make("Langue/Translate-v0", data=rows, reward="bleu")
    source, _ = made.reset(seed=0)
    gold = {row["source"]: row["target"] for row in rows}[source]
    text = gold[:-1]
    assert made.step(text)[1] == pytest.approx(sacrebleu.sentence_bleu(text, [gold], tokenize="zh").score / 100)
    assert made.reset(seed=0)[0] == source
    assert made.step(gold)[1] == pytest.approx(1.0)


@pytest.mark.parametrize(("reward", "count"), [("wer", jiwer.wer), ("cer", jiwer.cer)])
def test_transcripts_are_judged_as_jiwer_counts(tmp_path, reward, count):
    table = write_spoken(tmp_path / "data").parent / "test.tsv"
    rows = dict(line.split("\t")[::-1] for line in table.read_text().splitlines()[1:])
    made = environments.make("Langue/Transcribe-v0", data=table, reward=reward)
    for episode in range(5):
        path, info = made.reset(seed=1, options={"episode": episode})
        gold = next(text for text, name in rows.items() if path.endswith(name))
        assert path.endswith(".wav")
        assert info["audio"].dtype == np.float32
        for text in ("ab cd", gold.upper() + "!", f"{gold} a b c d e"):
            made.reset(seed=1, options={"episode": episode})
            assert made.step(text)[1] == pytest.approx(1 - count(basic(gold), basic(text)))


def test_an_embedder_judges_without_references(tmp_path):
    from langue.models import ModelConfig, build, save_model
    from langue.text import TokenizerSettings, train_tokenizer

    letters = train_tokenizer(TokenizerSettings(kind="byte"), [])
    letters.save(tmp_path)
    size = {"vocab_size": letters.vocab_size, "layers": 1, "width": 16, "heads": 2, "context": 64, "form": "encoder"}
    save_model(build(ModelConfig(**size)), tmp_path / "model")
    made = environments.make("Langue/Translate-v0", data=PAIRS, reward={"embedder": str(tmp_path), "device": "cpu"})
    first, second = langue.load(tmp_path, "cpu", task="embed").embed(["ein Boot", "a boat"]).astype(float)
    cosine = first @ second / np.sqrt((first @ first) * (second @ second))
    assert isinstance(made.settings.reward, EmbedderReward)
    pair = made.pairs[0]._replace(source="ein Boot")
    values = made.settings.reward.values([pair] * 4, ["a boat", "  ", "ein Boot", "ein Boot" * 4])
    assert values[:3] == pytest.approx([cosine, 0.0, 1.0], abs=1e-5)
    assert 0 < values[3] < 0.51  # twice as long as the ratio allows
    assert made.settings.reward.values([pair], [""]) == [0.0]


def test_a_table_that_loses_too_much_says_what_allows_it():
    rows = [*PAIRS, {"source": "a", "target": ""}]
    with pytest.raises(LangueError, match=r"allow it by max_dropped: 0\.2"):
        environments.make("Langue/Translate-v0", data=rows)
    assert environments.make("Langue/Translate-v0", data=rows, max_dropped=0.2).size == len(PAIRS)
