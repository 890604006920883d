"""Presets at their sizes, and one clear sentence for every configuration that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from langue.batch import Batch
from langue.errors import LangueError
from langue.models import PRESETS, ModelConfig, build
from langue.models.count import parameters
from langue.models.presets import preset
from langue.settings import parse


def config_of(**fields: Any) -> ModelConfig:
    return parse(ModelConfig, {"vocab_size": 65, **fields}, "recipe.yaml")


@pytest.mark.parametrize(
    ("name", "size"),
    {
        # Counted on the published checkpoints.
        "gpt2": 124_439_808,
        "gpt2-medium": 354_823_168,
        # 10,000 × 128, an LSTM of 4 · 256 · (128 + 256 + 2), and 256 × 10,000 with 10,000 biases.
        "lstm-classic": 4_245_264,
        # 60 features of each of 65 tokens, 5 · 60 · 50 + 50 hidden units, 50 × 65 with biases.
        "mlp-bengio": 65 * 60 + 5 * 60 * 50 + 50 + 50 * 65 + 65,
    }.items(),
)
def test_published_sizes(name: str, size: int) -> None:
    own_vocabulary = {} if "vocab_size" in PRESETS[name] else {"vocab_size": 65}
    assert parameters(parse(ModelConfig, {"preset": name, **own_vocabulary}, "recipe.yaml")) == size


@pytest.mark.parametrize("vocabulary", [65, 8192])
@pytest.mark.parametrize("name", [name for name in PRESETS if name.endswith("-nano")])
def test_nano_models_of_all_mixers_are_of_one_size(name: str, vocabulary: int) -> None:
    reference = parameters(config_of(preset="gpt-nano", vocab_size=vocabulary))
    assert parameters(config_of(preset=name, vocab_size=vocabulary)) == pytest.approx(reference, rel=0.02)


def test_there_is_a_nano_model_of_every_mixer() -> None:
    assert {mixer for name in PRESETS if name.endswith("-nano") for mixer in config_of(preset=name).mixers} == {
        "attention",
        "lstm",
        "gru",
        "rnn",
        "window",
    }
    assert parameters(config_of(preset="gpt-nano")) == pytest.approx(0.8e6, rel=0.01)
    assert parameters(config_of(preset="gpt-micro")) == pytest.approx(10.6e6, rel=0.01)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_model_that_runs(name: str) -> None:
    config = config_of(preset=name, vocab_size=11, context=8, layers=1)
    with torch.no_grad():
        assert build(config)(Batch(torch.tensor([[1, 2, 3]]))).shape == (1, 3, 11)


def test_fields_beside_a_preset_win() -> None:
    config = config_of(preset="llama-nano", layers=7)
    assert (config.layers, config.feedforward, config.key_heads) == (7, "swiglu", 2)
    assert config_of().layers == 4


def test_a_new_model_with_zero_outputs_knows_nothing() -> None:
    """All tokens are as likely as each other, which is a loss of log V."""
    config = config_of(preset="gpt-nano", tie_embeddings=False)
    logits = build(config)(Batch(torch.tensor([[1, 2, 3]])))
    assert not logits.any()


def test_a_new_classifier_begins_undecided_whatever_its_depth() -> None:
    """Divided as a block's output is, a head would learn slowly at first; at zero it would hold back the trunk."""
    fields = {"form": "encoder", "layers": 8, "width": 256, "zero_output": False}
    model = build(config_of(**fields, classifier={"outputs": 200}))
    assert model.classifier.output.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert model.stack.blocks[0].mixer.output.weight.std().item() == pytest.approx(1 / 16 / 4, rel=0.02)
    assert build(
        config_of(**{**fields, "zero_output": True}, classifier={"outputs": 200})
    ).classifier.output.weight.any()


def test_a_model_may_have_no_blocks_at_all() -> None:
    model = build(config_of(layers=0))
    assert model(Batch(torch.tensor([[1, 2, 3]]))).shape == (1, 3, 65)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 256),
        ({"mixer": "attention", "position": "none", "context": 9}, 9),
        ({"mixer": "lstm", "position": "none"}, None),
        ({"mixer": "lstm", "position": "learned", "context": 9}, 9),
        ({"mixer": "window", "position": "sinusoidal", "window": 3}, None),
        ({"form": "encoder", "mixer": "lstm", "position": "none", "context": 9}, 9),
        ({"layers": ["gru", "attention"], "context": 9}, 9),
        ({"layers": ["gru", "lstm"], "position": "none"}, None),
    ],
)
def test_how_far_a_model_can_be_trusted(fields: dict[str, Any], limit: int | None) -> None:
    assert build(config_of(**fields)).context_limit == limit


SENTENCES: list[tuple[dict[str, Any], str]] = [
    ({"widht": 3}, "unknown key widht; did you mean width?"),
    ({"mixer": "atention"}, "mixer: input should be 'attention', 'lstm', 'gru', 'rnn' or 'window', got 'atention'"),
    ({"width": 0}, "width: input should be greater than or equal to 1, got 0"),
    ({"dropout": 1.0}, "dropout: input should be less than 1, got 1.0"),
    ({"layers": "many"}, "layers: input should be a valid integer"),
    ({"preset": "gpt-nono"}, "there is no preset 'gpt-nono'; did you mean gpt-nano?"),
    ({"preset": "xyz"}, "there is no preset 'xyz'; known: gpt-nano, "),
    ({"preset": ["gpt2"]}, "there is no preset ['gpt2']"),
    ({"width": 100, "heads": 3}, "width 100 cannot be shared out among 3 heads"),
    ({"heads": 4, "key_heads": 3}, "4 heads cannot be grouped over key_heads 3"),
    ({"mixer": "window", "position": "none"}, "the window mixer needs a window, such as window: 8"),
    ({"width": 12, "heads": 4}, "rotary positions need an even head width, not 3"),
    ({"mixer": "gru"}, "rotary positions guide attention; the gru mixer wants position: none"),
    (
        {"mixer": "window", "window": 2, "position": "relative"},
        "relative positions guide attention; the window mixer wants position: none",
    ),
    (
        {"position": "relative", "relative_buckets": 32, "relative_reach": 16},
        "relative_reach 16 must exceed half of the 32 relative_buckets",
    ),
    (
        {"mixer": "rnn", "position": "sinusoidal", "width": 7, "tie_embeddings": False},
        "sinusoidal positions need an even width, not 7",
    ),
    (
        {"mixer": "rnn", "position": "sinusoidal", "embedding_width": 5, "residual": False, "tie_embeddings": False},
        "sinusoidal positions need an even width, not 5",
    ),
    (
        {"form": "encoder", "mixer": "lstm", "position": "none", "width": 7},
        "a bidirectional lstm needs an even width, not 7",
    ),
    (
        {"form": "seq2seq", "mixer": "lstm", "position": "none", "width": 7, "heads": 1},
        "encoder: a bidirectional lstm needs an even width, not 7",
    ),
    (
        {"form": "seq2seq", "mixer": "lstm", "position": "none", "width": 10},
        "width 10 cannot be shared out among 4 heads",
    ),
    ({"embedding_width": 60}, "tie_embeddings needs embeddings as wide as the stack, not 60 and 128"),
    ({"encoder": {"layers": 2}}, "encoder: is for form: seq2seq, not for decoder"),
    ({"layers": ["gru", "atention"]}, "layers.1: input should be 'attention', 'lstm', "),
    ({"layers": ["gru", {"widow": 3}]}, "layers.1: unknown key widow; did you mean window?"),
    ({"layers": ["gru", {"width": 3}]}, "layers.1: width belongs to the whole model, so set it beside layers"),
    ({"layers": {"pattern": ["gru", {"widow": 3}]}}, "layers.pattern.1: unknown key widow; did you mean window?"),
    ({"layers": {"pattern": ["gru", "attention"], "repeat": 0}}, "layers.repeat: input should be greater than"),
    ({"layers": {"pattern": ["gru"], "repeat": 2, "times": 2}}, "unknown key layers.times; known: pattern, repeat"),
    ({"layers": ["gru", "window"]}, "layers.1: the window mixer needs a window, such as window: 8"),
    ({"layers": ["gru", {"heads": 3}]}, "layers.1: width 128 cannot be shared out among 3 heads"),
    ({"layers": ["gru", {"heads": 1, "head_width": 3}]}, "layers.1: rotary positions need an even head width, not 3"),
    ({"layers": ["gru", {"position": "learned"}]}, "layers.1: learned positions are added to the embeddings"),
    (
        {"layers": ["attention", {"mixer": "gru", "position": "rotary"}]},
        "layers.1: rotary positions guide attention; the gru mixer has none",
    ),
    ({"layers": ["gru", "lstm"]}, "rotary positions guide attention; the gru mixer wants position: none"),
    (
        {"layers": ["gru", {"block": "conformer", "norm_place": "post"}]},
        "layers.1: block: conformer wants norm_place: ",
    ),
    (
        {"form": "encoder", "layers": ["attention", "gru"], "width": 7, "head_width": 4},
        "a bidirectional gru needs an even width, not 7",
    ),
    ({"form": "seq2seq", "encoder": {"layers": ["gru", "grru"]}}, "encoder: layers.1: input should be "),
    ({"form": "seq2seq", "encoder": {"layer": 2}}, "encoder: unknown key layer; did you mean layers?"),
    ({"form": "seq2seq", "encoder": {"preset": "lstm"}}, "there is no preset 'lstm'; did you mean "),
    ({"form": "seq2seq", "encoder": {"vocab_size": 9}}, "encoder: vocab_size belongs to the whole model"),
    ({"form": "seq2seq", "encoder": {"heads": 7}}, "encoder: width 128 cannot be shared out among 7 heads"),
]


@pytest.mark.parametrize(("fields", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_what_cannot_be_is_said_in_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LangueError) as caught:
        config_of(**fields)
    message = str(caught.value)
    assert message.startswith(f"recipe.yaml: {sentence}")
    assert "\n" not in message


def test_an_encoder_is_its_decoders_twin_but_for_what_it_says() -> None:
    config = config_of(form="seq2seq", width=64, encoder={"layers": 2, "width": 32, "feedforward": "geglu"})
    encoder = config.encoder_config()
    assert (encoder.form, encoder.layers, encoder.width, encoder.feedforward) == ("encoder", 2, 32, "geglu")
    assert (encoder.heads, encoder.position, encoder.resolved_embedding_width) == (4, "rotary", 64)
    assert config_of(form="seq2seq", encoder={"preset": "gru-nano"}).encoder_config().mixer == "gru"
    assert config_of(form="seq2seq", encoder={"preset": "gru-nano", "layers": 9}).encoder_config().layers == 9


LISTED = [
    (["gru", "gru"], {"mixer": "gru", "layers": 2}),
    ({"pattern": [{"window": 5}], "repeat": 3}, {"window": 5, "layers": 3}),
    ([{"mixer": "lstm", "bias": True}] * 4, {"mixer": "lstm", "bias": True, "layers": 4}),
    ([], {"layers": 0}),
]


@pytest.mark.parametrize(("layers", "short"), LISTED, ids=str)
def test_layers_that_are_all_alike_are_a_number_however_they_are_listed(layers: Any, short: dict[str, Any]) -> None:
    assert config_of(position="none", layers=layers) == config_of(**{"position": "none", **short})


def test_an_item_of_layers_says_where_it_differs() -> None:
    config = config_of(
        width=32, heads=4, window=64, layers=["gru", "attention", {"window": None, "rotary_theta": 1e6, "heads": 2}]
    )
    gru, sliding, full = config.layer_specs
    assert (gru.mixer.kind, gru.position, gru.feedforward) == ("gru", None, sliding.feedforward)
    assert (sliding.mixer.window, sliding.mixer.heads, sliding.position.theta) == (64, 4, 10_000)
    assert (full.mixer.window, full.mixer.heads, full.position.theta) == (None, 2, 1e6)
    assert config.attention_positions == (sliding.position, full.position)
    assert (config.layer_count, config.mixers, config.attention_layers) == (3, ("gru", "attention"), (2, 3))


def test_a_pattern_is_repeated_and_equal_positions_are_one() -> None:
    config = config_of(layers={"pattern": ["gru", {"mixer": "attention"}], "repeat": 500_000_000})
    assert config.layer_count == 1_000_000_000  # which takes no time, nor room for so many
    config = config_of(layers={"pattern": ["gru", "attention"], "repeat": 4})
    assert [spec.mixer.kind for spec in config.layer_specs] == ["gru", "attention"] * 4
    assert len(config.attention_positions) == 1
    assert len(build(config).stack.attention_positions) == 1


def test_a_changed_copy_has_layers_of_its_own() -> None:
    config = config_of(layers=["gru", "attention"])
    assert config.layer_specs[0].dropout == 0
    assert config.model_copy(update={"dropout": 0.5}).layer_specs[0].dropout == 0.5


def test_the_encoder_of_a_hybrid_is_one_unless_it_names_a_mixer() -> None:
    hybrid = config_of(form="seq2seq", layers=["gru", "attention", "gru"])
    assert hybrid.encoder_config().layer_specs[0].mixer.kind == "gru"
    assert hybrid.encoder_config().mixers == ("gru", "attention")
    other = config_of(form="seq2seq", layers=["gru", "attention", "gru"], encoder={"mixer": "attention"})
    assert (other.encoder_config().layers, other.encoder_config().mixers) == (3, ("attention",))
    assert config_of(form="seq2seq", encoder={"layers": ["lstm", "attention"]}).encoder_config().layer_count == 2


def test_forms_say_what_they_cannot_do() -> None:
    ids = torch.tensor([[1, 2]])
    encoder = build(config_of(form="encoder"))
    with pytest.raises(ValueError, match="no state to start"):
        encoder.start(Batch(ids))
    with pytest.raises(ValueError, match="needs a source"):
        build(config_of(form="seq2seq"))(Batch(ids))
    with pytest.raises(LangueError, match="vocab_size of at least 1"):
        build(ModelConfig())
    with pytest.raises(LangueError, match="no preset"):
        preset("gpt3")


def test_matrices_are_named_with_the_pieces_that_are_stacked_in_them() -> None:
    found = build(config_of(preset="llama-nano", layers=1)).matrices()
    assert found == {
        "stack.blocks.0.mixer.query_key_value.weight": (128, 64, 64),
        "stack.blocks.0.mixer.output.weight": (128,),
        "stack.blocks.0.feedforward.input.weight": (384, 384),
        "stack.blocks.0.feedforward.output.weight": (128,),
    }
    lstm = build(config_of(preset="lstm-nano", layers=1, feedforward="none")).matrices()
    assert lstm == {f"stack.blocks.0.mixer.forwards.{name}.weight": (128,) * 4 for name in ("input", "hidden")}
