"""What is lost of texts is said: characters that a tokenizer does not know, and the ends of texts that are too long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import langue
from langue import cli
from langue.account import TextAccount, collected
from langue.errors import LangueError
from langue.experiment import train
from langue.tasks.recipes import read_recipe
from langue.text import TokenizerSettings, train_tokenizer

SMALL = {
    "model": {"layers": 1, "width": 16, "heads": 2, "context": 32},
    "training": {"steps": 2, "batch_size": 2, "device": "cpu", "warmup_steps": 0},
    "samples": {"max_tokens": 0},
}
ENGLISH = ["the old king", "saw a red boat", "on the sea", "and sang of", "long lost days", "a boat", "the sea", "king"]
RUSSIAN = [
    "старый король",
    "видел красную лодку",
    "на море",
    "и пел о",
    "давно ушедших днях",
    "лодка",
    "море",
    "король",
]
LONG = "the old king saw a red boat on the sea"


def row(task: str, text: str, number: int) -> dict:
    return {
        "classify": {"text": text, "label": str(number % 2)},
        "embed": {"anchor": text, "positive": text[::-1]},
        "translate": {"source": text, "target": text[::-1]},
        "summarize": {"text": text, "summary": text[:5]},
        "answer": {"context": text, "question": text, "answer": text.split()[0]},
        "tag": {"tokens": text.split(), "tags": ["O"] * (len(text.split()) - 1) + ["B-P"]},
    }[task]


def recipe(folder: Path, task: str, texts: list[str], **more):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row(task, text, n)) + "\n" for n, text in enumerate(texts)))
    form = "seq2seq" if task in ("translate", "summarize") else "encoder"
    data = {"train": str(folder / "rows.jsonl"), "dev": None, **more.pop("data", {})}
    return read_recipe({**SMALL, "task": task, "model": {**SMALL["model"], "form": form}, "data": data, **more})


TASKS = ["classify", "embed", "translate", "summarize", "answer", "tag"]


@pytest.fixture(scope="module")
def english(tmp_path_factory) -> Path:
    """The folder of a tokenizer of English letters."""
    folder = tmp_path_factory.mktemp("english")
    train_tokenizer(TokenizerSettings(kind="char"), ENGLISH).save(folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, Path]:
    """A run of each task that has read English letters."""
    runs = {}
    for task in TASKS:
        folder = tmp_path_factory.mktemp(task)
        train(recipe(folder, task, ENGLISH, tokenizer={"kind": "char"}), folder / "run", report=False)
        runs[task] = folder / "run"
    return runs


@pytest.mark.parametrize("task", TASKS)
def test_no_task_learns_from_texts_that_its_tokenizer_does_not_know(task, english, tmp_path):
    strange = recipe(tmp_path, task, RUSSIAN, tokenizer={"path": str(english)})
    with pytest.raises(LangueError, match=r"does not fit .*rows\.jsonl: \d\d% of the characters are unknown to it"):
        train(strange, tmp_path / "run", report=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", TASKS)
def test_no_task_is_measured_by_texts_that_its_tokenizer_does_not_know(task, tmp_path):
    strange = "".join(json.dumps(row(task, text, n)) + "\n" for n, text in enumerate(RUSSIAN))
    (tmp_path / "dev.jsonl").write_text(strange)
    data = {"dev": str(tmp_path / "dev.jsonl")}
    made = recipe(tmp_path, task, ENGLISH, data=data, tokenizer={"kind": "char"})
    with pytest.raises(LangueError, match=r"does not fit the dev (rows|pairs): \d\d% of the characters are unknown"):
        train(made, tmp_path / "run", report=False)


def judge(model, text: str):
    return model.answer(text, text) if model.name == "answer" else model.predict([text])


@pytest.mark.parametrize("task", TASKS)
def test_a_verb_says_which_share_it_did_not_read(task, trained, capsys):
    model = langue.load(trained[task])
    judge(model, "the king")
    assert capsys.readouterr().err == ""
    judge(model, "the жжжж")
    assert capsys.readouterr().err.count("characters (50.0%) are unknown to the tokenizer and lost, such as ") == 1


@pytest.mark.parametrize("task", ["classify", "embed"])
def test_a_verb_says_once_how_many_texts_were_cut(task, trained, tmp_path, capsys):
    (tmp_path / "many.txt").write_text("\n".join(["king", *[LONG] * 3]))
    out = ["--out", str(tmp_path / "vectors.npy")] if task == "embed" else []
    for more in ([], out):
        assert cli.run([task, str(trained[task]), "--file", str(tmp_path / "many.txt"), *more]) == 0
        said = capsys.readouterr().err
        assert said.count("3 of 4 texts were longer than the context of 32 tokens and were cut\n") == 1


def test_several_calls_of_a_command_are_told_together(trained, capsys):
    model = langue.load(trained["translate"])
    with collected() as account:
        for _ in range(2):
            model.rewrite([LONG, "king"], long="cut")
    assert account.warnings() == ["2 of 4 texts were longer than the context of 32 tokens and were cut"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("task", ["classify", "embed", "summarize"])
def test_training_says_how_many_texts_were_cut(task, tmp_path, capsys):
    train(recipe(tmp_path, task, [*ENGLISH, LONG], tokenizer={"kind": "char"}), tmp_path / "run", report=False)
    sides = {"classify": (1, 9), "embed": (2, 18), "summarize": (1, 18)}[task]
    sentence = "{} of {} texts were longer than the context of 32 tokens and were cut\n".format(*sides)
    assert capsys.readouterr().err.count(sentence) == 1


def test_a_question_that_is_cut_is_told_as_well(tmp_path, capsys):
    made = recipe(tmp_path, "answer", ENGLISH, tokenizer={"kind": "char"}, answer={"question_tokens": 5})
    train(made, tmp_path / "run", report=False)
    assert "7 of 8 texts were longer than the 5 tokens of a question and were cut" in capsys.readouterr().err


def test_a_tokenizer_that_loses_its_own_text_is_refused(tmp_path, capsys):
    text = "".join(chr(0x4E00 + n % 900) for n in range(3000))
    (tmp_path / "text.txt").write_text(text)
    learn = ["tokenizer", "train", str(tmp_path / "text.txt"), "--kind", "wordpiece", "--out", str(tmp_path / "new")]
    assert cli.run([*learn, "--vocab-size", "300"]) == 2
    said = capsys.readouterr().err
    assert "a wordpiece tokenizer of 300 tokens does not know " in said
    assert "of the characters of its own text, such as " in said
    assert "larger vocab_size, or take the kind byte-bpe" in said
    assert not (tmp_path / "new").exists()
    assert cli.run([*learn, "--vocab-size", "2000"]) == 0
    assert "unknown" not in capsys.readouterr().err


def test_a_tokenizer_that_loses_little_of_its_text_says_so(capsys):
    letters = [chr(0x4E00 + n) for n in range(400)]
    texts = [letter * 60 for letter in letters[:140]] + ["".join(letters[140:])]
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=300), texts)
    lost = sum(map(len, tokenizer.unknown_parts(texts)))
    assert 0 < lost < 0.1 * 8660
    assert f"{lost:,} of 8,660 characters ({lost / 8660:.1%}) are unknown to the tokenizer" in capsys.readouterr().err


def test_an_account_takes_in_another():
    one, other = TextAccount(), TextAccount()
    for account in (one, other):
        account.characters, account.lost, account.split = 10, 2, 1
        account.often_lost.update(["ж", "ж"])
        account.measure(5, 4, "a limit")
    one.add(other)
    assert (one.characters, one.lost, one.split, one.often_lost["ж"]) == (20, 4, 2, 4)
    assert (one.texts["a limit"], one.cut["a limit"]) == (2, 2)
