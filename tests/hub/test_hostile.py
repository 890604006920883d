"""Folders that are damaged, of another kind, or hostile: one sentence each, before anything large is allocated."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.hub.published import save

import langue
from langue.errors import LangueError
from langue.hub import is_published, read_published


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good folder of each family, to be spoilt in a copy."""
    home = tmp_path_factory.mktemp("whole")
    for name in ("gpt2", "llama", "bert words", "qwen2", "t5", "t5 1.1", "bart", "marian", *NEWER):
        save(name, home / name)
    save("gpt2", home / "shards", max_shard_size="20KB")
    return {path.name: path for path in home.iterdir()}


def copy(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def refuses(folder: Path, sentence: str) -> None:
    with pytest.raises(LangueError, match=sentence) as caught:
        read_published(folder)
    assert "\n" not in str(caught.value)


def change(path: Path, **fields: Any) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **fields}))


NEWER = ("neox", "olmo 2", "gemma 2", "gemma 3 stretched", "modernbert words", "deberta words", "m2m")

SETTINGS = [
    ("neox", {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 7}}, "rotary_pct 7 is not supported"),
    ("neox", {"rope_parameters": {"partial_rotary_factor": "half"}}, "rotary_pct 'half' is not supported"),
    ("neox", {"num_attention_heads": 0}, "num_attention_heads 0 is not supported"),
    ("neox", {"hidden_act": "mish"}, "hidden_act 'mish' is not supported"),
    ("olmo 2", {"rope_parameters": {"rope_type": "longrope"}}, "rope_type 'longrope' is not supported"),
    ("gemma 2", {"use_bidirectional_attention": True}, "use_bidirectional_attention True is not supported"),
    ("gemma 2", {"attn_logit_softcapping": -1.0}, "score_cap"),
    ("gemma 2", {"query_pre_attn_scalar": 0}, "score_width"),
    ("gemma 2", {"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000 is not supported"),
    ("gemma 2", {"num_hidden_layers": "two"}, "num_hidden_layers 'two' is not supported"),
    ("gemma 2", {"layer_types": ["full_attention"]}, "layer_types .* is not supported"),
    ("gemma 2", {"layer_types": [{}] * 4}, "layer_types .* is not supported"),
    ("gemma 2", {"sliding_window": 10**400}, "window would be 10,000"),
    ("gemma 2", {"sliding_window": "wide"}, "window"),
    ("gemma 3 stretched", {"rope_parameters": {"full_attention": 7}}, "rope_parameters 7 is not supported"),
    ("gemma 3 stretched", {"attn_logit_softcapping": 3.0}, "attn_logit_softcapping 3.0 is not supported"),
    ("gemma 3 stretched", {"model_type": "gemma3"}, "there is no family 'gemma3' in Langue"),
    ("modernbert words", {"local_attention": 0}, "local_attention 0 is not supported"),
    ("modernbert words", {"layer_types": None, "global_attn_every_n_layers": "x"}, "global_attn_every_n_layers 'x'"),
    ("modernbert words", {"norm_bias": True}, "norm_bias True is not supported"),
    ("modernbert words", {"decoder_bias": False}, "decoder_bias False is not supported"),
    (
        "modernbert words",
        {"architectures": ["ModernBertForSequenceClassification"], "classifier_pooling": "max"},
        "classifier_pooling 'max' is not supported; known: cls, mean|lacks the tensor",
    ),
    ("deberta words", {"pos_att_type": ["c2p"]}, "pos_att_type .* is not supported; Langue compares both ways"),
    ("deberta words", {"position_buckets": -1}, "position_buckets -1 is not supported"),
    ("deberta words", {"share_att_key": False}, "share_att_key False is not supported"),
    ("deberta words", {"conv_kernel_size": 3}, "conv_kernel_size 3 is not supported"),
    ("deberta words", {"position_buckets": 10**9}, "relative_reach 32 must exceed half of the 1000000000"),
    ("deberta words", {"position_buckets": 6}, "rel_embeddings.weight should be 12×32 but is 8×32"),
    ("m2m", {"pad_token_id": "x"}, "pad_token_id is 'x'"),
    ("m2m", {"pad_token_id": -7}, "position_offset"),
    ("gpt2", {"model_type": "gtp2"}, "there is no family 'gtp2' in Langue; did its author mean gpt2?"),
    ("gpt2", {"model_type": ["gpt2"]}, "there is no family"),
    ("gpt2", {"model_type": "mamba"}, "there is no family 'mamba' in Langue; known: gpt2, llama"),
    ("gpt2", {"architectures": ["GPT2LMHeadModle"]}, "class 'GPT2LMHeadModle' .*did its author mean GPT2LMHeadModel"),
    ("gpt2", {"architectures": ["GPT2DoubleHeadsModel"]}, "class 'GPT2DoubleHeadsModel' of gpt2 is not supported"),
    ("gpt2", {"auto_map": {"AutoModel": "evil.Model"}}, r"wants Python code from its author to be run \(auto_map\)"),
    ("gpt2", {"activation_function": "mish"}, "activation_function 'mish' is not supported; known: gelu_new"),
    ("gpt2", {"activation_function": {}}, "activation_function {} is not supported"),
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx True is not supported"),
    ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights False is not supported; Langue has only True"),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention True is not supported"),
    ("gpt2", {"vocab_size": 10**12}, "vocab_size would be 1,000,000,000,000, which no model has"),
    ("gpt2", {"vocab_size": 10**9}, r"wte.weight should be 1000000000×24 but is 61×24"),
    ("gpt2", {"vocab_size": -1}, "vocab_size"),
    ("gpt2", {"vocab_size": "many"}, "vocab_size"),
    ("gpt2", {"vocab_size": 62}, "wte.weight should be 62×24 but is 61×24"),
    ("gpt2", {"n_layer": 10**9}, "1,000,000,000 layers but 28 tensors"),
    ("gpt2", {"n_layer": 3}, "lacks the tensor transformer.h.2.attn.c_attn.weight|lacks the tensor transformer.h.2"),
    ("gpt2", {"n_layer": 1}, "holds the tensor transformer.h.1.* has no place"),
    ("gpt2", {"n_head": 5}, "width 24 cannot be shared out among 5 heads"),
    ("gpt2", {"n_head": 0}, "heads"),
    ("gpt2", {"n_inner": float("inf")}, "feedforward_width would be inf"),
    ("gpt2", {"n_positions": 33}, "wpe.weight should be 33×24 but is 32×24"),
    ("gpt2", {"layer_norm_epsilon": -1}, "norm_epsilon"),
    ("llama", {"hidden_act": "relu"}, "hidden_act 'relu' is not supported"),
    ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor 0.5 is not supported"),
    ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type 'dynamic' is not supported"),
    ("llama", {"rope_parameters": {"rope_type": "longrope"}}, "rope_type 'longrope' is not supported"),
    ("llama", {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "llama3 needs low_freq_factor"),
    ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 0.5}}, "rotary_scaling.factor"),
    (
        "llama",
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "mscale": 0.7}},
        "mscale of rope_parameters 0.7 is not supported",
    ),
    (
        "llama",
        {"rope_parameters": {"full_attention": {"rope_type": "default"}}},
        "one kind of rotary positions for all",
    ),
    ("llama", {"head_dim": 1 << 30}, "4 heads of 1,073,741,824 on a width of 32 but"),
    ("llama", {"head_dim": 1 << 30, "num_key_value_heads": 4, "num_attention_heads": 4}, "4 heads of 1,073,741,824"),
    ("llama", {"rms_norm_eps": 10**400}, "norm_epsilon would be 10,000"),
    ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 10**400}}, r"config\.json"),
    ("bert words", {"id2label": {"9" * 5000: "a"}, "architectures": ["BertForSequenceClassification"]}, "id2label"),
    ("llama", {"num_local_experts": 8}, "num_local_experts 8 is not supported"),
    ("llama", {"num_key_value_heads": 3}, "4 heads cannot be grouped over key_heads 3"),
    ("llama", {"attention_bias": True}, "lacks the tensor model.layers.0.self_attn.q_proj.bias"),
    ("llama", {"max_position_embeddings": 10**10}, "context would be 10,000,000,000"),
    ("qwen2", {"use_sliding_window": True}, "use_sliding_window True is not supported"),
    ("qwen2", {"layer_types": ["sliding_attention", "full_attention"]}, "layer_types .* is not supported"),
    ("t5", {"num_layers": 10**9}, "1,000,000,000 layers but"),
    ("t5", {"num_decoder_layers": 10**9}, "1,000,000,000 layers but"),
    ("t5", {"num_layers": 10**12}, "layers would be 1,000,000,000,000"),
    ("t5", {"num_layers": "two"}, "layers"),
    ("t5", {"num_decoder_layers": 1}, "holds the tensor decoder.block.1.* has no place"),
    ("t5", {"num_layers": 3}, "lacks the tensor encoder.block.2"),
    ("t5", {"feed_forward_proj": "gated-gelu"}, "lacks the tensor encoder.block.0.layer.1.DenseReluDense.wi_0.weight"),
    ("t5", {"feed_forward_proj": "mish"}, "feed_forward_proj 'mish' is not supported; known: relu"),
    ("t5", {"tie_word_embeddings": "no"}, "tie_word_embeddings 'no' is not supported"),
    ("t5", {"is_encoder_decoder": False}, "is_encoder_decoder False is not supported"),
    ("t5", {"architectures": ["T5EncoderModel"]}, "class 'T5EncoderModel' of t5 is not supported"),
    ("t5", {"scale_decoder_outputs": 1}, "scale_decoder_outputs 1 is not supported"),
    ("t5 1.1", {"vocab_size": 62}, "shared.weight should be 62×32 but is 61×32"),
    ("bart", {"max_position_embeddings": 31}, "embed_positions.weight should be 33×32 but is 34×32"),
    ("bart", {"tie_word_embeddings": False}, "tie_word_embeddings False is not supported"),
    ("bart", {"encoder_ffn_dim": 41}, "encoder.layers.0.fc1.weight should be 41×32 but is 40×32"),
    ("bart", {"encoder_attention_heads": 5}, "width 32 cannot be shared out among 5 heads"),
    ("bart", {"vocab_size": 60}, "shared.weight should be 60×32"),
    ("marian", {"share_encoder_decoder_embeddings": False}, "share_encoder_decoder_embeddings False is not supported"),
    ("marian", {"normalize_before": True}, "normalize_before True is not supported"),
    ("bert words", {"position_embedding_type": "relative_key"}, "'relative_key' is not supported; .* only 'absolute'"),
    ("bert words", {"is_decoder": True}, "is_decoder True is not supported"),
    ("bert words", {"architectures": ["BertForTokenClassification"]}, "lacks the tensor classifier.weight"),
    (
        "bert words",
        {"architectures": ["BertForSequenceClassification"], "id2label": {"1": "a", "2": "b"}},
        "id2label does not number its labels from 0 on",
    ),
]


@pytest.mark.parametrize(("name", "fields", "sentence"), SETTINGS)
def test_settings(whole: dict[str, Path], tmp_path: Path, name: str, fields: dict[str, Any], sentence: str) -> None:
    folder = copy(whole[name], tmp_path / "folder")
    change(folder / "config.json", **fields)
    refuses(folder, sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "holds no settings"),
        (b"\xff\xfe", "not valid JSON"),
    ],
)
def test_config_that_is_none(whole: dict[str, Path], tmp_path: Path, content: str | bytes, sentence: str) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    (folder / "config.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuses(folder, sentence)


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def lie(**fields: Any) -> Callable[[bytes], bytes]:
    """Change what the header says of one tensor."""

    def spoil(content: bytes) -> bytes:
        header, body = header_of(content)
        header["transformer.wte.weight"] |= fields
        return with_header(header, body)

    return spoil


def twice(content: bytes) -> bytes:
    header, body = header_of(content)
    text = json.dumps(header)
    return with_header(('{"transformer.wte.weight": null, ' + text[1:]).encode(), body)


def gap(content: bytes) -> bytes:
    header, body = header_of(content)
    told = header["transformer.h.1.ln_1.weight"]
    told |= {"shape": [0], "data_offsets": [told["data_offsets"][0]] * 2}
    return with_header(header, body)


FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "0 bytes are too few"),
    "seven bytes": (lambda content: content[:7], "7 bytes are too few"),
    "cut header": (lambda content: content[:100], "is cut off: its header has"),
    "cut body": (lambda content: content[:-5], "is cut off: .* ends at byte"),
    "more behind": (lambda content: content + b"1234", "4 bytes that its header does not speak of"),
    "huge header": (lambda content: (2**63).to_bytes(8, "little") + content[8:], "its header would have 9,223,372"),
    "no JSON": (lambda content: with_header(b"{]", b""), "its header cannot be read"),
    "deep JSON": (lambda content: with_header(b"[" * 100_000, b""), "its header cannot be read"),
    "a list": (lambda content: with_header([], b""), "its header holds no tensors by name"),
    "a name twice": (twice, "a name stands there twice"),
    "beyond the end": (lie(data_offsets=[10**15, 10**15 + 61 * 24 * 4]), "is cut off: transformer.wte.weight ends"),
    "overlap": (lie(data_offsets=[0, 61 * 24 * 4]), "overlaps another"),
    "gap": (gap, "has a gap before it"),
    "backwards": (lie(data_offsets=[100, 0]), "needs .* bytes but its header gives it -100"),
    "negative": (lie(data_offsets=[-8, 61 * 24 * 4 - 8]), "describes 'transformer.wte.weight' wrongly"),
    "no numbers": (lie(shape=["a"]), "describes 'transformer.wte.weight' wrongly"),
    "true is no number": (lie(shape=[True, 24]), "describes 'transformer.wte.weight' wrongly"),
    "three offsets": (lie(data_offsets=[0, 1, 2]), "describes 'transformer.wte.weight' wrongly"),
    "huge shape": (lie(shape=[10**12, 10**12]), "needs 4,000,000,000,000,000,000,000,000 bytes but"),
    "unknown dtype": (lie(dtype="F12"), "is made of F12 numbers, which Langue does not know"),
    "integers": (lie(dtype="I32"), "holds I32 numbers, which is a quantized model"),
    "other shape": (lie(shape=[24, 61]), r"wte.weight should be 61×24 but is 24×61"),
}


@pytest.mark.parametrize("name", FILES)
def test_weights(whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    spoil, sentence = FILES[name]
    file = folder / "model.safetensors"
    file.write_bytes(spoil(file.read_bytes()))
    refuses(folder, sentence)


def index(**places: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / "model.safetensors.index.json"
        content = json.loads(file.read_text())
        content["weight_map"] |= places
        file.write_text(json.dumps(content))

    return spoil


def first_shard(folder: Path) -> Path:
    return sorted(folder.glob("*.safetensors"))[0]


def link_outside(folder: Path) -> None:
    shard = first_shard(folder)
    shard.rename(folder.parent / "elsewhere.safetensors")
    shard.symlink_to(folder.parent / "elsewhere.safetensors")


def folder_for_shard(folder: Path) -> None:
    shard = first_shard(folder)
    shard.unlink()
    shard.mkdir()


SHARDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "up": (index(x="../../secret.safetensors"), "names '../../secret.safetensors', which is no .* of its own folder"),
    "absolute": (index(x="/etc/secret.safetensors"), "names '/etc/secret.safetensors', which is no"),
    "backslash": (index(x="..\\secret.safetensors"), "which is no safetensors file of its own folder"),
    "nul": (index(x="a\0.safetensors"), "which is no safetensors file of its own folder"),
    "pickle": (index(x="pytorch_model.bin"), "names 'pytorch_model.bin', which is no safetensors file"),
    "no shard": (index(x="model-9.safetensors"), "is not complete: model-9.safetensors is missing"),
    "no tensor": (lambda folder: index(x=first_shard(folder).name)(folder), "lacks x, which model.safetensors.index"),
    "shard gone": (lambda folder: first_shard(folder).unlink(), "is not complete: model-00001"),
    "folder": (folder_for_shard, "is not complete: model-00001"),
    "link": (link_outside, "is a link that leads out of its folder"),
    "no map": (
        lambda folder: (folder / "model.safetensors.index.json").write_text('{"weight_map": [1]}'),
        "weight_map does not say",
    ),
    "no name": (
        lambda folder: (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": 1}}'),
        "weight_map does not say",
    ),
}


@pytest.mark.parametrize("name", SHARDS)
def test_shards(whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = copy(whole["shards"], tmp_path / "folder")
    spoil, sentence = SHARDS[name]
    spoil(folder)
    refuses(folder, sentence)


def test_a_shard_whose_tensor_the_index_puts_elsewhere(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["shards"], tmp_path / "folder")
    first, second = sorted(folder.glob("*.safetensors"))[:2]
    name = next(iter(load_file(first)))
    index(**{name: second.name})(folder)
    refuses(folder, f"does not say that {first.name} holds {re.escape(name)}|lacks")


def test_the_links_of_huggingface_hubs_cache_are_followed(whole: dict[str, Path], tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1f2e"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for file in whole["shards"].iterdir():
        (blobs / f"hash-of-{file.name}").write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/hash-of-{file.name}")
    linked, plain = (dict(read_published(folder).model.named_parameters()) for folder in (snapshot, whole["shards"]))
    assert all(torch.equal(linked[name], value) for name, value in plain.items())


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/langue-bomb-went-off",)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "training_args.bin"])
def test_pickles_are_refused_and_never_opened(whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    sentence = f"holds {name}, a pickle, .*save_pretrained\\(NEW, safe_serialization=True\\)"
    refuses(folder, sentence)
    (folder / "config.json").unlink()
    for path in (folder, folder / name):
        assert is_published(path)
        with pytest.raises(LangueError, match=sentence):
            langue.load(path)
    assert not Path("/tmp/langue-bomb-went-off").exists()


def test_a_pickle_beside_safetensors_is_left_alone(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    (folder / "training_args.bin").write_bytes(pickle.dumps(Bomb()))
    assert read_published(folder).model.config == read_published(whole["gpt2"]).model.config
    assert not Path("/tmp/langue-bomb-went-off").exists()


def test_code_that_comes_with_a_tokenizer_is_refused(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["evil.Tokenizer", null]}}')
    refuses(folder, r"tokenizer_config.json wants Python code to be run \(auto_map\)")


def test_how_a_text_begins_stands_in_either_file(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["t5"], tmp_path / "folder")
    change(folder / "config.json", decoder_start_token_id=7, forced_bos_token_id=8)
    (folder / "generation_config.json").unlink()
    for expected in ((7, 8), (5, 8)):
        found = read_published(folder).model.config
        assert (found.decoder_start_token_id, found.forced_bos_token_id) == expected
        (folder / "generation_config.json").write_text('{"decoder_start_token_id": 5, "forced_bos_token_id": null}')
    for number, sentence in ((-1, "decoder_start_token_id"), (61, "_id 61 is no token of a vocabulary of 61")):
        change(folder / "generation_config.json", decoder_start_token_id=number)
        refuses(folder, sentence)
    (folder / "generation_config.json").unlink()
    change(folder / "config.json", decoder_start_token_id=None, pad_token_id=9)
    assert read_published(folder).model.config.decoder_start_token_id == 9


def test_a_trunk_that_stores_its_embedding_thrice(tmp_path: Path) -> None:
    save("bart trunk", tmp_path)
    expected = read_published(tmp_path).model.state_dict()
    tensors = load_file(tmp_path / "model.safetensors")
    for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        tensors[name] = tensors["shared.weight"].clone()
    save_file(tensors, tmp_path / "model.safetensors")
    found = read_published(tmp_path).model.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_an_own_head_of_t5_follows_from_its_weights(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["t5"], tmp_path / "copied")
    tensors = load_file(folder / "model.safetensors")
    copied = {**tensors, "lm_head.weight": tensors["shared.weight"].clone()}
    copied["encoder.embed_tokens.weight"] = copied["decoder.embed_tokens.weight"] = copied["lm_head.weight"].clone()
    save_file({name: tensor.clone() for name, tensor in copied.items()}, folder / "model.safetensors")
    assert read_published(folder).model.config.tie_embeddings
    own = copy(whole["t5 1.1"], tmp_path / "own")
    for fields in ({"tie_word_embeddings": False}, {"tie_word_embeddings": False, "scale_decoder_outputs": None}):
        change(own / "config.json", **fields)
        found = read_published(own).model.config
        assert (found.tie_embeddings, found.head_scale) == (False, False)


def test_missing_things(whole: dict[str, Path], tmp_path: Path) -> None:
    refuses(tmp_path / "nowhere", "there is no folder")
    refuses(tmp_path, "config.json is missing")
    folder = copy(whole["gpt2"], tmp_path / "folder")
    (folder / "model.safetensors").unlink()
    refuses(folder, "holds no weights: model.safetensors is missing")


def test_unknown_settings_are_told(whole: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy(whole["gpt2"], tmp_path / "folder")
    read_published(folder)
    assert not capsys.readouterr().err
    change(folder / "config.json", new_switch=3, other_switch=False)
    read_published(folder)
    assert "new_switch unknown to Langue and left out" in capsys.readouterr().err


def test_older_names_and_buffers(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(whole["bert words"], tmp_path / "folder")
    expected = read_published(folder).model.state_dict()
    tensors = load_file(folder / "model.safetensors")
    older = {}
    for name, tensor in tensors.items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        older["module." + name.removeprefix("bert.")] = tensor
    older["module.embeddings.position_ids"] = torch.arange(32)[None]
    older["module.cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    older["module.cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
    older["module.cls.seq_relationship.weight"] = torch.zeros(2, 32)
    save_file(older, folder / "model.safetensors")
    found = read_published(folder).model.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)

    folder = copy(whole["gpt2"], tmp_path / "gpt2")
    expected = read_published(folder).model.state_dict()
    tensors = {
        name.removeprefix("transformer."): each for name, each in load_file(folder / "model.safetensors").items()
    }
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 32, 32)
    tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, folder / "model.safetensors")
    found = read_published(folder).model.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)

    save_file({**tensors, "transformer.wte.weight": torch.zeros(61, 24)}, folder / "model.safetensors")
    refuses(folder, "holds transformer.wte.weight twice")
