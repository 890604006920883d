"""The generate task: text in, text out."""

import pytest

import langue
from langue.errors import LangueError
from langue.models import ModelConfig, build, save_model
from langue.tasks import load
from langue.tasks.generate.predict import Generate
from langue.text import TokenizerSettings, train_tokenizer

TEXT = "the cat sat on the mat.\n\nthe dog sat on the log. "


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TokenizerSettings(kind="char"), [TEXT])


@pytest.fixture(scope="module")
def task(tokenizer):
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, width=16, layers=1, heads=2, context=16, initializer_range=0.5
    )
    return Generate(build(config, seed=1), tokenizer)


def test_one_prompt_gives_a_string_and_many_give_a_list(task):
    alone = task.generate("the ", max_tokens=10, seed=2)
    assert isinstance(alone, str)
    assert len(alone) <= 10
    assert task.generate(["the ", "a dog"], max_tokens=10, seed=2)[0] == alone
    several = task.generate("the ", max_tokens=10, seed=2, samples=3)
    assert several[0] == alone
    assert len(set(several)) == 3
    assert task.predict(["the "], max_tokens=10, seed=2) == [alone]


def test_streaming_gives_the_same_text(task):
    for seed in range(5):
        options = {"max_tokens": 40, "seed": seed, "stop": ["at", "\n"]}
        assert "".join(task.stream("the ", **options)) == task.generate("the ", **options)


def test_streaming_bytes_never_shows_half_a_character():
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    config = ModelConfig(vocab_size=tokenizer.vocab_size, width=16, layers=1, heads=2, context=16)
    task = Generate(build(config), tokenizer)
    pieces = list(task.stream("日本語", max_tokens=200, seed=1))
    assert "".join(pieces) == task.generate("日本語", max_tokens=200, seed=1)


def test_a_stop_string_ends_the_text_and_is_not_part_of_it(task):
    free = task.generate("the ", max_tokens=60, seed=3)
    stop = free[20:23]
    cut = task.generate("the ", max_tokens=60, seed=3, stop=stop)
    assert cut == free[: free.find(stop)]


def test_special_tokens_are_never_written(task, tokenizer):
    for text in task.generate([""] * 4, max_tokens=50, temperature=5.0, samples=2, seed=1):
        assert all("<|" not in sample for sample in text)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperatur": 1}, "unknown key temperatur; did you mean temperature"),
        ({"temperature": -1}, "greater than or equal to 0"),
        ({"top_p": 0}, "greater than 0"),
        ({"beams": 2, "samples": 3}, "3 samples cannot come out of 2 beams"),
    ],
)
def test_a_wrong_option_is_named(task, options, sentence):
    with pytest.raises(LangueError, match=sentence):
        task.generate("the", **options)


def test_a_strange_character_is_named(task):
    with pytest.raises(LangueError, match="does not know 'é'"):
        task.generate("thé")


def test_a_tokenizer_larger_than_the_model_is_refused(tokenizer):
    config = ModelConfig(vocab_size=tokenizer.vocab_size - 1, width=16, layers=1, heads=2, context=16)
    with pytest.raises(LangueError, match="do not belong together"):
        Generate(build(config), tokenizer)


def test_score_is_the_share_of_exact_matches(task):
    assert task.score(["a", " b ", "c"], ["a", "b", "d"]) == {"exact_match": pytest.approx(2 / 3)}


def test_load_finds_the_task_of_a_folder(task, tokenizer, tmp_path):
    save_model(task.model, tmp_path / "model")
    tokenizer.save(tmp_path)
    expected = task.generate("the ", max_tokens=20)
    assert langue.load(tmp_path).generate("the ", max_tokens=20) == expected
    assert load(tmp_path / "model", "cpu").generate("the ", max_tokens=20) == expected


def test_a_recipe_around_a_model_that_was_not_trained_by_it_says_nothing_of_it(task, tokenizer, tmp_path):
    save_model(task.model, tmp_path / "base" / "model")
    tokenizer.save(tmp_path / "base")
    (tmp_path / "recipe.yaml").write_text("task: classify\n")
    assert isinstance(langue.load(tmp_path / "base"), Generate)
    assert isinstance(langue.load(tmp_path / "base" / "model"), Generate)


def test_load_says_what_is_missing(task, tokenizer, tmp_path):
    with pytest.raises(LangueError, match="there is no folder"):
        langue.load(tmp_path / "nothing")
    with pytest.raises(LangueError, match="holds no model"):
        langue.load(tmp_path)
    save_model(task.model, tmp_path / "model")
    with pytest.raises(LangueError, match="holds no tokenizer"):
        langue.load(tmp_path)
    tokenizer.save(tmp_path)
    (tmp_path / "recipe.yaml").write_text("task: juggle\n")
    with pytest.raises(LangueError, match="'juggle'"):
        langue.load(tmp_path)
    (tmp_path / "recipe.yaml").unlink()
    with pytest.raises(LangueError, match="not to be had here"):
        load(tmp_path, "tpu7")
