import json
from pathlib import Path

import pytest

from langue import machine
from langue.cli import run
from langue.errors import LangueError
from langue.evaluation.cost import memory_of
from langue.experiment import train
from langue.experiment.training import _training_task
from langue.models import ModelConfig, build, load_model, save_model
from langue.models.count import flops_per_token, memory
from langue.plan import make_plan, usual_share
from langue.randomness import RowRandomness
from langue.recipe import ModelSettings, Recipe
from langue.tasks.recipes import read_recipe
from langue.text import train_tokenizer
from langue.training import freeze

STEP = 12 * 32


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "text.txt").write_text("the quick brown fox\n" * 50)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "task: generate\ntokenizer: {kind: char}\nmodel: {preset: gpt-nano, context: 32}\n"
        "data: {train: text.txt}\ntraining: {steps: 100}\n"
    )
    return path


def recipe_of(file: Path, **changes: str) -> Recipe:
    return read_recipe(file, {name.replace("__", "."): value for name, value in changes.items()})


def test_counts_are_those_of_the_model_that_will_be_built(file):
    recipe = recipe_of(file)
    plan = make_plan(recipe)
    tokenizer = train_tokenizer(recipe.tokenizer, [(file.parent / "text.txt").read_text()])
    config = recipe.architecture().model_copy(update={"vocab_size": tokenizer.vocab_size})
    assert plan.vocabulary == tokenizer.vocab_size
    assert plan.parameters == sum(parameter.numel() for parameter in build(config).parameters())
    assert (plan.steps, plan.tokens) == (100, 100 * STEP)
    assert plan.flops == 100 * STEP * flops_per_token(config)
    assert plan.seconds == pytest.approx(plan.flops / plan.peak / plan.share)


def test_frozen_parameters_have_no_gradients_and_no_state(file, capsys):
    recipe = recipe_of(file, training__freeze="all-but-head")
    plan = make_plan(recipe)
    model = build(recipe.architecture().model_copy(update={"vocab_size": plan.vocabulary}))
    freeze(model, recipe.training)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert plan.learning == sum(parameter.numel() for parameter in learning) < plan.parameters
    assert plan.memory.gradients == 4 * plan.learning
    assert plan.checkpoint == 4 * plan.parameters + plan.memory.optimizer
    assert plan.memory.optimizer == 8 * plan.learning
    assert run(["plan", str(file), "--training.freeze", "all-but-head"]) == 0
    assert f"of which {plan.learning:,} learn (training.freeze: all-but-head)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({"training__accumulate": "3"}, 300 * STEP),
        ({"training__batch_tokens": "100"}, 100 * 3 * 32),
        ({"training__tokens": "1000"}, 3 * STEP),
        ({"training__steps": "null", "training__tokens": "1e6"}, 2605 * STEP),
        ({"training__flops": "1"}, STEP),
    ],
)
def test_the_nearest_bound_ends_the_training(file, changes, tokens):
    assert make_plan(recipe_of(file, **changes)).tokens == tokens


def test_seconds_are_spent(file):
    plan = make_plan(recipe_of(file, training__steps="null", training__seconds="500"))
    assert plan.seconds == pytest.approx(500, rel=0.05)


LABELLED = {
    "classify": [{"text": "a good day " * (1 + n % 3), "label": "a" if n % 2 else "b"} for n in range(50)],
    "choice": [{"text": "it was", "choices": ["a day"] * (2 + n % 2), "label": n % 2} for n in range(50)],
    "answer": [{"question": "when", "context": "on a good day " * (1 + n % 9), "answer": "day"} for n in range(50)],
    "tag": [{"tokens": ["a", "day"] * (1 + n % 3), "tags": ["O", "B-D"] * (1 + n % 3)} for n in range(50)],
}


@pytest.mark.parametrize("kind", LABELLED)
def test_a_plan_for_labelled_rows_is_what_their_training_does(tmp_path, kind):
    task = "classify" if kind == "choice" else kind
    asked = "classify: {kind: choice}\n" if kind == "choice" else ""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LABELLED[kind]))
    (tmp_path / "recipe.yaml").write_text(
        f"task: {task}\ntokenizer: {{kind: char}}\ndata: {{train: rows.jsonl, dev: null}}\n{asked}"
        "model: {form: encoder, layers: 1, width: 16, heads: 2, context: 40}\n"
        "training: {epochs: 2, batch_size: 8, accumulate: 2, device: cpu}\n"
    )
    recipe = read_recipe(tmp_path / "recipe.yaml")
    plan = make_plan(recipe)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml", "rows.jsonl"]
    trained = train(recipe, tmp_path / "run", report=False)
    model, task = load_model(trained.folder.model), _training_task(trained.folder)
    assert plan.steps == trained.step
    assert plan.tokens == pytest.approx(2 * task.train.tokens, rel=0.15)
    assert plan.parameters == sum(parameter.numel() for parameter in model.parameters())
    step = task.objective().batch(task.batches(0, 1)[0][0].examples)
    assert plan.context >= step.ids.shape[1]
    assert plan.rows >= len(step.ids)
    assert plan.memory.logits == 0
    assert run(["plan", str(tmp_path / "recipe.yaml")]) == 0
    again = make_plan(recipe.model_copy(update={"model": ModelSettings()}), trained.folder.path)
    assert (again.steps, again.parameters, again.context) == (plan.steps, plan.parameters, plan.context)


PAIRS = [(" ".join(["a day"] * (1 + n % 5)), " ".join(["ein tag"] * (1 + n % 3))) for n in range(60)]
PAIR_RECIPE = """\
task: {task}
tokenizer: {{kind: char}}
model: {{form: seq2seq, layers: 1, width: 16, heads: 2, context: 40}}
data: {{train: {train}, dev: null, columns: {{text: source, summary: target}}}}
training: {{epochs: 2, batch_tokens: 150, accumulate: 2, device: cpu}}
"""


def write_pairs(folder: Path, task: str) -> Path:
    (folder / "train.tsv").write_text("source\ttarget\n" + "".join(f"{s}\t{t}\n" for s, t in PAIRS))
    (folder / "text.txt").write_text("".join(f"{s}. {t}\n" for s, t in PAIRS))
    train = "text.txt" if task == "denoise" else "train.tsv"
    (folder / "recipe.yaml").write_text(PAIR_RECIPE.format(task=task, train=train))
    return folder / "recipe.yaml"


@pytest.mark.parametrize("task", ["translate", "summarize"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_plan_for_pairs_is_what_their_training_does(tmp_path, task, apart):
    changes = {"source_tokenizer": "{kind: byte}"} if apart else {}
    recipe = read_recipe(write_pairs(tmp_path, task), changes)
    plan = make_plan(recipe)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml", "text.txt", "train.tsv"]
    trained = train(recipe, tmp_path / "run", report=False)
    model, task = load_model(trained.folder.model), _training_task(trained.folder)
    assert plan.steps == trained.step
    assert plan.tokens == pytest.approx(trained.tokens, rel=0.02)
    assert plan.parameters == sum(parameter.numel() for parameter in model.parameters())
    buckets, objective = task.batches(0, 1), task.objective()
    epoch = [objective.batch(buckets[step][part].examples) for step in range(plan.steps // 2) for part in range(2)]
    largest = max(epoch, key=lambda batch: memory(model.config, *batch.ids.shape, source=batch.source.shape[1]).total)
    assert (plan.rows, plan.context, plan.source) == (*largest.ids.shape, largest.source.shape[1])
    source, target = task.train.lengths.mean(0)
    assert plan.flops_per_token == flops_per_token(model.config, round(target), source)
    assert run(["plan", str(tmp_path / "recipe.yaml")]) == 0


@pytest.mark.parametrize("kind", ["spans", "prefix", "infill"])
def test_a_plan_for_spoilt_text_is_what_its_training_does(tmp_path, kind):
    changes = {"denoise.kind": kind, "denoise.sentinels": "9", "training.batch_tokens": "320", "training.steps": "30"}
    recipe = read_recipe(write_pairs(tmp_path, "denoise"), {**changes, "training.epochs": "null"})
    plan = make_plan(recipe)
    trained = train(recipe, tmp_path / "run", report=False)
    model, task = load_model(trained.folder.model), _training_task(trained.folder)
    assert (plan.steps, plan.vocabulary) == (30, model.config.vocab_size)
    assert plan.tokens == pytest.approx(trained.tokens, rel=0.1)
    assert plan.parameters == sum(parameter.numel() for parameter in model.parameters())
    micro, objective = task.batches(0, 1)[0][0], task.objective()
    batch = objective.batch(micro.examples, RowRandomness(0, micro.first_row))
    assert plan.rows == len(batch.ids)
    assert plan.context == pytest.approx(batch.ids.shape[1], abs=4)
    assert plan.source == pytest.approx(batch.source.shape[1], abs=4)
    assert run(["plan", str(tmp_path / "recipe.yaml"), "--training.steps", "3"]) == 0


def refusals(recipe: Path, capsys, *options: str) -> list[str]:
    """What plan says, and what train says; both have to refuse."""
    said = []
    for command in (["plan", str(recipe)], ["train", str(recipe), "--out", str(recipe.parent / "run")]):
        assert run([*command, *options]) == 2
        said.append(capsys.readouterr().err.strip().split("\n")[-1])
    return said


@pytest.mark.parametrize("options", [[], ["--data.dev", "null"], ["--tokenizer.kind", "byte"]])
@pytest.mark.parametrize("place", ["train", "dev", "test", "mix"])
def test_text_that_a_training_would_refuse_is_refused_by_the_plan(file, capsys, place, options):
    (file.parent / "bad.txt").write_bytes(b"one line\n\xff\xfe broken\n" * 20)
    path = "{text.txt: 1, bad.txt: 2}" if place == "mix" else "bad.txt"
    changes = [*options, f"--data.{'train' if place == 'mix' else place}", path, "--data.documents", "line"]
    planned, trained = refusals(file, capsys, *changes)
    assert "would be lost, and 5.0% may be" in planned
    assert "--data.max_dropped" in planned
    assert planned == trained
    assert run(["plan", str(file), *changes, "--data.max_dropped", "1"]) == 0


def test_rows_without_text_and_text_of_nothing(file, capsys):
    rows = [{"text": "a row"}, {"text": None}, {"text": 3}]
    (file.parent / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 9))
    (file.parent / "blank.txt").write_text(" \n" * 9)
    for name, words in (("rows.jsonl", "would be lost"), ("blank.txt", "there is no text in")):
        planned, trained = refusals(file, capsys, "--data.train", name)
        assert words in planned
        assert planned == trained


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_pairs_that_a_training_would_refuse_are_refused_by_the_plan(tmp_path, capsys, split):
    recipe = write_pairs(tmp_path, "translate")
    (tmp_path / "bad.tsv").write_text("source\ttarget\n" + "a day\tein tag\na night\t\n" * 9)
    planned, trained = refusals(recipe, capsys, f"--data.{split}", "bad.tsv")
    assert "9 one side empty" in planned
    assert planned == trained


def test_pairs_that_cannot_fit_are_refused_with_the_tokens_that_would(tmp_path, monkeypatch, capsys):
    path = write_pairs(tmp_path, "translate")
    monkeypatch.setattr(machine, "memory", lambda: (2**34, 401 * 2**20))
    tokens = ["2000"]
    while run(["plan", str(path), "--training.batch_tokens", tokens[-1]]) == 2:
        tokens.append(capsys.readouterr().err.split("--training.batch_tokens ")[1].split()[0])
        assert int(tokens[-1]) < int(tokens[-2])
    assert 2 <= len(tokens) <= 4
    assert int(tokens[-1]) > 100
    monkeypatch.setattr(machine, "memory", lambda: (2**34, 2**19))
    options = ["--training.batch_tokens", "2000", "--out", str(tmp_path / "run")]
    assert run(["train", str(path), *options]) == 2
    assert "this training needs about" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_cannot_fit_is_refused_with_what_would(file, monkeypatch):
    monkeypatch.setattr(machine, "memory", lambda: (2**34, 800 * 2**20))
    plan = make_plan(recipe_of(file, training__batch_size="2000"))
    with pytest.raises(LangueError, match=r"needs about .* GiB of memory, but cpu has 800 MiB free") as refusal:
        plan.check()
    fitting = str(refusal.value).split("--training.batch_size ")[1].split()[0]
    make_plan(recipe_of(file, training__batch_size=fitting)).check()
    with pytest.raises(LangueError):
        make_plan(recipe_of(file, training__batch_size=str(int(int(fitting) * 1.3)))).check()


def test_a_model_too_large_for_any_batch_is_refused(file, monkeypatch):
    monkeypatch.setattr(machine, "memory", lambda: (2**34, 800 * 2**20))
    with pytest.raises(LangueError, match="take a smaller model"):
        make_plan(recipe_of(file, model__preset="gpt2")).check()


TEACHER = {"model.width": "24", "model.heads": "3", "model.layers": "3", "training.steps": "1"}


@pytest.mark.parametrize("what", ["logits", "hidden"])
def test_a_teacher_needs_memory_and_time(file, what, capsys):
    train(read_recipe(file, {**TEACHER, "training.device": "cpu"}), file.parent / "teacher", report=False)
    teacher = load_model(file.parent / "teacher" / "model")
    alone = make_plan(recipe_of(file))
    options = {"distill.teacher": str(file.parent / "teacher"), "distill.what": what}
    made = make_plan(read_recipe(file, options))
    assert made.teacher_memory == memory_of(teacher)
    assert made.memory_needed == alone.memory_needed + made.teacher_memory
    head = 0 if what == "logits" else 2 * teacher.config.vocab_size * teacher.config.width
    assert made.teacher_flops == pytest.approx(flops_per_token(teacher.config) / 3 - head, rel=1e-6)
    assert made.flops == alone.flops + 100 * STEP * made.teacher_flops
    assert made.seconds == pytest.approx(made.flops / made.peak / made.share)
    assert run(["plan", str(file), *(part for name in options for part in (f"--{name}", options[name]))]) == 0
    words = capsys.readouterr().out
    assert "the teacher " in words
    assert f"{100 * made.teacher_flops / (made.flops / made.tokens):.0f} % of them the teacher's" in words


def test_a_teacher_who_writes_does_so_beforehand(file):
    train(read_recipe(file, {**TEACHER, "training.device": "cpu"}), file.parent / "teacher", report=False)
    options = {"distill.teacher": str(file.parent / "teacher"), "distill.what": "texts"}
    made = make_plan(read_recipe(file, options))
    assert (made.teacher_memory, made.teacher_flops) == (0, 0)
    assert made.uncounted == "the teacher writes, before the first step"


def test_small_and_recurrent_models_get_less_of_the_machine():
    assert usual_share("lstm", 1_000_000) < usual_share("attention", 1_000_000) < usual_share("attention", 12_000_000)
    assert usual_share("attention", 10**12) <= 0.75


def test_the_command_prints_words_or_json(file, capsys):
    assert run(["plan", str(file), "--training.steps", "7"]) == 0
    words = capsys.readouterr().out
    assert "7 steps of 384 tokens" in words
    assert "gpt-nano" in words
    assert run(["plan", str(file), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["tokens"] == 100 * STEP
    assert made["memory_needed"] > sum(made["memory"].values()) > 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data.train", "none.txt"], "none.txt"),
        (["--task", "denoise"], "task: denoise wants model.form: seq2seq, not decoder"),
        (["--task", "translate"], "text.txt is no table of pairs"),
        (["--training.batch_tokens", "5"], "training.batch_tokens 5 holds no row of the context of 32"),
        (["--training.batch_size", "100000000"], "GiB free; --training.batch_size"),
    ],
)
def test_mistakes_end_in_a_sentence_and_status_2(file, capsys, options, sentence):
    assert run(["plan", str(file), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_plan_tells_the_model_whose_weights_it_begins_with(file, tmp_path, capsys):
    tokenizer = train_tokenizer(recipe_of(file).tokenizer, [(tmp_path / "text.txt").read_text()])
    tokenizer.save(tmp_path / "base")
    config = ModelConfig(mixer="lstm", position="none", layers=1, width=16, context=32, vocab_size=tokenizer.vocab_size)
    save_model(build(config), tmp_path / "base" / "model")
    (tmp_path / "bare.yaml").write_text("task: generate\ndata: {train: text.txt}\n")
    assert run(["plan", str(tmp_path / "bare.yaml"), "--start-from", str(tmp_path / "base")]) == 0
    assert capsys.readouterr().out.startswith("lstm decoder, ")
