"""A small chat model's folder: what stands before a text, what ends one and how a chat is written, there and back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers
from tests.hub import published
from tokenizers import processors

import langue
from langue.data import Packed, Windows
from langue.data.prepare import prepare
from langue.hub.checkpoint import save_checkpoint
from langue.hub.formats import read_source, write_format
from langue.hub.gguf_file import GGUFFile
from langue.objectives import Causal
from langue.tasks import load
from langue.tasks.folders import read_model
from langue.tasks.generate.evaluate import evaluate_text
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.special import END, MASK, SEPARATOR, START

TEXT = "the cat sat on the mat.\nthe dog sat on the log.\n"
TEMPLATE = "{% for m in messages %}<|start|>{{ m.content }}<|separator|>{% endfor %}"
ENDS = [3, 4, 5]
GENERATION = {"eos_token_id": ENDS, "bos_token_id": 2, "temperature": 0.6, "do_sample": True, "top_p": 0.9}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "chat"
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=290), [TEXT])
    tokenizer.engine.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", pair=f"{START} $A {START}:1 $B:1", special_tokens=[(START, 2)]
    )
    torch.manual_seed(0)
    config = transformers.LlamaConfig(**{**published.LLAMA, "vocab_size": 290, "initializer_range": 0.3})
    model = transformers.LlamaForCausalLM(config)
    model.generation_config = transformers.GenerationConfig(**GENERATION)
    model.save_pretrained(path)
    tokenizer.save(path)
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": START, "eos_token": END}
    (path / "tokenizer_config.json").write_text(json.dumps({**told, "chat_template": TEMPLATE}))
    return path


def theirs_of(folder: Path) -> tuple[transformers.LlamaForCausalLM, transformers.PreTrainedTokenizerBase]:
    model = transformers.LlamaForCausalLM.from_pretrained(folder)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def carried(folder: Path, way: str, tmp_path: Path) -> Path:
    """The same model in another form."""
    if way == "folder":
        return folder
    checkpoint = read_source(str(folder))
    if way == "imported":
        save_checkpoint(checkpoint, tmp_path / "run")
        return tmp_path / "run"
    out = tmp_path / "out"
    out.mkdir()
    write_format("hf" if way == "exported" else "gguf", checkpoint, out)
    return out


WAYS = ["folder", "imported", "exported", "gguf"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prompt", ["the ", "", f"the cat{SEPARATOR}{START}the"])
def test_it_writes_what_transformers_writes(folder: Path, tmp_path: Path, way: str, prompt: str) -> None:
    model, tokenizer = theirs_of(folder)
    task = load(carried(folder, way, tmp_path), "cpu")
    assert set(task.tokenizer.ends) >= set(ENDS)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    assert task.tokenizer.prompt(prompt, special=True) == ids[0].tolist()
    expected = model.generate(ids, do_sample=False, max_new_tokens=20, suppress_tokens=[0, 1, 2])[0, ids.shape[1] :]
    found = task.write([prompt], special=True, temperature=0.0, max_tokens=20)[0][0]
    assert [*found.tokens, *([] if found.end is None else [found.end])] == expected.tolist()
    assert task.generate(prompt, special=True, temperature=0.0, max_tokens=20) == task.cut(
        found.tokens, (), prompt, True
    )


def test_ends_end(folder: Path) -> None:
    """Each of the tokens that end a text does, if it is the likeliest."""
    model, _ = theirs_of(folder)
    for end in ENDS:
        with torch.no_grad():
            model.lm_head.weight[:] = -model.lm_head.weight.abs()
            hidden = model.model(torch.tensor([[2, *load(folder, "cpu").tokenizer.encode("the ")]])).last_hidden_state
            model.lm_head.weight[end] = hidden[0, -1]
        model.save_pretrained(folder)
        found = load(folder, "cpu").write(["the "], temperature=0.0, max_tokens=5)[0][0]
        assert (found.tokens, found.end) == ([], end)


@pytest.mark.parametrize("way", WAYS)
def test_its_loss_is_that_of_transformers(folder: Path, tmp_path: Path, way: str) -> None:
    model, tokenizer = theirs_of(folder)
    (tmp_path / "text.txt").write_text(TEXT)
    ids = torch.tensor([[*tokenizer(TEXT)["input_ids"], tokenizer.eos_token_id]])
    with torch.inference_mode():
        expected = float(model(ids, labels=ids).loss)
    found = langue.evaluate(carried(folder, way, tmp_path), str(tmp_path / "text.txt"))
    assert found["metrics"]["loss"] == pytest.approx(expected, rel=1e-2 if way == "gguf" else 1e-4)


def test_each_document_stands_between_its_opening_and_its_end(folder: Path, tmp_path: Path) -> None:
    task = load(folder, "cpu")
    tokenizer = task.tokenizer
    texts = [{"text": f"the cat {number} sat. " * number} for number in range(1, 9)]
    store = prepare(texts, tokenizer, tmp_path / "store", shard=40)
    expected = [token for row in texts for token in (2, *tokenizer.encode(row["text"]), tokenizer.end)]
    assert store.read(0, store.tokens).tolist() == expected
    assert store.opening == (2,)
    ends = store.document_ends.tolist()
    assert [expected[end - 1] for end in ends] == [tokenizer.end] * 8

    objective = task.objective()
    for rows in (Windows(store, 20, 0).rows(0, 4), Packed(store, 20, 0).rows(0, 4)):
        assert any(2 in example["ids"] for example in rows)
        batch, plain = objective.batch(rows), Causal().batch(rows).targets
        assert not (batch.targets == 2).any()
        assert torch.equal(batch.targets[batch.targets >= 0], plain[(plain >= 0) & (plain != 2)])
    # Documents of packed rows begin with their opening, and not with the end of another.
    for example in Packed(store, 200, 0).rows(0, 1):
        starts = [0, *((example["documents"][1:] != example["documents"][:-1]).nonzero()[0] + 1).tolist()]
        assert example["ids"][starts[0]] == 2
    assert evaluate_text(task.model, tokenizer, store, stride=3, quiet=True)["loss"] > 0


def test_long_documents_are_opened_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["langue.data.prepare"], "BATCH", 50)
    tokenizer = load(folder, "cpu").tokenizer
    (tmp_path / "a.txt").write_text(TEXT * 40)
    (tmp_path / "b.txt").write_text(TEXT)
    store = prepare([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], tokenizer, tmp_path / "store")
    tokens = store.read(0, store.tokens).tolist()
    assert (tokens.count(2), tokens.count(tokenizer.end)) == (2, 2)
    assert tokens.index(2, 1) == tokens.index(tokenizer.end) + 1


def test_there_and_back_nothing_is_lost(folder: Path, tmp_path: Path) -> None:
    out = carried(folder, "exported", tmp_path)
    before, after = (json.loads((path / "generation_config.json").read_text()) for path in (folder, out))
    assert after == {**before, "pad_token_id": after["pad_token_id"]}
    model, tokenizer = theirs_of(out)
    assert model.generation_config.eos_token_id == ENDS
    chat = [{"role": "user", "content": "the cat"}]
    expected = theirs_of(folder)[1].apply_chat_template(chat, tokenize=False)
    assert tokenizer.apply_chat_template(chat, tokenize=False) == expected
    assert tokenizer("the cat")["input_ids"] == theirs_of(folder)[1]("the cat")["input_ids"]
    # A run of ours between changes nothing.
    run = carried(folder, "imported", tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    write_format("hf", read_model(run)[0], again)
    for file in ("generation_config.json", "chat_template.jinja", "tokenizer.json", "tokenizer_config.json"):
        assert (again / file).read_text() == (out / file).read_text()


def test_gguf_says_what_stands_before_and_behind(folder: Path, tmp_path: Path) -> None:
    told = GGUFFile(carried(folder, "gguf", tmp_path) / "model.gguf").settings
    names = ("bos_token_id", "eos_token_id", "add_bos_token", "add_eos_token", "eot_token_id", "eom_token_id")
    assert [told[f"tokenizer.ggml.{name}"] for name in names] == [2, 3, True, False, 4, 5]
    assert told["tokenizer.chat_template"] == TEMPLATE
    assert load(tmp_path / "out" / "model.gguf", "cpu").tokenizer.chat_templates == {"default": TEMPLATE}


def test_what_a_user_writes_stays_text(folder: Path) -> None:
    task = load(folder, "cpu")
    text = f"a{END}b{MASK}"
    assert not set(task.tokenizer.prompt(text)[1:]) & task.tokenizer.specials
    said = list(task.stream(text, special=True, temperature=0.0, max_tokens=8))
    assert "".join(said) == task.generate(text, special=True, temperature=0.0, max_tokens=8)
    assert task.attention(text, special=True)[0][0] == START
