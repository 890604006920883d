"""Sentences and passages: offsets that lead back into the text, whole sentences, every script."""

import itertools

import pytest

from langue.search.passages import cut, sentences


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He said “Stop!” She went on.", ["He said “Stop!”", "She went on."]),
        ("Dr. Smith met Mr. J. Doe. They spoke.", ["Dr. Smith met Mr. J. Doe.", "They spoke."]),
        ("Use tools, e.g. Python. It costs 3.50 euros.", ["Use tools, e.g. Python.", "It costs 3.50 euros."]),
        ("It is v. small. Yes.", ["It is v. small.", "Yes."]),
        ("See langue.load for more. Done.", ["See langue.load for more.", "Done."]),
        ("A line\nthat goes on. Next", ["A line\nthat goes on.", "Next"]),
        ("A title\n\nA paragraph", ["A title", "A paragraph"]),
        ("# Head\nText here.\n- one\n- two", ["# Head", "Text here.", "- one", "- two"]),
        ("今日は雨です。明日は晴れ！そう？はい", ["今日は雨です。", "明日は晴れ！", "そう？", "はい"]),
        ("यह एक है। यह दो है।", ["यह एक है।", "यह दो है।"]),
        ("ما هذا؟ هذا كتاب۔ نعم", ["ما هذا؟", "هذا كتاب۔", "نعم"]),
        ("Что это? Это дом.", ["Что это?", "Это дом."]),
        ("Wait... What?", ["Wait...", "What?"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert texts(text) == expected


def test_a_passage_is_the_text_between_its_offsets_and_no_longer_than_asked():
    text = "\n\n".join(
        f"Sentence {number} of a long text. And its {'very ' * (number % 9)}end." for number in range(200)
    )
    passages = cut(text, 300, 1)
    assert all(len(text[start:end].encode()) <= 300 for start, end in passages)
    assert passages[0].start == 0
    assert passages[-1].end == len(text)
    covered = set()
    for start, end in passages:
        covered |= set(range(start, end))
    assert all(letter.isspace() for place, letter in enumerate(text) if place not in covered)


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_neighbours_share_as_many_sentences_as_asked(overlap):
    text = " ".join(f"Sentence {number:02}." for number in range(50))
    passages = [text[start:end] for start, end in cut(text, 80, overlap)]
    for before, after in itertools.pairwise(passages):
        assert len(set(texts(before)) & set(texts(after))) == overlap
        assert texts(after)[overlap] not in before


def test_overlap_gives_way_where_there_is_no_room():
    text = f"{'A' * 60}. {'B' * 60}. {'C' * 60}."
    assert [text[start:end] for start, end in cut(text, 70, 1)] == texts(text)


@pytest.mark.parametrize("text", ["word " * 500, "ก" * 700, "漢字" * 400, "नि" * 300, "👩‍👩‍👧" * 100, "x" * 5000])
def test_a_sentence_without_end_is_cut_and_nothing_is_lost(text):
    passages = cut(text, 200, 1)
    assert all(0 < len(text[start:end].encode()) <= 200 for start, end in passages)
    assert "".join(text[start:end] for start, end in cut(text, 200, 0)).replace(" ", "") == text.replace(" ", "")


def test_no_sign_is_parted_from_its_letter():
    text = "नि" * 300
    assert all(text[start] == "न" for start, _ in cut(text, 201, 0))
