"""How texts are framed, against Hugging Face's own tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.special import MASK, SEPARATOR, START

TEXT = ["The quick brown fox jumps over the lazy dog. " * 20]
FIRST, SECOND = "The fox", "jumps over"


@pytest.fixture(scope="module")
def own() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), TEXT)


def test_our_own_tokenizers_frame_as_bert_does(own: Tokenizer) -> None:
    start, separator = own.engine.token_to_id(START), own.engine.token_to_id(SEPARATOR)
    assert (own.start, own.separator, own.mask) == (start, separator, own.engine.token_to_id(MASK))
    assert own.pair([9, 8]) == ([start, 9, 8, separator], [0, 0, 0, 0])
    assert own.pair([9, 8], [7]) == ([start, 9, 8, separator, 7, separator], [0, 0, 0, 0, 1, 1])
    assert own.pair([9], []) == ([start, 9, separator, separator], [0, 0, 0, 1])


PROCESSORS = {
    "bert": processors.BertProcessing(("<|separator|>", 4), ("<|start|>", 2)),
    "roberta": processors.RobertaProcessing(("<|separator|>", 4), ("<|start|>", 2), add_prefix_space=False),
    "template": processors.TemplateProcessing(
        single="<|start|> $A:0 <|separator|>:0",
        pair="<|start|> $A:0 <|separator|>:0 $B:1 <|end|>:1",
        special_tokens=[("<|start|>", 2), ("<|separator|>", 4), ("<|end|>", 3)],
    ),
    "llama": processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|start|> $A", pair="<|start|> $A <|start|>:1 $B:1", special_tokens=[("<|start|>", 2)]
            ),
        ]
    ),
    "gpt2": processors.ByteLevel(trim_offsets=False),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_a_tokenizers_own_frame_is_followed(own: Tokenizer, tmp_path: Path, name: str) -> None:
    content = json.loads(own.engine.to_str())
    content["post_processor"] = json.loads(PROCESSORS[name].__getstate__())
    if name == "gpt2":  # none of the tokens that Langue frames by
        for token in content["added_tokens"]:
            token["content"] = token["content"].replace("start", "begin")
        content["model"]["vocab"] = {
            key.replace("|start|", "|begin|"): at for key, at in content["model"]["vocab"].items()
        }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    ours = Tokenizer.load(tmp_path)
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for pair in [(FIRST,), (FIRST, SECOND), ("", SECOND)]:
        expected = theirs(*pair, return_token_type_ids=True)
        ids, segments = ours.pair(*[ours.encode(text) for text in pair])
        assert (ids, segments) == (expected["input_ids"], expected["token_type_ids"])
    assert ours.opening == ([2] if name == "llama" else [])


def test_what_the_files_say_counts_before_names(own: Tokenizer, tmp_path: Path) -> None:
    own.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "fox"}, "bos_token": None}))
    (tmp_path / "special_tokens_map.json").write_text("[1]")
    with pytest.raises(LangueError, match="damaged: it holds no settings"):
        Tokenizer.load(tmp_path)
    said = {"eos_token": "<|pad|>", "cls_token": "<|mask|>", "sep_token": "never heard of"}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(said))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<|unknown|>"}}))
    found = Tokenizer.load(tmp_path)
    assert (found.end, found.start, found.separator) == (1, 5, own.separator)
    assert found.fingerprint != own.fingerprint

    found.save(tmp_path / "again")
    again = Tokenizer.load(tmp_path / "again")
    assert (again.end, again.start, again.fingerprint) == (found.end, found.start, found.fingerprint)
