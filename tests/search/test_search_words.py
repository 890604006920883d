"""Words of every script, and stems and stop words of a language, as bm25s makes them."""

import json

import numpy as np
import pytest
import snowballstemmer

from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.collector import Collector
from langue.search.postings import K1, B
from langue.search.words import STOP_WORDS, WORD_LETTERS, analyzer, words


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


GERMAN = [
    "Die Häuser in der Straße wurden verkauft",
    "Das Haus ist noch nicht verkauft worden",
    "Wer verkaufte die Straßen und Plätze",
    "Kein Hund bellte, und der Platz war leer",
]


@pytest.mark.parametrize(("language", "stop_words"), [("german", True), ("german", False), ("greek", True)])
def test_stems_and_stop_words_are_those_of_bm25s(language, stop_words):
    bm25s = pytest.importorskip("bm25s")
    listed = json.loads(STOP_WORDS.read_text()).get(language, "").split() if stop_words else []
    stem = snowballstemmer.stemmer(language).stemWords
    folded = [text.casefold() for text in GERMAN]
    tokens = bm25s.tokenize(folded, stopwords=listed, stemmer=stem, return_ids=False, show_progress=False)
    analyze = analyzer(language, stop_words)
    assert [analyze(text) for text in GERMAN] == tokens
    known = bm25s.BM25(method="lucene", k1=K1, b=B)
    known.index(tokens, show_progress=False)
    collector = Collector()
    for key, text in enumerate(GERMAN):
        collector.add(key, analyze(text))
    query = analyze("verkaufter Häuser")
    inside = [word for word in query if word in known.vocab_dict]
    np.testing.assert_allclose(collector.finish().scores(query), known.get_scores(inside), rtol=1e-5)


def test_an_index_treats_queries_as_it_treated_its_documents(tmp_path):
    rows = [{"id": str(number), "text": text} for number, text in enumerate(GERMAN)]
    Index.build(rows, tmp_path / "stems", settings=IndexSettings(kind="memory", language="german"))
    Index.build(rows, tmp_path / "words", settings=IndexSettings(kind="memory"))
    hits = {name: Index.open(tmp_path / name).search("Hauses") for name in ("stems", "words")}
    assert [hit.document for hit in hits["stems"]] == ["1", "0"]
    assert hits["words"] == []
    assert Index.open(tmp_path / "stems").search("der die das nicht") == []
    Index.open(tmp_path / "stems").add([{"id": "4", "text": "Ein Häuschen"}, {"id": "5", "text": "Unsere Häuser"}])
    found = Index.open(tmp_path / "stems").search("ein Haus")
    assert {hit.document for hit in found} == {"0", "1", "5"}


def test_stems_are_in_all_stores_alike(place, settings):
    rows = [{"id": str(number), "text": text} for number, text in enumerate(GERMAN)]
    index = Index.build(rows, place, settings=settings.replace(language="german", stop_words="keep"))
    assert [hit.document for hit in index.search("der Plätze", mode="text")] == ["3", "2", "0"]
    hits = index.search("Haus")
    assert [hit.text[slice(*hit.sentence)] for hit in index.marked(hits, "Haus")] == [hit.text for hit in hits]


def test_an_unknown_language_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(LangueError, match=r"there are no stems of 'germn'; did you mean german\?"):
        Index.build("missing", tmp_path / "index", settings=IndexSettings(kind="memory", language="germn"))


def test_every_list_of_stop_words_is_of_a_language_with_stems():
    assert set(json.loads(STOP_WORDS.read_text())) < set(snowballstemmer.algorithms())
