"""GGUF against Transformers' own loader of it, and against ourselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_gguf
import torch
import transformers

import langue
from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.hub.gguf import read_gguf, write_gguf
from langue.hub.keys import to_halves, to_neighbours
from langue.hub.write import write_published
from langue.models import with_adapters
from ready_python import ready_python

LLAMA3 = {"kind": "llama3", "factor": 8.0}
YARN = {"kind": "yarn", "factor": 4.0, "original_context": 32, "fast": 32.0}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_gguf.tokenizer()


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
@torch.no_grad()
def test_transformers_and_we_read_what_we_write(architecture: str, tokenizer: Any, tmp_path: Path) -> None:
    model, ids = tiny_gguf.model(architecture), tiny_gguf.ids()
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    expected = model(Batch(ids))
    assert expected.abs().max() > 0.5
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="model.gguf", dtype=torch.float32, local_files_only=True
    )
    assert theirs.config.model_type == architecture.partition("-")[0]
    assert (theirs.eval()(ids).logits - expected).abs().max() < 1e-5
    again, _ = read_gguf(tmp_path / "model.gguf")
    assert torch.equal(again(Batch(ids)), expected)
    assert again.config == model.config.model_copy(
        update={
            "initializer_range": None,
            "head_width": model.config.resolved_head_width,
            "key_heads": model.config.resolved_key_heads,
        }
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "model.gguf"]


@torch.no_grad()
def test_adapters_go_into_the_matrices_that_they_stand_beside(tokenizer: Any, tmp_path: Path) -> None:
    model = with_adapters(tiny_gguf.model("llama"), AdapterConfig(rank=2, on=("all",)))
    for name, parameter in model.named_parameters():
        if name.endswith(".up"):
            parameter.normal_(std=0.1)
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    again, _ = read_gguf(tmp_path / "model.gguf")
    expected = model(Batch(tiny_gguf.ids()))
    assert (again(Batch(tiny_gguf.ids())) - expected).abs().max() < 1e-2 * expected.abs().max()  # which fp16 rounds


def test_a_file_is_loaded_as_a_folder_is(tokenizer: Any, tmp_path: Path) -> None:
    write_gguf(tiny_gguf.model("llama"), tokenizer, tmp_path / "model.gguf")
    (tmp_path / "folder").mkdir()
    write_published(PretrainedModel(tiny_gguf.model("llama"), tokenizer), tmp_path / "folder")
    names = ("model.gguf", "folder", ".")  # the last holds the file and no other
    texts = [langue.load(tmp_path / name).generate("a", max_tokens=8, temperature=0.0) for name in names]
    assert texts[0] == texts[1] == texts[2]
    shutil.copy(tmp_path / "model.gguf", tmp_path / "another.gguf")
    with pytest.raises(LangueError, match=r"holds no model: name .* a GGUF file"):
        langue.load(tmp_path)


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@torch.no_grad()
def test_q8_0_as_transformers_unpacks_it(architecture: str, tokenizer: Any, tmp_path: Path) -> None:
    model, ids = tiny_gguf.model(architecture), tiny_gguf.ids()
    write_gguf(model, tokenizer, tmp_path / "model.gguf", "Q8_0")
    again, _ = read_gguf(tmp_path / "model.gguf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="model.gguf", dtype=torch.float32, local_files_only=True
    )
    assert (theirs.eval()(ids).logits - again(Batch(ids))).abs().max() < 1e-5
    matrix, was = again.embedding.table.weight, model.embedding.table.weight
    step = was.unflatten(1, (-1, 32)).abs().amax(-1, keepdim=True) / 127
    # Half a step, and what fp16 rounds off the scale, 127 times.
    assert ((matrix - was).unflatten(1, (-1, 32)).abs() <= (0.5 + 127 * 2**-11) * step).all()
    assert not torch.equal(matrix, was)


def test_matrices_that_blocks_do_not_fit_become_f16(tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_gguf.model("llama", feedforward_width=40)
    write_gguf(model, tokenizer, tmp_path / "model.gguf", "Q8_0")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    assert kinds["blk.0.ffn_down.weight"] == "F16"
    assert kinds["blk.0.ffn_up.weight"] == "Q8_0"
    assert kinds["blk.0.ffn_norm.weight"] == "F32"


@pytest.mark.parametrize("scaling", [{"kind": "linear", "factor": 2.0}, LLAMA3, {**LLAMA3, "factor": 32.0}, YARN])
@torch.no_grad()
def test_stretched_positions_survive(scaling: dict[str, Any], tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_gguf.model("llama", rotary_scaling=scaling, rotary_theta=500_000.0)
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    again, _ = read_gguf(tmp_path / "model.gguf")
    assert again.config.rotary_scaling == model.config.rotary_scaling
    assert torch.equal(again(Batch(tiny_gguf.ids())), model(Batch(tiny_gguf.ids())))


def test_orders_of_rows_are_each_others_way_back() -> None:
    rows = torch.arange(48).view(24, 2)
    halves = to_halves(rows, 8)
    assert torch.equal(to_neighbours(halves, 8), rows)
    # The first head's eight rows: even ones first, then odd ones.
    assert halves[:8, 0].tolist() == [0, 4, 8, 12, 2, 6, 10, 14]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"feedforward": "relu2"}, "feedforward is swiglu"),
        ({"norm": "layer"}, "norm is rms"),
        ({"form": "encoder"}, "form is decoder"),
        ({"position": "learned"}, "position is rotary"),
        ({"window": 8}, "sliding window"),
        ({"layers": ["gru", "attention"]}, "layers that are all alike, not gru and attention"),
        ({"query_key_norm": "plain"}, "query_key_norm"),
        ({"classifier": {"outputs": 2}}, "classifier"),
        ({"rotary_scaling": {**YARN, "fast": 16.0}}, "yarn"),
        ({"rotary_scaling": {**LLAMA3, "slow": 2.0}}, "llama3"),
        ({"vocab_size": 99}, "tokenizer has"),
    ],
)
def test_other_models_are_refused_and_nothing_is_left(
    changes: dict[str, Any], word: str, tokenizer: Any, tmp_path: Path
) -> None:
    with pytest.raises(LangueError, match=word):
        write_gguf(tiny_gguf.model("llama", **changes), tokenizer, tmp_path / "model.gguf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [1e6, float("nan")])
def test_a_weight_that_f16_cannot_hold_is_named(number: float, tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_gguf.model("llama")
    with torch.no_grad():
        model.stack.blocks[1].mixer.output.weight[0, 0] = number  # type: ignore[union-attr]
    with pytest.raises(LangueError, match=r"blk\.1\.attn_output"):
        write_gguf(model, tokenizer, tmp_path / "model.gguf")
    assert not list(tmp_path.iterdir())


def edited(path: Path, drop: str = "", **settings: Any) -> Path:
    """The same file with other settings (dots written as __), and without a tensor."""
    reader = gguf.GGUFReader(path)
    out = path.with_name("edited.gguf")
    writer = gguf.GGUFWriter(out, settings.pop("general__architecture", "llama"))
    for name, field in reader.fields.items():
        if (
            not name.startswith(("GGUF.", "general.architecture", "langue.sha256"))
            and name.replace(".", "__") not in settings
        ):
            writer.add_key_value(name, field.contents(), field.types[0])
    for name, value in settings.items():
        kinds = {bool: "BOOL", int: "UINT32", float: "FLOAT32", str: "STRING"}
        writer.add_key_value(name.replace("__", "."), value, gguf.GGUFValueType[kinds[type(value)]])
    for tensor in reader.tensors:
        if tensor.name != drop:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"general__architecture": "mamba"}, "architecture 'mamba'"),
        ({"llama__expert_count": 8}, "expert_count"),
        ({"llama__embedding_length": 65}, "should be"),
        ({"llama__embedding_length": 2**31}, "should be|no machine|does not fit its weights"),
        ({"llama__block_count": 3}, "lacks the tensor blk.2"),
        ({"llama__block_count": 1}, "has a tensor blk.1"),
        ({"llama__block_count": 2**31}, "declares 2147483648 blocks"),
        ({"llama__context_length": 2**31}, "declares a context"),
        ({"llama__attention__head_count": 0}, "heads"),
        ({"llama__attention__head_count": 4.0}, "is float"),
        ({"llama__rope__dimension_count": 8}, "a part of each head"),
        ({"llama__rope__scaling__type": "longrope"}, "longrope"),
        ({"tokenizer__ggml__model": "bert"}, "bert"),
        ({"tokenizer__ggml__pre": "tekken"}, "tekken"),
        ({"tokenizer__ggml__eos_token_id": 10**6}, "eos_token_id is 1000000"),
        ({"drop": "output_norm.weight"}, "lacks the tensor output_norm.weight"),
    ],
)
def test_what_we_do_not_know_is_said_in_one_sentence(
    settings: dict[str, Any], word: str, tokenizer: Any, tmp_path: Path
) -> None:
    write_gguf(tiny_gguf.model("llama"), tokenizer, tmp_path / "model.gguf")
    with pytest.raises(LangueError, match=word):
        read_gguf(edited(tmp_path / "model.gguf", **settings))


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
import tiny_gguf
from langue.errors import LangueError
from langue.hub.gguf import write_gguf
from langue.text import TokenizerSettings, train_tokenizer
tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), ["the old king " * 50])
model = tiny_gguf.model("llama", vocab_size=tokenizer.vocab_size)
write_gguf(model, tokenizer, Path({folder!r}) / "whole.gguf")
size = (Path({folder!r}) / "whole.gguf").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for short in (1, 100, 1000, 3000, 5000, 9000, size // 2):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, resource.RLIM_INFINITY))
    try:
        write_gguf(model, tokenizer, Path({folder!r}) / "cut.gguf")
        print("written")
    except LangueError as error:
        print("full" if "the disk is full" in str(error) else error)
"""


def test_a_disk_that_fills_up_in_the_last_tensor_is_said(tmp_path: Path) -> None:
    code = FULL.format(path=[str(Path(__file__).parent)], folder=str(tmp_path))
    done = subprocess.run([*ready_python(), "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["full"] * 7, done.stderr
    assert not (tmp_path / "cut.gguf").exists()
