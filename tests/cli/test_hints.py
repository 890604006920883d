"""Hints: a command that one names can be pasted, and all that is missing is named at once."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

import langue
from langue import cli
from langue.cli.inputs import Faults
from langue.cli.verbs import VERBS, Verb
from langue.data.labelled import missing_columns
from langue.errors import LangueError
from langue.experiment import RunFolder
from langue.models import ModelConfig, build, save_model
from langue.tasks.recipes import recipe_class
from langue.tasks.table import TASKS
from langue.text import TokenizerSettings, train_tokenizer
from tiny import text, write_tiny

SOURCES = sorted(Path(langue.__file__).parent.rglob("*.py"))


def sentences() -> list[tuple[str, str]]:
    """All texts of the package that speak to a user, with what is filled in as ·, and where each stands."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in notes | inner:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "·" for part in node.values]
                found.append((f"{path.name}:{node.lineno}", "".join(map(str, parts))))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append((f"{path.name}:{node.lineno}", node.value))
    return found


def test_no_command_in_a_sentence_hides_a_part_of_itself():
    for place, sentence in sentences():
        for command in re.findall(rf"langue (?:{'|'.join(VERBS)})\b[^\n;,)]*", sentence):
            assert "…" not in command, (place, sentence)
        assert "say so again" not in sentence, place


def test_every_verb_in_a_sentence_is_one():
    for place, sentence in sentences():
        for verb, second in re.findall(r"(?:: |by |with |, then |^|\n  )langue ([a-z]+)\b(?: ([a-z]+)\b)?", sentence):
            assert verb in VERBS, (place, sentence)
            inner = VERBS[verb]
            assert isinstance(inner, Verb) or not second or second in inner, (place, sentence)


VERB_LIST = [(name, *([] if isinstance(verb, Verb) else [inner])) for name, verb in VERBS.items()
             for inner in ([""] if isinstance(verb, Verb) else verb)]  # fmt: skip
"""All verbs, as they are typed: `("tokenizer", "train")`."""

RECIPE_VERBS = [("train",), ("plan",), ("race",)]


def options_of(verb: tuple[str, ...]) -> set[str]:
    """The options of a verb, with their dashes."""
    app = cli._app(VERBS, "langue")
    for name in verb:
        app = app[name]
    return {name for argument in app.assemble_argument_collection() for name in argument.names if name[:2] == "--"}


def has(verb: tuple[str, ...], option: str) -> bool:
    """Whether a verb has an option, which may be a field of its recipe."""
    if "." not in option:
        return option in options_of(verb)
    return verb in RECIPE_VERBS and any(is_field(option, recipe_class(task)) for task in TASKS)


def is_field(option: str, place: type) -> bool:
    """Whether an option is a field of a recipe, by its dotted name."""
    for name in option.removeprefix("--").split("."):
        field = getattr(place, "model_fields", {}).get(name)
        if field is None:
            return False
        kinds = [field.annotation, *get_args(field.annotation)]
        place = next((kind for kind in kinds if hasattr(kind, "model_fields")), str)
    return True


TRAINS = [("train",)]
READS_FILES = [(name,) for name in ("generate", "classify", "answer", "tag", "fill", "translate", "summarize", "embed")]
SPOKEN_BY = {
    "--adapter": [
        *((name,) for name in ("evaluate", "compare", "play", "transcribe", "export", "serve")),
        *READS_FILES[:-1],
        ("embed",),
    ],
    "--adapt.base": RECIPE_VERBS,
    "--adapt.rank": [("train",), ("plan",)],
    "--columns": [("evaluate",), ("compare",), ("classify",), ("tag",), ("answer",)],
    "--at-most": [("shrink",)],
    "--calibrate": [("shrink",)],
    "--context": [("answer",)],
    "--cors": [("serve",)],
    "--data": [("evaluate",)],
    "--data.columns": RECIPE_VERBS,
    "--data.dev": RECIPE_VERBS,
    "--data.train": RECIPE_VERBS,
    "--ensemble": [("translate",)],
    "--draft": [("serve",)],
    "--environment": [("evaluate",)],
    "--episodes": [("evaluate",), ("play",)],
    "--least": [("data", "align")],
    "--file": [*READS_FILES, ("transcribe",)],
    "--format": [("export",), ("push",), ("transcribe",)],
    "--distill.what": RECIPE_VERBS,
    "--host": [("serve",)],
    "--json": [("transcribe",)],
    "--keep": [("shrink",)],
    "--key-file": [("serve",)],
    "--language": [("evaluate",)],
    "--language-model": [("transcribe",)],
    "--method": [("shrink",)],
    "--metadata": [("index", "build")],
    "--mistakes": [("transcribe",), ("evaluate",)],
    "--model": [("index", name) for name in ("build", "add", "search", "mine")],
    "--model.context": RECIPE_VERBS,
    "--model.audio.strides": [("train",), ("plan",)],
    "--no-key": [("serve",)],
    "--precision": [("evaluate",)],
    "--out": [("train",), ("race",), ("average",), ("shrink",), ("transcribe",), ("index", "build")],
    "--port": [("serve",)],
    "--predictions": [("evaluate",)],
    "--question": [("answer",)],
    "--rerank": [("evaluate",)],
    "--rerank-depth": [("evaluate",)],
    "--resume": TRAINS,
    "--scores": [("summarize",)],
    "--seeds": TRAINS,
    "--set": RECIPE_VERBS,
    "--source-language": [("translate",)],
    "--split": [("evaluate",)],
    "--start-from": [("train",), ("plan",)],
    "--suite": [("evaluate",)],
    "--target-language": [("summarize",)],
    "--to": [("shrink",)],
    "--text": [("evaluate",), ("index", "build")],
    "--threshold": [("classify",)],
    "--tokenizer": [("data", "inspect")],
    "--tokenizer.path": RECIPE_VERBS,
    "--training.batch_size": RECIPE_VERBS,
    "--training.batch_tokens": RECIPE_VERBS,
    "--training.seconds": [("train",), ("plan",)],
    "--task": [],
    "--weights": [
        *((name,) for name in ("import", "generate", "chat", "summarize", "embed", "evaluate", "play", "export")),
        ("inspect", "attention"),
    ],
}
"""Which verbs can say a sentence that names an option and no verb."""


def test_an_option_in_a_sentence_is_one_of_the_verb_that_says_it():
    commands = rf"langue (?:{'|'.join(VERBS)})\b"
    for place, sentence in sentences():
        if " " not in sentence or sentence.startswith(("\n", "<")) or re.match(r" *langue |Try next", sentence):
            continue
        for match in re.finditer(r"(?<![\w-])--([a-z][\w.-]*\w)", sentence):
            option, before = match[0], sentence[: match.start()]
            named = re.match(
                r"[^;.(]*? of langue ([a-z]+)((?: or langue [a-z]+)*)(?: (build)\b)?", sentence[match.end() :]
            )
            if named is not None:
                verbs = [named[1], *re.findall(r"langue ([a-z]+)", named[2])]
                for verb in verbs:
                    assert has((verb, *([named[3]] if named[3] else [])), option), (place, sentence)
            elif not re.search(commands, before.rpartition(";")[2]):
                assert option in SPOKEN_BY, (place, sentence)
    for option, verbs in SPOKEN_BY.items():
        for verb in verbs:
            assert has(verb, option), (verb, option)


LOSING = {
    ("tokenizer", "train"): ["bad.txt --out new", "bad.jsonl --out new"],
    ("tokenizer", "report"): ["writer bad.txt", "writer bad.jsonl"],
    ("data", "prepare"): [
        "bad.txt --tokenizer writer --out new --documents line",
        "bad.jsonl --tokenizer writer --out new",
    ],
    ("train",): ["write.yaml --out new", "write.yaml --data.train bad.jsonl --out new", "pairs.yaml --out new"],
    ("plan",): ["write.yaml", "write.yaml --data.train bad.jsonl", "pairs.yaml"],
    ("race",): ["write.yaml --out new", "write.yaml --data.train bad.jsonl --out new"],
    ("evaluate",): ["writer --data bad.txt --documents line", "writer --data bad.jsonl", "rewriter --data pairs.jsonl"],
    ("summarize",): ["rewriter --file pairs.jsonl --scores"],
    ("shrink",): [
        "writer --keep layers:1 --out new --calibrate bad.txt --documents line",
        "rewriter --keep layers:1 --out new --calibrate pairs.jsonl",
    ],
    ("compare",): ["rewriter rewriter --data pairs.jsonl"],
}
"""Command lines that lose too much of their data, for each verb that counts what it loses."""

KEEPING = {("generate",), ("fill",), ("classify",), ("answer",), ("tag",), ("translate",), ("transcribe",), ("embed",)}
KEEPING |= {("index", name) for name in ("build", "add", "delete", "info", "search", "watch", "ask", "mine")} | {
    ("inspect", "attention")
}
KEEPING |= {
    ("data", "align"),
    ("data", "verify"),
    ("data", "inspect"),
    ("demo",),
    ("data", "look"),
    ("watch",),
    *(("recipe", name) for name in ("list", "show", "new", "fields")),
    ("adapter", "list"),
    ("adapter", "merge"),
    ("average",),
    ("import",),
    ("export",),
    ("push",),
    ("doctor",),
    ("play",),
    ("chat",),
    ("serve",),
}
"""Verbs that go on without what cannot be used, refuse it all, or read no data."""


def test_all_verbs_are_known_for_what_they_do_with_data_that_cannot_be_used():
    assert set(VERB_LIST) == {*LOSING, *KEEPING}
    assert not set(LOSING) & KEEPING


@pytest.mark.parametrize("verb", LOSING, ids=" ".join)
def test_a_verb_that_loses_too_much_has_the_options_that_its_sentence_names(verb, losing, monkeypatch, capsys):
    monkeypatch.chdir(losing)
    for line in LOSING[verb]:
        command = [*verb, *shlex.split(line)]
        assert cli.run(command) == 2
        said = capsys.readouterr().err.strip().split("\n")[-1]
        named = re.findall(r"--[a-z][\w.-]*\w", said)
        assert any("max" in option for option in named), (line, said)
        for option in named:
            assert has(verb, option), (line, said)
        allowed = re.search(r"allow it by (--\S+) (\S+)", said)
        assert allowed is not None, said
        if verb not in (("train",), ("race",)):  # which then take seconds
            assert cli.run([*command, allowed[1], "1"]) == 0, (line, capsys.readouterr().err)
            shutil.rmtree("new", ignore_errors=True)


def test_names_that_the_documents_use_exist():
    root = Path(__file__).parents[2]
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for program in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for name in re.findall(r"(?<!from )\blangue\.(\w+)", program):
                assert hasattr(langue, name) or find_spec(f"langue.{name}"), (page, name)
    assert langue.LangueError is LangueError
    assert "LangueError" in dir(langue)


@pytest.mark.parametrize(
    ("needed", "values", "said"),
    [
        (("text",), {"body": 1, "label": 2}, "t has no column text; it has body, label; say which it is, as in"),
        (("text", "label"), {"label": 2}, "t has no column text; it has label"),
        (("source", "target"), {}, "t has no columns source and target"),
        (("a", "b", "c"), {"b": 1}, "t has no columns a and c; it has b"),
    ],
)
def test_all_missing_columns_are_named(needed, values, said):
    assert str(missing_columns("t", needed, values)).startswith(said)


def test_the_columns_that_may_be_meant_are_named_as_an_option():
    found = str(missing_columns("t", ("text", "label"), {"labels": 1, "review": 2, "id": 3}))
    assert "say which they are, as in --data.columns '{text: review, label: labels}' of langue train" in found
    renamed = str(missing_columns("t", {"text": "body"}, {"text": 1}))
    assert renamed == "t has no column body; it has text"


ROWS = {
    "classify": [{"x": "a"}, "no columns text and label"],
    "answer": [{"x": "a"}, "no columns question and context and answers"],
    "tag": [{"x": "a"}, "no columns tokens and tags"],
    "translate": [{"x": "a"}, "no columns source and target"],
    "transcribe": [{"x": "a"}, "no columns audio and text"],
    "embed": [{"anchor": "a"}, "no column positive"],
}


@pytest.mark.parametrize("task", ROWS)
def test_a_table_without_any_of_its_columns(task, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    row, said = ROWS[task]
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 5)
    forms = {"translate": "seq2seq", "generate": "decoder"}
    recipe = {"task": task, "data": {"train": "rows.jsonl", "dev": None}, "model": {"form": forms.get(task, "encoder")}}
    (tmp_path / "recipe.yaml").write_text(json.dumps({**recipe, "tokenizer": {"kind": "byte"}}))
    assert cli.run(["train", "recipe.yaml", "--out", "run"]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def decoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hints") / "a model"
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [text()])
    tokenizer.save(folder)
    save_model(
        build(ModelConfig(vocab_size=tokenizer.vocab_size, layers=1, width=16, heads=2, context=16)), folder / "model"
    )
    return folder


def test_the_verb_that_fits_is_a_whole_command(decoder: Path, capsys):
    assert cli.run(["tag", str(decoder), "a"]) == 2
    hint = capsys.readouterr().err.strip().partition("use it by: ")[2]
    words = shlex.split(hint)
    assert words == ["langue", "generate", str(decoder)]
    assert cli.run([*words[1:], "--max-tokens", "2"]) == 0


def test_an_index_says_how_it_was_made(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("docs.txt").write_text("one two three\n")
    build_it = ["index", "build", "docs.txt", "--kind", "memory", "--out", "my index"]
    assert cli.run([*build_it, "--size", "400", "--metadata", "year"]) == 0
    assert cli.run(build_it) == 0  # what is not said is as it was
    capsys.readouterr()
    assert cli.run([*build_it, "--size", "500", "--metadata", "month"]) == 2
    options = capsys.readouterr().err.partition("was made with ")[2].partition("; ")[0]
    assert cli.run([*build_it, *shlex.split(options)]) == 0
    assert cli.run(["index", "search", "none here", "x"]) == 2
    words = shlex.split(capsys.readouterr().err.strip().partition("to make one: ")[2])
    assert words == ["langue", "index", "build", "DOCS", "--out", "none here"]


def test_all_files_that_a_run_lacks_are_named(tmp_path: Path):
    with pytest.raises(LangueError, match=r"recipe\.yaml and environment\.json are missing"):
        RunFolder(tmp_path).recipe()
    write_tiny(tmp_path)
    with pytest.raises(LangueError, match=r"folder: environment\.json is missing"):
        RunFolder(tmp_path).recipe()


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ab.jsonl").write_text('{"review": "the old king"}\n')
    Path("ab.csv").write_text("review,stars\nthe old king,1\na boat,2\n")
    for task, form in (("generate", "decoder"), ("classify", "encoder")):
        recipe = {"task": task, "model": {"form": form}, "data": {"train": "x", "dev": None}}
        Path(f"{task}.yaml").write_text(json.dumps(recipe))
    Path("words.txt").write_text("the old king saw a boat\n")
    assert cli.run(["tokenizer", "train", "words.txt", "--kind", "byte", "--out", "tokenizer"]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("embed MODEL --file ab.csv", "ab.csv, line 2 has no column text; it has review, stars; name the one that "
         "holds it, as in --column review"),
        ("generate MODEL --file ab.csv", "no column prompt; it has review, stars; name the one that holds it, as in "
         "--column review"),
        ("data prepare ab.csv --tokenizer tokenizer --out store", "as in --text review"),
        ("tokenizer train ab.csv --out new", "it has review, stars; name the one that holds the text, as in --text"),
        ("index build ab.csv --out new --kind memory", "it has review, stars; name the one that holds the text, as "
         "in --text review of langue index build"),
        ("index build ab.jsonl --out new --kind memory", "name the column that holds it, where it is not text, by "
         "--text of langue index build"),
        ("train generate.yaml --data.train ab.csv --out new", "as in --data.text review"),
        ("train classify.yaml --data.train ab.csv --out new", "as in --data.columns '{text: review, label: stars}'"),
    ],
)  # fmt: skip
def test_a_column_that_is_missing_is_named_by_the_verb_s_own_option(line, said, decoder, reviews, capsys):
    assert cli.run([str(decoder) if word == "MODEL" else word for word in line.split()]) == 2
    assert said in capsys.readouterr().err


def test_verbs_that_read_a_column_have_an_option_for_it():
    for verb in ("embed", "fill", "generate", "summarize", "translate"):
        assert has((verb,), "--column"), verb
    for verb in ("evaluate", "compare", "classify", "tag", "answer"):
        assert has((verb,), "--columns"), verb


def test_a_verb_without_such_an_option_says_what_it_can():
    error = missing_columns("t", ("text", "label"), {"review": 1, "stars": 2})
    assert (
        str(error.by(None))
        == "t has no columns text and label; it has review, stars; rename the columns that hold them"
    )
    faults = Faults("text")
    faults.note(0, "t", error)
    assert faults.reasons[0] == str(error.by(None))


def test_a_table_of_prompts_is_read_as_a_table(decoder, reviews, capsys):
    write = ["generate", str(decoder), "--max-tokens", "1", "--json", "--file"]
    for column, more in (("prompt", []), ("text", []), ("review", ["--column", "review"])):
        (reviews / "rows.csv").write_text(f"{column},n\nthe king,1\na boat,2\n")
        assert cli.run([*write, str(reviews / "rows.csv"), *more]) == 0
        assert [json.loads(row)["prompt"] for row in capsys.readouterr().out.splitlines()] == ["the king", "a boat"]
