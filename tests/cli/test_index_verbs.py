"""`langue index …` and `langue demo search`: what is printed, and what is said about mistakes."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
from tests.search.small import Counting, rows

from langue.cli import run
from langue.data.embedded import embedded_docstrings
from langue.models import ModelConfig, build, save_model
from langue.models.config import ClassifierConfig
from langue.search import Index
from langue.search.rerank import fuse, judge
from langue.text import TokenizerSettings, train_tokenizer
from ready_python import ready_python

HEAVY = {"torch", "lancedb", "pandas", "pyarrow", "tokenizers", "transformers"}
"""Libraries that take longer to import than a search for words takes."""


@pytest.fixture
def folder(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "garden.txt").write_text("Roses need sun. Water the cactus rarely. Orchids want shade.")
    (docs / "kitchen.md").write_text("# Bread\n\nKnead the dough well. Let it rest for an hour.")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 no more")
    rows = [
        {"id": "a1", "text": "The engine is loud.", "year": 2019},
        {"id": "a2", "text": "The engine is new.", "year": 2023},
    ]
    (docs / "cars.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return docs


def test_an_index_is_built_searched_changed_and_described(folder, tmp_path, capsys):
    place = str(tmp_path / "index")
    assert run(["index", "build", str(folder), "--out", place, "--kind", "memory"]) == 1  # one could not be read
    said = capsys.readouterr().out
    assert "4 documents in 4 passages" in said
    assert f"left out, unreadable PDF: 1 ({folder}/broken.pdf)" in said
    assert run(["index", "search", place, "water a cactus"]) == 0
    found = capsys.readouterr()
    assert found.out.startswith(f"1. {folder}/garden.txt [0:60]  ")
    assert "Roses need sun. ⟦Water the cactus rarely.⟧ Orchids want shade." in found.out
    assert "1 of 4 passages in " in found.err
    assert "for the model" not in found.err
    assert run(["index", "search", place, "engine", "--where", "year>=2020", "--json"]) == 0
    [hit] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (hit["document"], hit["start"], hit["end"], hit["sentence"]) == ("a2", 0, 18, [0, 18])
    assert hit["metadata"] == {"source": f"{folder}/cars.jsonl", "year": 2023}
    assert run(["index", "search", place, "the", "--k", "1", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    (tmp_path / "more.txt").write_text("An engine of bread.")
    assert run(["index", "add", place, str(tmp_path / "more.txt"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["documents"], said["change"]["added"]) == (5, 1)
    assert run(["index", "delete", place, "a1"]) == 0
    assert "4 documents in 4 passages\n0 added, 0 replaced, 0 unchanged, 1 deleted" in capsys.readouterr().out
    assert run(["index", "info", place]) == 0
    told = capsys.readouterr().out
    assert "documents can be filtered by source (text), year (number)" in told
    assert "no model: passages are found by their words alone" in told
    assert run(["index", "info", place, "--verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["kind"] == "memory"


def test_a_search_for_words_alone_imports_nothing_that_it_can_do_without(folder, tmp_path, capsys):
    place = str(tmp_path / "index")
    assert run(["index", "build", str(folder), "--out", place]) == 1
    arguments = ["index", "search", place, "cactus", "--where", "source!=x"]
    code = f"import sys; from langue.cli import run; run({arguments!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "⟦Water the cactus rarely.⟧" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_options_may_stand_anywhere_among_documents(folder, tmp_path, capsys):
    place, docs = str(tmp_path / "index"), [str(folder / name) for name in ("garden.txt", "kitchen.md", "cars.jsonl")]
    assert run(["index", "build", docs[0], "--out", place, "--kind", "memory", docs[1]]) == 0
    assert run(["index", "add", place, "--json", docs[0], "--device", "cpu", docs[2]]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["documents"] == 4
    assert run(["index", "delete", place, "a1", "--json", "a2"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 2


BAD = {
    "marked.html": b"<![foo[ x ]]>\xff",
    "undefined.html": b"<meta charset=undefined>\xff",
    "end.pdf": b"%PDF-1.4\n1 0 obj\n<<",
    "zip.pdf": b"PK\x03\x04",
    "rows.jsonl": b'{"text": "\\ud800"}\n',
    "deep.jsonl": b"[" * 100_000,
    "big.jsonl": b'{"text": "x", "id": "\\udfff", "n": ' + b"9" * 5000 + b"}\n",
    "table.csv": b"id,text\n1\n",
    "odd.tsv": b"text\nx\ty\n",
    "no.parquet": b"PAR1PAR1",
    "sixteen.md": b"\xff\xfeh\0i\0",
    "zero.txt": b"a\0b",
}


@pytest.mark.parametrize("name", BAD)
def test_one_document_that_cannot_be_read_stops_no_other(tmp_path, name, capsys):
    docs, place = tmp_path / "docs", str(tmp_path / "index")
    docs.mkdir()
    (docs / name).write_bytes(BAD[name])
    assert run(["index", "build", str(docs), "--out", place, "--kind", "memory"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    (docs / "good.txt").write_text("Sound.")
    assert run(["index", "build", str(docs), "--out", place, "--kind", "memory"]) == 1
    said = capsys.readouterr().out
    assert "1 document in 1 passage" in said
    assert f"({docs}/{name})" in said
    assert run(["index", "search", place, "sound"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--out", "{place}"], "DOCS requires an argument"),
        (["build", "{empty}", "--out", "{place}"], "holds no .txt"),
        (
            ["build", "{docs}", "--out", "{place}", "--size", "1"],
            "--size: input should be greater than or equal to 40, got 1",
        ),
        (["build", "{docs}", "--out", "{docs}"], "is there and is no index"),
        (["build", "{docs}", "--out", "postgresql://nobody@127.0.0.1:1/none"], "the database does not answer"),
        (["build", "{docs}", "--out", "{place}", "--model", "{empty}"], ""),
        (["search", "{place}", "x"], "there is no index in"),
        (["search", "{made}", " "], "the query is empty"),
        (["search", "{made}", "x", "--where", "year"], "FIELD OPERATOR VALUE"),
        (["search", "{made}", "x", "--where", "yaer>2020"], "did you mean 'year'?"),
        (["search", "{made}", "x", "--where", "year>soon"], "'year' is a number"),
        (["search", "{made}", "x", "--mode", "dense"], "made without a model"),
        (["search", "{made}", "x", "--k", "0"], "ask for 1 or more"),
        (["delete", "{made}", "nothing"], "has no document nothing"),
        (["delete", "{made}"], "IDS requires an argument"),
    ],
)
def test_a_mistake_is_one_sentence(folder, tmp_path, capsys, words, said):
    (tmp_path / "empty").mkdir()
    places = {"docs": folder, "empty": tmp_path / "empty", "place": tmp_path / "place", "made": tmp_path / "made"}
    Index.build(folder / "cars.jsonl", places["made"])
    capsys.readouterr()
    assert run(["index", *(word.format(**places) for word in words)]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.strip().splitlines()) == 1


def test_the_demo_searches_the_library_and_its_commands_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["demo", "search"]) == 0
    printed = capsys.readouterr().out
    assert "No model was given" in printed
    assert "1. collections.Counter.most_common [" in printed
    assert "1. shlex.split [0:58]" in printed
    assert run(["demo", "search", "--query", "Split the string using shell-like syntax"]) == 0
    printed = capsys.readouterr().out
    assert "1. shlex.split" in printed
    for line in printed.split("Try next:")[1].splitlines()[1:3]:
        assert run(shlex.split(line)[1:]) == 0
        assert capsys.readouterr().out


def test_docstrings_know_what_they_are_about():
    found = {each.name: each for each in embedded_docstrings()}
    assert found["json.loads"].kind == "function"
    assert found["json.decoder.JSONDecoder.decode"].module == "json.decoder"
    assert found["json"].line == 1
    assert found["collections.Counter"].kind == "class"
    assert not any(name.startswith("test.") for name in found)


def test_reciprocal_ranks_are_added_up():
    first, second = [(7, 9.0), (3, 5.0), (5, 1.0)], [(3, 0.9), (8, 0.5)]
    expected = [(3, 1 / 4 + 1 / 3), (7, 1 / 3), (8, 1 / 4), (5, 1 / 5)]
    found = fuse(first, second)
    assert [key for key, _ in found] == [key for key, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


class Judge:
    """What `langue.load` gives for a model that classifies pairs, as far as reranking asks."""

    def __init__(self, kind):
        self.kind = kind
        self.settings = type("Settings", (), {"labels": ("no", "yes")})

    def classify(self, pairs, scores=False):
        values = [float(len(text)) for _, text in pairs]
        return [{"scores": {"no": -value, "yes": value}} for value in values] if scores else values


@pytest.mark.parametrize(
    "rerank", [Judge("number"), Judge("label"), lambda query, texts: [len(text) for text in texts]]
)
def test_a_reranker_has_the_last_word(tmp_path, rerank):
    given = rows(30)
    index = Index.build(given, tmp_path / "index", Counting())
    assert judge(rerank, "q", ["a", "abc"]).tolist() == [1, 3]
    found = index.search("a river", 5, rerank=rerank)
    longest = sorted((len(row["text"].strip()) for row in given), reverse=True)[:5]
    assert [hit.score for hit in found] == longest
    assert [len(hit.text) for hit in found] == longest


def test_many_questions_are_asked_of_a_file_or_a_pipe(folder, tmp_path, capsys, monkeypatch):
    place = str(tmp_path / "index")
    run(["index", "build", str(folder), "--out", place])
    questions = tmp_path / "questions.txt"
    questions.write_bytes(b"cactus\n\nengine\n\xff\n")
    capsys.readouterr()
    assert run(["index", "search", place, "--file", str(questions), "--k", "1", "--json"]) == 1  # one is no UTF-8
    found = capsys.readouterr()
    assert [json.loads(line)["query"] for line in found.out.splitlines()] == ["cactus", "engine"]
    assert f"{questions}, line 4: invalid UTF-8" in found.err
    monkeypatch.setattr("sys.stdin", io.StringIO("cactus\n\ndough\n"))
    assert run(["index", "search", place]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("──")] == ["── cactus", "── dough"]
    assert run(["index", "search", place, "cactus", "--file", str(questions)]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_at_a_terminal_one_asks_again_and_again(folder, tmp_path):
    pty = pytest.importorskip("pty")
    place = str(tmp_path / "index")
    run(["index", "build", str(folder), "--out", place])
    ours, theirs = pty.openpty()
    command = [*ready_python(), "-m", "langue", "index", "search", place]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as shell:
        os.write(ours, b"cactus\nyear\n" + b"\n" + b"engine\n\x04")
        said, _ = shell.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert shell.returncode == 0
    assert "Look for something in 4 passages; Ctrl-D ends." in said
    assert said.count("── ") == 3
    assert "⟦Water the cactus rarely.⟧" in said


def test_a_watch_looks_once_or_until_it_is_stopped(folder, tmp_path, capsys):
    place = str(tmp_path / "index")
    assert run(["index", "watch", str(folder), "--out", place, "--once"]) == 1  # one could not be read
    assert "4 documents in 4 passages\n4 added" in capsys.readouterr().out
    (folder / "broken.pdf").unlink()
    assert run(["index", "watch", str(folder), "--out", place, "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["change"]["unchanged"] == 4
    # A shell lets what it runs in the background ignore Ctrl-C, and so would the command that inherits it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [*ready_python(), "-m", "langue", "index", "watch", str(folder), "--out", place, "--every", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert "4 documents" in watch.stdout.readline()
        assert "4 unchanged" in watch.stdout.readline()
        (folder / "new.txt").write_text("A tulip.")
        assert "5 documents" in watch.stdout.readline()
        assert "1 added" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 0
    assert run(["index", "search", place, "tulip"]) == 0
    assert "⟦A tulip.⟧" in capsys.readouterr().out


def test_an_answer_names_its_passage(folder, tmp_path, capsys):
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    model = build(
        ModelConfig(
            form="encoder",
            layers=1,
            width=16,
            heads=2,
            context=256,
            vocab_size=tokenizer.vocab_size,
            classifier=ClassifierConfig(outputs=2, level="position"),
        )
    )
    save_model(model, tmp_path / "model")
    tokenizer.save(tmp_path / "model")
    place = str(tmp_path / "index")
    run(["index", "build", str(folder), "--out", place])
    capsys.readouterr()
    asked = ["index", "ask", place, "Which engine is new?", "--model", str(tmp_path / "model")]
    assert run([*asked, "--json"]) == 0
    reply = json.loads(capsys.readouterr().out)
    [cited] = reply["citations"]
    start, end = cited["sentence"]
    assert cited["text"][start:end] == reply["answer"]
    assert run(asked) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{reply['answer']}\n\n[{cited['number']}] {cited['document']} [0:")
    assert f"⟦{reply['answer']}⟧" in said
    assert run(["index", "ask", place, "unfindable", "--model", str(tmp_path / "model")]) == 0
    assert capsys.readouterr().out == "no passage answers that\n\n"
