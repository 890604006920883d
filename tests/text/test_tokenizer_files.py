"""What files beside a tokenizer say of it, against Transformers' own reading of the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from tests.hub import published as _  # noqa: F401  keeps Transformers quiet
from tokenizers import processors

from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.special import END, PAD, START

TEXT = ["The quick brown fox jumps over the lazy dog. " * 20]
TEXTS = ["The fox", "", " the <extra> dog <|start|>"]
FRAMES = {
    "none": None,
    "opened": processors.TemplateProcessing(single=f"{START} $A", pair=None, special_tokens=[(START, 2)]),
    "both": processors.TemplateProcessing(single=f"{START} $A {END}", pair=None, special_tokens=[(START, 2), (END, 3)]),
}


def folder(path: Path, frame: str = "none", **said: Any) -> Path:
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), TEXT)
    if FRAMES[frame] is not None:
        tokenizer.engine.post_processor = FRAMES[frame]
    tokenizer.save(path)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": START, "eos_token": END, **said}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("said", [{}, {"add_bos_token": True}, {"add_bos_token": False, "add_eos_token": True}])
def test_what_stands_around_a_text_is_what_transformers_puts_there(
    tmp_path: Path, frame: str, said: dict[str, bool]
) -> None:
    ours = Tokenizer.load(folder(tmp_path, frame, **said))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    # A prompt goes on, so that an end behind it is left out; of nothing at all, the document before it ends.
    expected = [token for token in theirs(TEXTS[0])["input_ids"] if token != ours.end]
    assert ours.prompt(TEXTS[0]) == expected
    assert ours.prompt("") == (ours.opening or [ours.end])
    assert ours.opening == expected[: -len(ours.encode(TEXTS[0]))] == ours.document_opening
    ours.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").opening == ours.opening


def test_an_opening_that_is_the_end_of_the_document_before_stands_once(tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(folder(tmp_path))
    tokenizer.engine.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=None, special_tokens=[(END, 3)]
    )
    found = Tokenizer(tokenizer.engine)
    assert found.prompt("fox") == [3, *found.encode("fox")]
    assert (found.opening, found.document_opening) == ([3], [])


@pytest.mark.parametrize("where", ["added_tokens.json", "tokenizer_config.json"])
def test_tokens_that_were_added_later_are_whole(tmp_path: Path, where: str) -> None:
    place = folder(tmp_path)
    count = Tokenizer.load(place).vocab_size
    if where == "added_tokens.json":
        (place / where).write_text(json.dumps({"<extra>": count, "<more>": count + 1}))
    else:
        told = {"normalized": False, "lstrip": False, "rstrip": False, "single_word": False}
        added = {
            str(count): {"content": "<extra>", "special": False, **told},
            str(count + 1): {"content": "<more>", "special": True, **told},
        }
        folder(tmp_path, added_tokens_decoder=added)
    ours, theirs = Tokenizer.load(place), transformers.AutoTokenizer.from_pretrained(place)
    assert ours.vocab_size == len(theirs) == count + 2
    assert ours.encode(TEXTS[2], special=True) == theirs.encode(TEXTS[2], add_special_tokens=False)
    assert count in ours.encode(TEXTS[2])
    ours.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").encode(TEXTS[2]) == ours.encode(TEXTS[2])


def test_an_added_token_without_a_place_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "added_tokens.json").write_text(json.dumps({"<extra>": 5000}))
    with pytest.raises(LangueError, match="<extra> cannot have the number 5000"):
        Tokenizer.load(place)


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_all_tokens_that_end_a_text_are_known_and_kept(tmp_path: Path, file: str) -> None:
    place = folder(tmp_path)
    (place / file).write_text(json.dumps({"eos_token_id": [2, 0, 99_999]}))
    ours = Tokenizer.load(place)
    assert ours.ends == (ours.end, 2, 0)
    ours.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").ends == ours.ends


def test_what_is_no_token_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "generation_config.json").write_text('{"eos_token_id": "</s>"}')
    with pytest.raises(LangueError, match=r"generation_config\.json is damaged: eos_token_id is '</s>'"):
        Tokenizer.load(place)


@pytest.mark.parametrize(
    "said",
    ["{{ bos_token }}", [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]],
)
def test_chat_templates_are_kept(tmp_path: Path, said: Any) -> None:
    ours = Tokenizer.load(folder(tmp_path, chat_template=said))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path).chat_template
    assert ours.chat_templates == (theirs if isinstance(theirs, dict) else {"default": theirs})
    (tmp_path / "chat_template.jinja").write_text("of its own file")
    assert Tokenizer.load(tmp_path).chat_templates["default"] == "of its own file"
    ours.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").chat_templates == ours.chat_templates


def test_special_tokens_are_written_by_those_who_mean_to(tmp_path: Path) -> None:
    ours = Tokenizer.load(folder(tmp_path, "opened"))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = f"The fox{END}the {PAD}dog"
    assert ours.encode(text, special=True) == theirs.encode(text, add_special_tokens=False)
    assert ours.encode_batch([text], special=True) == [ours.encode(text, special=True)]
    assert not set(ours.encode(text)) & ours.specials
    assert ours.prompt(text, special=True) == theirs.encode(text)
    assert ours.prompt(START + text, special=True) == theirs.encode(text)  # and not twice


@pytest.mark.parametrize("said", ["[" * 100_000, '{"eos_token_id": ' + "9" * 5000 + "}", "\0", '{"a": "\\ud800}'])
@pytest.mark.parametrize(
    "file", ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json"]
)
def test_damaged_files_are_named(tmp_path: Path, file: str, said: str) -> None:
    place = folder(tmp_path)
    (place / file).write_text(said)
    with pytest.raises(LangueError, match=file):
        Tokenizer.load(place)
