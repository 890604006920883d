"""`langue data …` from the command line."""

import json

import pytest

from langue.cli import run
from langue.data import TokenStore
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("Erste Zeile\nzweite Zeile äöü\n".encode() + b"\xff\xfe\n")
    train_tokenizer(TokenizerSettings(kind="byte"), []).save(tmp_path / "tokenizer")
    return path


def prepare(text, out, *more) -> int:
    named = ["--tokenizer", str(text.parent / "tokenizer"), "--out", str(out)]
    allowed = [] if "--max-dropped" in more else ["--max-dropped", "0.4"]
    return run(["data", "prepare", str(text), *named, *allowed, *more])


def test_what_would_be_lost_and_how_to_allow_it_is_said(text, tmp_path, capsys):
    assert prepare(text, tmp_path / "store", "--max-dropped", "0.05") == 2
    said = capsys.readouterr().err
    assert "33.3% of" in said
    assert "1 invalid UTF-8, 3 bytes (the largest: " in said
    assert "convert the file to UTF-8, or allow it by --max-dropped 0.34" in said
    tokenizer = ["tokenizer", "train", str(text), "--kind", "char", "--out", str(tmp_path / "new")]
    assert run(tokenizer) == 2
    assert "33.3% of" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert run([*tokenizer, "--max-dropped", "0.34"]) == 0
    assert "left out: 1 invalid UTF-8" in capsys.readouterr().err


def test_prepare_verify_and_inspect(text, tmp_path, capsys):
    store = tmp_path / "store"
    assert prepare(text, store, "--documents", "line") == 0
    said = capsys.readouterr().out
    assert "read 3 records, 35 bytes; kept 2, 32 bytes" in said
    assert "left out, invalid UTF-8: 1 records, 3 bytes" in said
    assert TokenStore.open(store).documents == 2

    assert run(["data", "verify", str(store)]) == 0
    assert "is whole" in capsys.readouterr().out

    assert run(["data", "inspect", str(store), "--tokenizer", str(tmp_path / "tokenizer"), "--document", "1"]) == 0
    assert capsys.readouterr().out.endswith("\nzweite Zeile äöü\n")

    assert run(["data", "inspect", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 2


def test_options_may_stand_anywhere_among_files(text, tmp_path, capsys):
    other = tmp_path / "other.txt"
    other.write_text("third line\n")
    named = ["--tokenizer", str(tmp_path / "tokenizer"), "--max-dropped", "0.4"]
    arguments = ["data", "prepare", str(text), *named, str(other), "--out", str(tmp_path / "store")]
    assert run(arguments) == 0
    assert TokenStore.open(tmp_path / "store").documents == 2
    learn = ["tokenizer", "train", "--kind", "char", str(text), "--max-dropped", "0.4", str(other)]
    assert run([*learn, "--out", str(tmp_path / "char")]) == 0
    letters = Tokenizer.load(tmp_path / "char")
    assert letters.decode(letters.encode("Zeile third")) == "Zeile third"
    capsys.readouterr()
    assert (
        run(["tokenizer", "report", str(tmp_path / "char"), str(other), "--json", "--max-dropped", "0.4", str(text)])
        == 0
    )
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_changed_byte_is_named(text, tmp_path, capsys):
    assert prepare(text, tmp_path / "store") == 0
    shard = tmp_path / "store" / "shard-00000.bin"
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    capsys.readouterr()
    assert run(["data", "verify", str(tmp_path / "store")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("langue: ")
    assert "shard-00000.bin is damaged" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prepare", "missing.txt", "--tokenizer", "tokenizer", "--out", "out"], "there is no file missing.txt"),
        (["prepare", "text.txt", "--tokenizer", "nowhere", "--out", "out"], "nowhere holds no tokenizer"),
        (["prepare", "--tokenizer", "tokenizer", "--out", "out"], "FILES"),
        (
            ["prepare", "text.txt", "--tokenizer", "tokenizer", "--out", "out", "--max-line-bytes", "0"],
            "--max-line-bytes: input should be greater than or equal to 1, got 0",
        ),
        (["prepare", "text.txt", "--tokenizer", "tokenizer", "--out", "text.txt"], "text.txt already exists"),
        (["verify", "nowhere"], "nowhere holds no token store"),
        (["inspect", "nowhere"], "nowhere holds no token store"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(text, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(text.parent)
    assert run(["data", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert sorted(path.name for path in text.parent.iterdir()) == ["text.txt", "tokenizer"]


def test_a_document_that_is_not_there_is_a_sentence(text, tmp_path, capsys):
    assert prepare(text, tmp_path / "store") == 0
    asked = ["data", "inspect", str(tmp_path / "store"), "--tokenizer", str(tmp_path / "tokenizer"), "--document", "7"]
    assert run(asked) == 2
    assert "has documents 0 to 0, but no 7" in capsys.readouterr().err


def test_unigram_without_nfkc_gives_every_text_back(tmp_path):
    (tmp_path / "plain.txt").write_text("the old king saw a red boat\n" * 20)
    learn = ["tokenizer", "train", str(tmp_path / "plain.txt"), "--kind", "unigram", "--vocab-size", "300"]
    assert run([*learn, "--no-nfkc", "--out", str(tmp_path / "exact")]) == 0
    tokenizer = Tokenizer.load(tmp_path / "exact")
    assert tokenizer.decode(tokenizer.encode("ﬁ ① é")) == "ﬁ ① é"
