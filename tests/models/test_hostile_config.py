"""A model's own folder with a configuration that asks for what its weights do not hold."""

import json
import time

import pytest

from langue.errors import LangueError
from langue.models import ModelConfig, build, load_model, save_model

CONFIGS = {
    "decoder": ModelConfig(vocab_size=20, width=16, layers=2, heads=2, context=8),
    "learned": ModelConfig(vocab_size=20, width=16, layers=2, heads=2, context=8, position="learned"),
    "lstm": ModelConfig(vocab_size=20, width=16, layers=2, mixer="lstm", position="none", context=8),
    "seq2seq": ModelConfig(form="seq2seq", vocab_size=20, width=16, layers=2, heads=2, context=8),
}
HUGE = 10**9


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    "fields",
    [
        {"layers": 10**7},
        {"layers": HUGE},
        {"width": HUGE},
        {"vocab_size": HUGE},
        {"feedforward_width": HUGE},
        {"head_width": HUGE},
        {"heads": HUGE, "head_width": 2},
        {"context": HUGE, "position": "learned"},
        {"embedding_width": HUGE, "tie_embeddings": False},
        {"segments": HUGE},
        {"encoder": {"layers": 10**7}},
        {"encoder": {"feedforward_width": HUGE}},
        {"layers": 10**400},
        {"norm_epsilon": 10**400},
        {"rotary_scaling": {"kind": "linear", "factor": 10**400}},
    ],
)
def test_gigantic_sizes_are_refused_at_once(tmp_path, name, fields):
    save_model(build(CONFIGS[name]), tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, **fields}))
    (tmp_path / "manifest.json").unlink()  # as of whoever writes a folder to harm
    begun = time.monotonic()
    if name == "lstm" and {"head_width", "heads"} & fields.keys():
        load_model(tmp_path)  # which has no use for heads, and so makes nothing of them
    else:
        with pytest.raises(LangueError, match=r"config\.json"):
            load_model(tmp_path)
    assert time.monotonic() - begun < 5


def test_what_is_whole_is_read(tmp_path):
    for name, config in CONFIGS.items():
        save_model(build(config), tmp_path / name)
        assert load_model(tmp_path / name).config == config


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 5000, '{"width": ' + "9" * 5000 + "}", "\udce4"])
def test_what_is_no_configuration_is_said(tmp_path, content):
    save_model(build(CONFIGS["decoder"]), tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "config.json").write_text(content, errors="surrogateescape")
    with pytest.raises(LangueError, match=r"config\.json"):
        load_model(tmp_path)
