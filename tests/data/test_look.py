"""A look at data: everything that comes in is counted, and what a training would leave out is what it does leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelled_rows import sentences, write_rows
from langue.data import Tally
from langue.data.labelled import read_labelled
from langue.data.look import look_at
from langue.data.look_words import headline, languages, warnings
from langue.data.parallel import read_pairs, without_empty
from langue.data.settings import PairDataSettings, TableDataSettings
from langue.errors import LangueError
from langue.tasks.classify.data import label_of
from pair_rows import pairs
from spoken_rows import write_spoken


def table(folder: Path, rows: list[Any], name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_rows_columns_and_labels_are_counted(tmp_path: Path) -> None:
    rows = sentences(60)
    seen = look_at([str(write_rows(tmp_path / "rows.jsonl", rows))])
    assert (seen.rows, seen.task, seen.whole) == (60, "classify", True)
    assert seen.column("label").counts == {name: sum(row["label"] == name for row in rows) for name in ("good", "bad")}
    assert list(seen.column("text").words) == [len(row["text"].split()) for row in rows]
    assert seen.characters == sum(len(row["text"]) for row in rows)
    assert "60 rows; text from column text, label from column label; labels" in headline(seen)


def test_a_text_is_read_by_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "One line of the text that is read.\n\nAnother line, which comes twice in it.\n" * 2
    )
    seen = look_at([str(tmp_path / "a.txt")])
    assert (seen.kind, seen.rows, seen.task, seen.repeated) == ("text", 4, "generate", 2)
    assert not seen.left_out.records
    assert len(seen.letters) == len(set("One line of the text that is read. Another line, which comes twice in it."))


def test_what_came_before_is_counted_and_so_is_what_contradicts_it(tmp_path: Path) -> None:
    rows = [{"text": f"this is text number {n % 8}", "label": "ab"[n % 8 == 0 and n > 10]} for n in range(24)]
    seen = look_at([table(tmp_path, rows)])
    assert (seen.repeated, seen.contradicted) == (16, 1)
    assert "duplicates: 16 rows (66.7 %) whose text came before, 1 of them with another label" in warnings(seen)


def test_conversations_are_compared_by_all_that_is_said_and_recordings_by_their_sound(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello\x07"}]
    seen = look_at([table(tmp_path, [{"messages": talk}, {"messages": talk}, {"messages": talk[:1] * 2}])])
    assert (seen.task, seen.repeated, [count for count, _ in seen.odd.values()]) == ("chat", 1, [2])
    spoken = [{"audio": f"{number % 3}.wav", "text": "yes"} for number in range(4)]
    assert look_at([table(tmp_path, spoken, "spoken.jsonl")]).repeated == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a bell\x07 rings", "control characters"),
        ("a � in a text", "replacement characters"),
        ("a cafÃ© in Paris", "wrong encoding"),
        ("a soft\u00adhyphen", "invisible"),
        ("a sign \ue001 of ours", "private use"),
        ("Tom &amp; Jerry<br>", "HTML"),
    ],
)
def test_odd_characters_are_named_with_their_first_place(text: str, name: str, tmp_path: Path) -> None:
    seen = look_at([table(tmp_path, [{"text": "nothing odd in this: «ä» € 中文 🙂"}, {"text": text}, {"text": text}])])
    (odd,) = seen.odd.items()
    assert name in odd[0]
    assert odd[1] == (2, f"{tmp_path / 'rows.jsonl'}, line 2")


def test_pairs_lose_what_a_training_loses(tmp_path: Path) -> None:
    rows = [{"source": a, "target": b} for a, b in pairs(20)]
    path = table(tmp_path, [*rows, {"source": "one", "target": ""}, {"source": "", "target": ""}, "{broken"])
    tally = Tally()
    read = read_pairs(PairDataSettings(train=path, dev=None), "train", ("source", "target"))
    kept = list(tally.sift(without_empty(read, duplicates=True)))
    seen = look_at([path])
    assert seen.left_out.records == tally.records
    assert len(kept) == seen.rows - 2


def test_a_table_that_a_training_refuses_is_said_to_be_so(tmp_path: Path) -> None:
    path = table(tmp_path, [*sentences(30), {"text": "a text without a label", "label": None}])
    read = list(read_labelled(path, TableDataSettings(train=path)))
    with pytest.raises(LangueError, match="label is empty"):
        label_of(read[-1])
    seen = look_at([path])
    assert dict(seen.left_out.records) == {"label is empty": 1}
    assert "a training stops at it: 1 row, label is empty" in warnings(seen)[0]


def test_a_folder_of_recordings_is_read_with_the_texts_beside_them(tmp_path: Path) -> None:
    write_spoken(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    (tmp_path / "clips").mkdir()
    for number, row in enumerate(rows):
        (tmp_path / row["audio"]).rename(tmp_path / "clips" / f"{number}.wav")
        (tmp_path / "clips" / f"{number}.txt").write_text(row["text"] + "\n")
    (tmp_path / "clips" / "without.wav").write_bytes(b"")
    (tmp_path / "clips" / "3.wav").write_bytes(b"no sound")
    seen = look_at([str(tmp_path / "clips")])
    assert (seen.kind, seen.rows, seen.task) == ("recordings", len(rows), "transcribe")
    assert seen.seconds > 0
    assert seen.left_out.records == {"recording cannot be read": 1}
    read = list(read_labelled(str(tmp_path / "clips"), TableDataSettings(train=str(tmp_path / "clips"))))
    assert sorted(row.values["text"] for row in read) == sorted(row["text"] for row in rows)


def test_characters_are_those_of_all_that_is_learnt_from(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]
    seen = look_at([table(tmp_path, [{"id": "a name", "messages": talk}] * 3)])
    assert seen.characters == 3 * len("user" + "Hello" + "assistant" + "Good day")


def test_the_first_rows_alone_can_be_looked_at(tmp_path: Path) -> None:
    seen = look_at([str(write_rows(tmp_path / "rows.jsonl", sentences(60)))], most=10)
    assert (seen.rows, seen.whole) == (10, False)
    assert headline(seen).startswith(f"{tmp_path / 'rows.jsonl'}: the first 10 rows")


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(LangueError, match="nothing to learn from"):
        look_at([str(tmp_path / "empty.txt")])


def test_languages_are_told_where_something_tells_them(tmp_path: Path) -> None:
    rows = [
        {"source": "The house stands beside the river.", "target": "Das Haus steht neben dem Fluss und ist schön."}
        for _ in range(5)
    ]
    said = languages(look_at([table(tmp_path, rows)]))
    try:
        import py3langid  # noqa: F401
    except ImportError:
        assert "pip install 'langue[clean]'" in said
    else:
        assert "source en 100 %; target de 100 %" in said
