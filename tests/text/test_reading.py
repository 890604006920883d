"""How a text is given to a model that represents it by a vector."""

from __future__ import annotations

import pytest

from langue.errors import LangueError
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.reading import Reading

TOKENIZER = train_tokenizer(TokenizerSettings(kind="char"), ["The Old king: q"])


def framed(text: str) -> list[int]:
    return TOKENIZER.pair(TOKENIZER.encode(text))[0]


def test_prompts_stand_before_a_text_for_their_purpose_alone():
    reading = Reading(prompts={"query": "q: ", "corpus": "k: ", "other": "The "}, prompt="other")
    for name, before in (("query", "q: "), ("document", "k: "), ("other", "The "), (None, "The ")):
        assert reading.encode(TOKENIZER, ["Old"], 64, name) == [framed(before + "Old")]
    assert Reading().before("query") == Reading().before("document") == Reading().before(None) == ""
    with pytest.raises(LangueError, match="there is no prompt 'title'; known: none"):
        Reading().before("title")


def test_long_texts_are_cut_and_empty_ones_are_an_end():
    text = "The Old king" * 9
    frame = len(framed(""))
    for reading, context, length in (
        (Reading(), 20, 20),
        (Reading(max_tokens=9), 20, 9),
        (Reading(max_tokens=30), 20, 20),
    ):
        (found,) = reading.encode(TOKENIZER, [text], context)
        assert found == framed(text[: length - frame])
        assert len(found) == length
    assert Reading().encode(TOKENIZER, [""], 20) == [framed("") or [TOKENIZER.end]]
    with pytest.raises(LangueError, match=f"{frame} tokens have no room for a text"):
        Reading(max_tokens=frame or 1).encode(TOKENIZER, [text], frame)


def test_lower_case_is_for_the_text_and_its_prompt():
    reading = Reading(lower_case=True, prompts={"query": "The "})
    assert reading.encode(TOKENIZER, ["Old"], 64, "query") == [framed("the old")]
