"""What stands for a text in a folder of sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.hub.published import save

from langue.errors import LangueError
from langue.experiment.start import read_start
from langue.hub.folder import WEIGHTS
from langue.hub.read import read_published
from langue.hub.sentence import read_sentence
from langue.models.config import EmbedderConfig
from langue.tasks.classify.training import ClassifyTraining

POOLING = "sentence_transformers.models.Pooling"
TRUNK = {"path": "", "type": "sentence_transformers.models.Transformer"}


def write_modules(folder: Path, path: str = "1_Pooling", **modes: bool) -> None:
    modules = [TRUNK, {"path": path, "type": POOLING}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    config = {"word_embedding_dimension": 16, **{f"pooling_mode_{name}": value for name, value in modes.items()}}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("modes", "pooling"),
    [
        ({"cls_token": False, "mean_tokens": True, "max_tokens": False}, "mean"),
        ({"cls_token": True, "mean_tokens": False}, "first"),
        ({"lasttoken": True}, "last"),
        ({"max_tokens": True}, "max"),
        ({"mean_sqrt_len_tokens": True}, "mean_sqrt"),
        ({"weightedmean_tokens": True}, "weighted"),
    ],
)
def test_the_pooling_of_a_folder(tmp_path: Path, modes: dict[str, bool], pooling: str) -> None:
    assert read_sentence(tmp_path) is None
    write_modules(tmp_path, **modes)
    found = read_sentence(tmp_path)
    assert found is not None
    assert found.config == EmbedderConfig(pooling=pooling, normalise=False)


def test_a_classifier_begins_with_the_vector_that_was_trained(tmp_path: Path) -> None:
    """BERT's own way, [CLS] through a dense layer, unless the folder says otherwise."""
    save("bert", tmp_path)
    head = read_start(tmp_path).config.classifier
    assert head is not None
    assert (head.pooling, head.dense) == ("first", "tanh")
    write_modules(tmp_path, mean_tokens=True)
    head = ClassifyTraining.start_config(read_start(tmp_path).config).classifier
    assert head is not None
    assert (head.pooling, head.dense) == ("mean", "none")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[{}]", "does not list modules"),
        ("{", "does not list modules"),
        (
            json.dumps([TRUNK, {"path": "../other", "type": POOLING}]),
            r"names '\.\./other', which is no folder in its own",
        ),
    ],
)
def test_a_damaged_or_hostile_list_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(LangueError, match=said):
        read_sentence(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("modules.json", "[" * 100_000, "nested too deeply"),
        (
            "modules.json",
            '[{"path": "", "type": "a.T"}, {"path": "\\u0000", "type": "a.Pooling"}]',
            "config.json|modules.json",
        ),
        ("1_Pooling/config.json", '{"pooling_mode": {"a": [1]}}', "pooling by a"),
        ("1_Pooling/config.json", '{"pooling_mode": 3}', "cannot be read"),
        (
            "2_Dense/config.json",
            '{"in_features": 32, "out_features": 1000000000}',
            "bias should be 1000000000 but is 8",
        ),
        ("2_Dense/config.json", '{"in_features": 32, "out_features": "many"}', "does not say how many numbers"),
    ],
)
def test_each_file_of_it_is_guarded(tmp_path: Path, file: str, content: str, said: str) -> None:
    save("bert", tmp_path)
    write_modules(tmp_path, mean_tokens=True)
    (tmp_path / "2_Dense").mkdir()
    save_file({"linear.weight": torch.ones(8, 32), "linear.bias": torch.ones(8)}, tmp_path / "2_Dense" / WEIGHTS)
    (tmp_path / "2_Dense" / "config.json").write_text('{"in_features": 32, "out_features": 8}')
    modules = json.loads((tmp_path / "modules.json").read_text())
    dense = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (tmp_path / "modules.json").write_text(json.dumps([*modules, dense]))
    read_published(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(LangueError, match=said):
        read_published(tmp_path)
