"""One suite over all back ends: the same passages, the same scores, in the same order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.search.small import TOPICS, Counting, rows

from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.memory import MemoryTable
from langue.search.postings import K1, B, Postings
from langue.search.store import open_store
from langue.search.vectors import unit
from langue.search.where import holds, read_where
from langue.search.words import words

QUERIES = ("a river and bread", "the guitar", "Number3 orchid magnet", "quilt quilt harbor")


def summary(hits) -> list[tuple[str, int, float]]:
    return [(hit.document, hit.start, round(hit.score, 5)) for hit in hits]


@pytest.mark.parametrize("query", QUERIES)
def test_dense_search_is_the_exhaustive_one(place, settings, query):
    given, model = rows(60), Counting()
    index = Index.build(given, place, model, settings)
    vectors = unit(model.embed([row["text"] for row in given], prompt="document"))
    scores = vectors @ unit(model.embed([query], prompt="query"))[0]
    order = np.argsort(-scores.round(5), kind="stable")[:10]
    found = index.search(query, 10, mode="dense")
    np.testing.assert_allclose([hit.score for hit in found], scores[order], atol=1e-5)
    assert found[0].metadata["year"] == given[int(found[0].document.removeprefix("row-"))]["year"]


@pytest.mark.parametrize("query", QUERIES)
def test_full_text_search_ranks_as_bm25s(place, settings, query):
    bm25s = pytest.importorskip("bm25s")
    given = rows(60)
    known = bm25s.BM25(method="lucene", k1=K1, b=B)
    known.index([words(row["text"]) for row in given], show_progress=False)
    asked = [word for word in words(query) if word in known.vocab_dict]
    scores = known.get_scores(asked)
    found = Index.build(given, place, settings=settings).search(query, 60)
    assert len(found) == np.count_nonzero(scores)
    by_name = {f"row-{number}": score for number, score in enumerate(scores)}
    np.testing.assert_allclose([hit.score for hit in found], [by_name[hit.document] for hit in found], rtol=1e-5)
    order = sorted(found, key=lambda hit: (-round(hit.score, 9), int(hit.document.removeprefix("row-"))))
    assert summary(found) == summary(order)


def test_all_back_ends_answer_alike(tmp_path, server):
    given, model = rows(80), Counting(noise=0.1)
    answers = []
    for kind, place in {"memory": tmp_path / "m", "lance": tmp_path / "l", "postgres": f"{server}#alike"}.items():
        index = Index.build(given, place, model, IndexSettings(kind=kind))
        answers.append(
            [
                index.search(query, 80, mode=mode, where=where)
                for query in QUERIES
                for mode in ("dense", "text", "hybrid")
                for where in (None, "year>=2015", {"lang": "it's", "weight": {"<": 12}})
            ]
        )
    for one, *others in zip(*answers, strict=True):
        assert one
        for other in others:
            assert [hit.document for hit in other] == [hit.document for hit in one]
            np.testing.assert_allclose([hit.score for hit in other], [hit.score for hit in one], atol=2e-6)


@pytest.mark.parametrize("where", [None, "year>=2015"])
def test_both_rankings_are_those_of_dense_and_of_text(filled, where):
    met = read_where(where)
    for query in QUERIES:
        vector, asked = filled.encode(query), words(query)
        alone = filled.store.dense(vector, 30, met), filled.store.text(asked, 30, met)
        assert filled.store.both(vector, asked, 30, met) == alone


def test_a_folder_is_searched_by_meaning_and_by_words_side_by_side(tmp_path, monkeypatch):
    index = Index.build(rows(20), tmp_path / "index", Counting(), IndexSettings(kind="memory"))
    alone = index.search("a river", mode="hybrid")
    met = threading.Barrier(2, timeout=20)

    def meeting(search):
        return lambda _, *args: met.wait() < 2 and search(*args)

    monkeypatch.setattr(MemoryTable, "dense", meeting(index.store._table.dense))
    monkeypatch.setattr(Postings, "search", meeting(index.store._postings.search))
    assert index.search("a river", mode="hybrid") == alone


@pytest.mark.parametrize(
    "where",
    [
        "year>=2020", "year<2003", "lang=de", "lang!=de", {"lang": "it's"}, {"lang": ["en", "it's"]}, "lang>en",
        "weight>3.5", "weight!=0.25", "checked=true", "checked=false", "year in [2001, 2002]",
        {"year": {">": 2004, "<=": 2010}, "lang": "en"}, {"lang": "' OR 1=1 --"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("mode", ["dense", "text"])
def test_only_documents_that_meet_conditions_are_found(filled, where, mode):
    met = {row["id"] for row in rows(60) if holds(read_where(where), row)}
    assert {hit.document for hit in filled.search("the", 100, where=where, mode=mode)} == met


@pytest.fixture(scope="module")
def filled_ones():
    return {}


@pytest.fixture
def filled(filled_ones, kind, tmp_path_factory, request):
    """An index of 60 rows of each kind, made once."""
    if kind not in filled_ones:
        place = (
            f"{request.getfixturevalue('server')}#filled"
            if kind == "postgres"
            else tmp_path_factory.mktemp("filled") / kind
        )
        filled_ones[kind] = Index.build(rows(60), place, Counting(), IndexSettings(kind=kind))
    return filled_ones[kind]


def test_what_grew_and_shrank_answers_as_what_was_built_at_once(place, settings, tmp_path):
    model, given = Counting(), rows(50)
    old = [{**row, "text": "An old text about a planet."} if n % 7 == 0 else row for n, row in enumerate(given)]
    index = Index.build([*old[:30], {"id": "gone", "text": "A planet of bread."}], place, model, settings)
    change = index.add(given[20:])
    assert (change.added, change.replaced, change.unchanged) == (20, 2, 8)
    change = index.add(given[:20])
    assert (change.added, change.replaced, change.unchanged) == (0, 3, 17)
    index.delete(["gone"])
    fresh = Index.build(given, tmp_path / "fresh", model, IndexSettings(kind="memory"))
    for opened in (index, Index.open(place, model)):
        assert (opened.manifest.documents, opened.manifest.passages) == (50, fresh.manifest.passages)
        for query in QUERIES:
            for mode in ("dense", "text"):
                assert sorted(summary(opened.search(query, 60, mode=mode))) == sorted(
                    summary(fresh.search(query, 60, mode=mode))
                )


def test_an_index_may_be_emptied_and_filled_again(place, settings):
    model = Counting()
    index = Index.build(rows(3), place, model, settings)
    index.delete(["row-0", "row-1", "row-2"])
    index = Index.open(place, model)
    assert (index.manifest.documents, index.manifest.passages) == (0, 0)
    assert all(index.search("river", mode=mode) == [] for mode in ("dense", "text", "hybrid"))
    index.add(rows(3)[:1])
    assert [hit.document for hit in index.search("river bread engine", mode="dense")] == ["row-0"]


def test_what_has_not_changed_is_not_encoded_again(place, settings):
    model, given = Counting(), rows(20)
    Index.build(given, place, model, settings)
    model.encoded.clear()
    index = Index.build(given, place, model, settings)
    assert model.encoded == []
    assert index.change.unchanged == 20
    assert index.manifest.generation == 1  # nothing was written either
    given[3] = {**given[3], "text": "Something new."}
    del given[5]
    index = Index.build(given, place, model, settings)
    assert model.encoded == ["Something new."]
    assert (index.change.replaced, index.change.deleted, index.change.unchanged) == (1, 1, 18)
    assert index.manifest.documents == 19
    assert not index.search("Number5", mode="text")


def test_an_index_of_words_alone(place, settings):
    index = Index.build(rows(20), place, settings=settings)
    assert index.search("Number7")[0].document == "row-7"
    index.add([{"id": "more", "text": "Number7 and nothing else"}])
    assert {hit.document for hit in index.search("Number7")} == {"row-7", "more"}
    with pytest.raises(LangueError, match="made without a model"):
        index.search("Number7", mode="dense")
    with pytest.raises(LangueError, match="made without a model"):
        Index.open(place, Counting())


def test_another_model_or_other_settings_are_refused(place, settings):
    Index.build(rows(5), place, Counting(), settings)
    for attempt in (
        lambda: Index.open(place, Counting(fingerprint="other")),
        lambda: Index.build(rows(5), place, Counting(fingerprint="other"), settings),
        lambda: Index.build(rows(5), place, None, settings),
        lambda: Index.build(rows(5), place, Counting(), settings.model_copy(update={"overlap": 3})),
    ):
        with pytest.raises(LangueError, match=r"was made (by|with) "):
            attempt()
    with pytest.raises(LangueError, match="had no folder"):
        Index.open(place).search("x")


def test_a_change_is_unseen_until_it_is_committed_and_undone_if_it_is_broken_off(place, settings):
    model = Counting()
    Index.build(rows(20), place, model, settings)
    reader = Index.open(place, model)
    before = [summary(reader.search(query)) for query in QUERIES]

    class Broken(Counting):
        def embed(self, texts, *, prompt):
            if any("poison" in text for text in texts):
                for opened in (reader, Index.open(place, model)):
                    assert [summary(opened.search(query)) for query in QUERIES] == before
                with pytest.raises(LangueError, match="another process is writing"):
                    Index.open(place, model).delete(["row-3"])
                raise RuntimeError("broken off")
            return super().embed(texts, prompt=prompt)

    writer = Index.open(place, Broken())
    with pytest.raises(RuntimeError, match="broken off"):
        Index.build(
            [*rows(10), {"id": "row-3", "text": "new"}, {"id": "p", "text": "poison"}], place, Broken(), settings
        )
    with pytest.raises(RuntimeError, match="broken off"):
        writer.add([{"id": "row-3", "text": "poison"}])
    assert [summary(Index.open(place, model).search(query)) for query in QUERIES] == before
    # What was left half done is in nobody's way.
    writer.add([{"id": "row-3", "text": "Something else entirely"}])
    assert Index.open(place, model).search("entirely", mode="text")[0].document == "row-3"


KILLED = """
import sys, time
from langue.search import Index, IndexSettings
from langue.search import change
from tests.search.small import Counting, rows
change.BATCH = 20  # several batches are written before the last
place, kind = sys.argv[1:]

class Slow(Counting):
    def embed(self, texts, *, prompt):
        if any("Number55 " in text for text in texts):
            print("half", flush=True)
            time.sleep(60)
        return super().embed(texts, prompt=prompt)

new = [{**row, "text": row["text"] + " All is new."} for row in rows(60)]
Index.build(new, place, Slow(), IndexSettings(kind=kind))
"""


@pytest.mark.parametrize("again", [False, True], ids=["first", "later"])
def test_a_kill_leaves_the_last_good_version(place, kind, settings, again):
    model = Counting()
    if again:
        index = Index.build(rows(40), place, model, settings)
        before = [summary(index.search(query)) for query in QUERIES]
    root = Path(__file__).parents[2]
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), place, kind],
        stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"},
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "half\n"
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    if again:
        opened = Index.open(place, model)
        assert [summary(opened.search(query)) for query in QUERIES] == before
        assert opened.manifest.generation == 1
    elif kind != "postgres":
        with pytest.raises(LangueError, match="broken off before it was done"):
            Index.open(place, model)
    index = Index.build(rows(60), place, model, settings)
    assert index.change.added == (20 if again else 60)
    assert len(index.search("the", 100, mode="text")) == 60


def test_an_index_of_words_alone_is_of_flat_arrays_unless_another_is_named(tmp_path):
    for settings, kind in (
        (None, "memory"),
        (IndexSettings(size=400), "memory"),
        (IndexSettings(kind="lance"), "lance"),
    ):
        place = tmp_path / f"{kind}-{settings is None}"
        assert Index.build(rows(3), place, None, settings).manifest.settings.kind == kind
        assert Index.build(rows(4), place, None, settings).change.added == 1
    assert Index.build(rows(3), tmp_path / "vectors", Counting()).manifest.settings.kind == "lance"


def test_readers_of_the_version_before_go_on_reading(tmp_path):
    for kind in ("memory", "lance"):
        place, model = tmp_path / kind, Counting()
        Index.build(rows(30), place, model, IndexSettings(kind=kind))
        reader = Index.open(place, model)
        before = [summary(reader.search(query)) for query in QUERIES]
        Index.build(rows(60)[20:], place, model, IndexSettings(kind=kind))
        assert [summary(reader.search(query)) for query in QUERIES] == before
        assert not Index.open(place, model).search("Number5", mode="text")


SCRIPTS = {
    "arabic": "القطة تجلس على السجادة. الكلب ينام.",
    "armenian": "Կատուն նստած է գորգի վրա։ Շունը քնած է։",
    "bengali": "বিড়াল মাদুরে বসে আছে। কুকুর ঘুমায়।",
    "chinese": "猫坐在垫子上。狗在睡觉。",
    "cyrillic": "Кот сидит. Собака спит.",
    "devanagari": "बिल्ली चटाई पर बैठी है। कुत्ता सोता है।",
    "ethiopic": "ድመቷ ምንጣፉ ላይ ተቀምጣለች። ውሻው ተኝቷል።",
    "georgian": "კატა ზის. ძაღლს სძინავს.",
    "greek": "Η γάτα κάθεται. Ο σκύλος κοιμάται.",
    "hebrew": "החתול יושב. הכלב ישן.",
    "japanese": "猫がマットに座る。犬が寝る。",
    "khmer": "ឆ្មាអង្គុយលើកន្ទេល។ ឆ្កែដេក។",
    "korean": "고양이가 앉아 있다. 개가 잔다.",
    "tamil": "பூனை பாயில் அமர்ந்திருக்கிறது. நாய் தூங்குகிறது.",
    "thai": "แมวนั่งบนเสื่อ หมานอนหลับ",
    "tibetan": "ཞི་མི་གདན་ཐོག་ལ་བསྡད་འདུག།",
    "emoji": "🐈 🧶 👩‍👩‍👧 x",
    "rare": "𒀭𒂗𒆤 𓀀𓁐 𝔘𝔫𝔦",
}


def test_every_script_is_found_by_its_own_words(place, settings):
    given = [{"id": name, "text": text, "script": text[:5]} for name, text in SCRIPTS.items()]
    index = Index.build(given, place, Counting(), settings)
    for name, text in SCRIPTS.items():
        for mode in ("dense", "text", "hybrid"):
            hit = index.search(text, 3, mode=mode)[0]
            assert (hit.document, hit.text) == (name, text)
        assert [hit.document for hit in index.search(text, where={"script": text[:5]}, mode="dense")] == [name]


def test_mistakes_are_one_sentence(place, settings, tmp_path):
    model = Counting()
    with pytest.raises(LangueError, match="there is no index"):
        Index.open(place, model)
    index = Index.build(rows(3), place, model, settings)
    for query in ("", "  \n"):
        with pytest.raises(LangueError, match="the query is empty"):
            index.search(query)
    with pytest.raises(LangueError, match="0 passages cannot be found"):
        index.search("x", 0)
    with pytest.raises(LangueError, match="has no document row-9"):
        index.delete(["row-1", "row-9"])
    assert index.manifest.documents == 3
    assert index.search("?!", mode="text") == []
    assert len(index.search("?!", mode="dense")) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(LangueError, match="holds no"):
        Index.build(tmp_path / "empty", place, model, settings)
    with pytest.raises(LangueError, match="no text in what was given"):
        index.add([{"id": "a", "text": " "}])
    assert Index.open(place, model).manifest.documents == 3


def test_of_two_documents_with_one_id_the_first_counts(place, settings):
    index = Index.build([{"id": "a", "text": "first"}, {"id": "a", "text": "second"}], place, settings=settings)
    assert index.change.dropped == {"duplicate id": 1}
    assert index.change.named == [("a", "duplicate id")]
    assert [hit.text for hit in index.search("first second")] == ["first"]


@pytest.mark.parametrize("kind", ["lance", "postgres"], indirect=True)
def test_an_approximate_index_finds_the_same(place, settings, kind, monkeypatch):
    monkeypatch.setattr(f"langue.search.{kind}.EXACT", 500)
    if kind == "lance":
        monkeypatch.setattr("langue.search.lance.PARTITION", 100)
        monkeypatch.setattr("langue.search.lance.PROBES", 6)
    model, given = Counting(), rows(1500)
    index = Index.build(given[:1200], place, model, settings)
    index.add(given[1200:])
    index.delete([f"row-{number}" for number in range(100)])
    vectors = unit(model.embed([row["text"] for row in given], prompt="document"))
    for where in (None, "year<2010"):
        hits = right = 0
        for topic in TOPICS:
            query = f"a {topic} by the river"
            scores = vectors @ index.encode(query)
            allowed = [n for n in range(100, 1500) if holds(read_where(where), given[n])]
            least = np.sort(scores[allowed])[-10]
            found = index.search(query, 10, mode="dense", where=where)
            hits += len(found)
            right += sum(hit.score >= least - 1e-5 for hit in found)
            np.testing.assert_allclose(
                [hit.score for hit in found],
                [scores[int(hit.document.removeprefix("row-"))] for hit in found],
                atol=1e-5,
            )
        assert hits == 10 * len(TOPICS)
        assert right / hits >= 0.95


def test_a_damaged_manifest_is_one_sentence(tmp_path):
    place = tmp_path / "index"
    Index.build(rows(3), place, settings=IndexSettings(kind="memory"))
    for content in ("", "[]", "{}", '{"settings": {"kind": "other"}}'):
        (place / "manifest.json").write_text(content)
        with pytest.raises(LangueError, match="is no index of this Langue, or is damaged"):
            open_store(str(place))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(LangueError, match="is there and is no index"):
        Index.build(rows(3), tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_odd_queries_and_ids_are_looked_for_or_said_no_to(place, settings):
    index = Index.build(rows(20), place, Counting(), settings)
    for mode in ("dense", "text"):
        for query in ("a \ud800 river", "a\0river", " ".join(f"w{number}" for number in range(10_000)) + " river"):
            assert index.search(query, 10**12, mode=mode)
        with pytest.raises(LangueError, match="the query has 7,888,889 characters"):
            index.search(" ".join(f"w{number}" for number in range(10**6)), mode=mode)
    with pytest.raises(LangueError, match="has no document"):
        index.delete(["\ud800"])
    change = index.add(
        [{"id": "\udfff", "text": "Sound.", "\ud800": "\udc00"}, {"id": "z" * 10**5, "text": "Too long."}]
    )
    assert (change.added, change.dropped) == (1, {"id too long": 1})
    assert [hit.document for hit in index.search("sound", mode="text", where={"?": "?"})] == ["?"]


def test_what_a_database_says_no_to_is_one_sentence(server):
    psycopg = pytest.importorskip("psycopg")
    index = Index.build(rows(3), f"{server}#lost", settings=IndexSettings(kind="postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute('DROP SCHEMA "lost" CASCADE')
    with pytest.raises(LangueError, match="the database cannot do that to the index lost: UndefinedTable"):
        index.search("river")
    with pytest.raises(LangueError, match="has no document row-1"):
        index.delete(["row-1"])
    with pytest.raises(LangueError, match=r"there is no index in .* any more"):
        index.add(rows(1))
    index.store._connection.close()
    with pytest.raises(LangueError, match="the database cannot do that"):
        index.store.read()
