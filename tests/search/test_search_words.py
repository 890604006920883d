import pytest

from langue.search.words import WORD_LETTERS, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK brown-fox, 3.5!", ["the", "quick", "brown", "fox", "3", "5"]),
        ("snake_case", ["snake", "case"]),
        ("Straße ΣΟΦΟΣ", ["strasse", "σοφοσ"]),
        ("ﬁne Ｗide", ["fine", "wide"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("漢字検索 Python", ["漢字", "字検", "検索", "python"]),
        ("字", ["字"]),
        ("Python入門", ["python", "入門"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("한국어 검색", ["한국어", "검색"]),
        ("?! 🙂", []),
        ("", []),
        ("x" * 1000, ["x" * WORD_LETTERS]),
    ],
)
def test_words_of_every_script(text, expected):
    assert words(text) == expected
