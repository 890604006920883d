"""The settings that a report lists: those of the run's task that nothing else overrules."""

from langue.report.page import tables
from langue.report.settings import effective_settings
from langue.tasks.recipes import read_recipe


def listed(name: str, *, sampled: bool = True, **changes: str) -> dict:
    recipe = read_recipe(name, {key.replace("__", "."): value for key, value in changes.items()})
    return effective_settings(recipe.model_dump(mode="json"), sampled=sampled)


def test_sections_of_other_tasks_are_left_out():
    assert set(listed("shakespeare")) == {"task", "tokenizer", "model", "data", "training", "samples"}
    assert "classify" in listed("classify")
    assert "samples" not in listed("classify", sampled=False)
    assert "pairs" in listed("translate-en-de")["data"]
    assert "pairs" not in listed("shakespeare")["data"]


def test_what_something_else_overrules_is_left_out():
    assert set(listed("shakespeare", tokenizer__path="there")["tokenizer"]) == {"path"}
    training = listed("classify")["training"]
    assert not {"momentum", "muon_iterations", "decay_share", "warmup_steps", "steps"} & set(training)
    assert {"momentum", "decay_share", "warmup_steps"} <= set(listed("shakespeare")["training"])


def test_a_model_lists_what_its_layers_have():
    assert not {"convolution", "cross", "relative_buckets"} & set(listed("shakespeare")["model"])
    assert {"rotary_theta", "heads"} <= set(listed("shakespeare", model__position="rotary")["model"])
    recurrent = listed("shakespeare", model__mixer="lstm", model__position="none")["model"]
    assert not {"heads", "rotary_theta"} & set(recurrent)
    assert "waveform" not in listed("transcribe-ctc")["model"]["audio"]


def test_a_section_without_settings_is_no_table():
    shown = tables({"task": "chat", "chat": {}, "data": {"dev": 0.1}}, "recipe")
    assert [table["title"] for table in shown] == ["recipe", "data"]
    assert tables({}, "recipe") == []
