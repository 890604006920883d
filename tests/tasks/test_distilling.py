"""From a trained model to one that learns from it, in every task; resumed bit for bit, refused where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import labelled_rows
import langue
import pair_rows
import tiny
from langue.batch import Loss
from langue.errors import LangueError
from langue.experiment import RunFolder, train
from langue.models import ModelConfig, build
from langue.models.heads import ClassifierConfig
from langue.objectives import Causal
from langue.objectives.teacher import Softening, Taught, Teacher
from langue.report.cost import read_cost
from langue.tasks.classify.objective import ClassifyObjective
from langue.tasks.distill import texts
from langue.tasks.generate.training import GenerateTraining
from langue.tasks.recipes import read_recipe
from policy_runs import rows_in
from taught_runs import RECIPES, SHORT, of_task, taught, taught_in_two_parts, write_teachers
from tiny_training import CONTEXT, VOCAB, Rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teachers(tmp_path_factory.mktemp("distilling"))


@pytest.mark.parametrize("task", RECIPES)
def test_each_task_learns_from_a_teacher_of_another_size(folder, tmp_path, task):
    run = taught(folder, tmp_path / "run", task, model__width=8, distill__weight=0.7)
    for row in rows_in(run.folder.path, "train"):
        assert row["loss"] == pytest.approx(0.3 * row["hard_loss"] + 0.7 * row["distillation_loss"], rel=1e-4)
        assert row["distillation_loss"] >= 0
        assert 0 <= row["agreement"] <= 1
    weights = json.loads((run.folder.path / "sources.json").read_text())["weights"]
    assert list(weights) == [str(folder / f"teacher-{task}")]
    # What is kept is the student alone, which anyone may use.
    used = langue.load(run.folder.path)
    assert used.model.config.width == 8
    for checkpoint in run.folder.checkpoints.iterdir():
        names = load_file(checkpoint / "model.safetensors").keys()
        assert names == dict(used.model.named_parameters()).keys()


def test_a_transformer_teaches_an_lstm(folder, tmp_path):
    run = taught(folder, tmp_path / "run", "generate", model__mixer="lstm", model__position="none")
    assert langue.load(run.folder.path, task="generate").generate("the", max_tokens=3)


def test_a_student_comes_to_agree_with_its_teacher(folder, tmp_path):
    """It learns what the teacher holds, and not what the data say: their targets have no share."""
    changes = {"training__steps": 200, "training__learning_rate": 0.02, "model__dropout": 0.0}
    run = taught(folder, tmp_path / "run", "classify", distill__weight=1.0, distill__temperature=1.0, **changes)
    rows = rows_in(run.folder.path, "train")
    assert rows[-1]["distillation_loss"] < 0.1 * rows[0]["distillation_loss"]
    assert rows[-1]["agreement"] > rows[0]["agreement"]


def test_a_resumed_run_ends_where_it_would_have_ended(folder, tmp_path, monkeypatch):
    whole = taught(folder, tmp_path / "whole", "generate").folder
    taught_in_two_parts(folder, tmp_path / "run", "generate", monkeypatch)
    ours, theirs = (load_file(path / "model" / "model.safetensors") for path in (tmp_path / "run", whole.path))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_teacher_is_refused_at_resume_by_name(folder, tmp_path):
    longer = {"training__steps": 9, "training__schedule": "constant", "training__warmup_steps": 0}
    taught(folder, tmp_path / "run", "generate", **{**longer, "training__steps": 6})
    (tmp_path / "another").symlink_to(folder / "teacher-generate")
    other = {**longer, "distill__teacher": tmp_path / "another"}
    with pytest.raises(LangueError, match=r"distill\.teacher was .*teacher-generate.* and is .*another.* now"):
        taught(folder, tmp_path / "run", "generate", resume=True, **other)
    weights = folder / "teacher-generate" / "model"
    held = {path.name: path.read_bytes() for path in weights.iterdir()}
    taught(folder, tmp_path / "changed", "generate", training__seed=9)
    try:
        for path in (tmp_path / "changed" / "model").iterdir():
            (weights / path.name).write_bytes(path.read_bytes())
        with pytest.raises(LangueError, match=r"the weights are not those .*changed since then: .*teacher-generate"):
            taught(folder, tmp_path / "run", "generate", resume=True, **longer)
    finally:
        for name, content in held.items():
            (weights / name).write_bytes(content)
    assert taught(folder, tmp_path / "run", "generate", resume=True, **longer).step == 9


REFUSED = {
    "no teacher": ({"distill__teacher": "nowhere"}, "distill.teacher: there is no folder nowhere"),
    "another task": (
        {"teacher": "classify"},
        "teacher-classify is a model to classify, but the student learns to generate",
    ),
    "another form": ({"model__form": "encoder"}, "is of form: decoder and the student of form: encoder"),
    "another vocabulary": ({"model__vocab_size": 99}, "and the student one of 99; .*--distill.what texts"),
    "too short": ({"model__context": 64}, "reads 16 positions, but the student 64; set --model.context 16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_teacher_that_cannot_teach_is_refused_in_a_sentence(folder, tmp_path, case):
    changes, sentence = REFUSED[case]
    with pytest.raises(LangueError, match=sentence):
        taught(folder, tmp_path / "run", "generate", **changes)
    assert not (tmp_path / "run").exists()


def test_another_tokenizer_is_refused(folder, tmp_path):
    with pytest.raises(LangueError, match=r"has another tokenizer than .*--distill\.what texts"):
        taught(folder, tmp_path / "run", "generate", tokenizer__path=folder / "teacher-fill")
    assert not (tmp_path / "run").exists()


def test_a_pickled_teacher_is_refused(folder, tmp_path):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(LangueError, match=r"distill\.teacher: .*a pickle, which can run any code"):
        taught(folder, tmp_path / "run", "generate", distill__teacher=tmp_path / "pickled")


def test_a_teacher_of_other_labels_is_refused(folder, tmp_path):
    rows = [{**row, "label": f"very {row['label']}"} for row in labelled_rows.sentences(50)]
    path = labelled_rows.write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(LangueError, match="it tells bad, good apart, and the student learns very bad, very good"):
        taught(folder, tmp_path / "run", "classify", data__train=path)


def test_a_section_of_a_task_that_no_teacher_can_have_is_refused(folder):
    with pytest.raises(LangueError, match="distill has no say where the task is tag"):
        read_recipe({"task": "tag", "data": {"train": "rows.conll"}, "distill": {"teacher": "nowhere"}})


def test_fewer_layers_begin_as_the_teachers_that_stand_evenly_spread(folder, tmp_path):
    deep = train(
        read_recipe(of_task(folder, "generate"), {**SHORT, "model.layers": "4"}), tmp_path / "deep", report=False
    )
    recipe = read_recipe(
        of_task(folder, "generate"), {**SHORT, "training.steps": "1", "training.learning_rate": "1e-9"}
    )
    recipe = recipe.replace(model={"layers": 2}).replace(training={"weight_decay": 0.0})
    begun = train(recipe, tmp_path / "begun", start_from=deep.folder.path, report=False).folder.path
    ours, theirs = (load_file(path / "model" / "model.safetensors") for path in (begun, deep.folder.path))
    assert RunFolder(begun).recipe().model.layer_count == 2
    for name, value in ours.items():
        source = name.replace("blocks.0", "blocks.first").replace("blocks.1", "blocks.3").replace("first", "1")
        torch.testing.assert_close(value, theirs[source], atol=1e-6, rtol=0)


def objective_and_models(dtype: torch.dtype = torch.float64) -> tuple[Taught, torch.nn.Module]:
    config = ModelConfig(vocab_size=VOCAB, width=16, layers=1, heads=2, context=CONTEXT)
    teacher = build(config.replace(width=32, layers=2), seed=2).to(dtype).eval()
    return Taught(Causal(), Teacher(teacher, Softening())), build(config, seed=1).to(dtype)


def added(losses: Sequence[Loss]) -> dict[str, torch.Tensor]:
    sums = [{"total": loss.total, "count": loss.count, **loss.metrics} for loss in losses]
    return {name: torch.stack([part[name] for part in sums]).sum(0) for name in sums[0]}


def test_losses_of_pieces_add_up_to_the_loss_of_the_whole():
    objective, student = objective_and_models()
    rows = [Rows().row(number) for number in range(6)]
    whole = added([objective.loss(student, objective.batch(rows, None))])
    pieces = added([objective.loss(student, objective.batch(some, None)) for some in (rows[:1], rows[1:4], rows[4:])])
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value)


def test_the_teacher_drops_nothing_and_learns_nothing():
    objective, student = objective_and_models()
    batch = objective.batch([Rows().row(0)], None)
    student.train()
    objective.loss(student, batch).total.backward()
    teacher = objective.teacher.model
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize("kind", ["label", "labels", "number", "choice"])
def test_each_judgement_is_learnt_from_the_teachers(kind):
    """A student with the teacher's weights has nothing to learn from it, and one without has."""
    targets = {"label": [1, 0], "labels": [[1.0, 0.0, 1.0]] * 2, "number": [0.3, -1.0], "choice": [1, 0]}[kind]
    head = ClassifierConfig(outputs={"label": 2, "labels": 3}.get(kind, 1))
    sizes = {"vocab_size": VOCAB, "width": 16, "layers": 1, "heads": 2, "context": CONTEXT}
    config = ModelConfig(form="encoder", classifier=head, **sizes)
    teacher, other = (build(config, seed=seed).double().eval() for seed in (1, 2))
    for model in (teacher, other):
        torch.nn.init.normal_(model.classifier.output.weight)
    ids = np.arange(5)
    several = [[ids, ids[:2], ids[1:4]], [ids[:3], ids[2:]]] if kind == "choice" else [ids, ids[1:]]
    zeros = (
        [[np.zeros_like(x) for x in row] for row in several]
        if kind == "choice"
        else [np.zeros_like(x) for x in several]
    )
    examples = [{"ids": i, "segments": s, "target": t} for i, s, t in zip(several, zeros, targets, strict=True)]
    objective = Taught(ClassifyObjective(kind), Teacher(teacher, Softening(share=1.0)))
    batch = objective.batch(examples, None)
    if batch.targets.is_floating_point():
        batch = replace(batch, targets=batch.targets.double())
    same, another = objective.loss(teacher, batch), objective.loss(other, batch)
    assert same.total.abs() < 1e-6  # scores are in single precision
    assert same.metrics["agreement"].tolist() == [2, 2]
    assert another.total > 1e-4


def kept_texts(run: Path, split: str = "train") -> list[dict]:
    with (run / "data" / f"taught-{split}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_labels_that_the_teacher_gave_are_learnt(folder, tmp_path):
    run = taught(folder, tmp_path / "run", "classify", distill__what="texts").folder.path
    rows = kept_texts(run)
    teacher = langue.load(folder / "teacher-classify", task="classify")
    assert [row["label"] for row in rows] == teacher.classify([row["text"] for row in rows])
    # Those to evaluate by are people's.
    own = {row["text"]: row["label"] for row in labelled_rows.sentences(200)}
    assert all(own[row["text"]] == row["label"] for row in kept_texts(run, "dev"))
    assert len(rows) + len(kept_texts(run, "dev")) == 200


@pytest.mark.parametrize("task", ["translate", "summarize"])
def test_targets_that_the_teacher_wrote_are_learnt_by_other_tokens(folder, tmp_path, task):
    other = {"tokenizer__kind": "byte-bpe", "tokenizer__vocab_size": 280}
    run = taught(folder, tmp_path / "run", task, distill__what="texts", distill__texts__beams=2, **other).folder.path
    target = "target" if task == "translate" else "summary"
    source = "source" if task == "translate" else "text"
    teacher = langue.load(folder / f"teacher-{task}")
    rows = kept_texts(run)
    assert rows
    assert [row[target] for row in rows] == teacher.predict([row[source] for row in rows], beams=2)
    people = dict(pair_rows.pairs())
    assert all(people[row[source]] == row[target] for row in kept_texts(run, "dev"))


@pytest.mark.parametrize("prompt_tokens", [0, 5])
def test_texts_that_the_teacher_made_up_are_learnt(folder, tmp_path, prompt_tokens):
    texts = {
        "distill__texts__count": 30,
        "distill__texts__prompt_tokens": prompt_tokens,
        "distill__texts__max_tokens": 20,
    }
    run = taught(folder, tmp_path / "run", "generate", distill__what="texts", data__max_dropped=1, **texts).folder.path
    rows = [row["text"] for row in kept_texts(run)]
    assert 20 < len(rows) <= 30
    assert len(set(rows)) > 20  # each has draws of its own
    beginnings = {line[:5] for line in tiny.text().splitlines()}
    assert prompt_tokens == 0 or all(row[:5] in beginnings for row in rows)
    assert "".join(row["text"] for row in kept_texts(run, "dev")) in tiny.text()


def test_transcripts_that_the_teacher_wrote_are_learnt(folder, tmp_path):
    teacher = folder / "teacher-transcribe"  # whose tokens are those of all letters, not of the few that it writes yet
    changes = {"distill__what": "texts", "tokenizer__path": teacher, "data__max_dropped": 1}
    rows = kept_texts(taught(folder, tmp_path / "run", "transcribe", **changes).folder.path)
    heard = langue.load(teacher, task="transcribe").transcribe([row["audio"] for row in rows], beams=4)
    assert [row["text"] for row in rows] == heard


def test_a_run_goes_on_from_what_was_written_without_the_teacher(folder, tmp_path):
    (tmp_path / "teacher").symlink_to(folder / "teacher-classify")
    changes = {"distill__what": "texts", "distill__teacher": tmp_path / "teacher", "training__schedule": "constant"}
    run = taught(folder, tmp_path / "run", "classify", training__warmup_steps=0, **changes)
    (tmp_path / "teacher").unlink()
    longer = {**changes, "training__warmup_steps": 0, "training__steps": 9}
    assert taught(folder, tmp_path / "run", "classify", resume=True, **longer).step == 9
    weights = json.loads((run.folder.path / "sources.json").read_text())["weights"]
    assert weights.keys() == {str(tmp_path / "teacher")}


def test_what_was_written_before_an_interruption_is_not_written_again(folder, tmp_path, monkeypatch):
    """The file and the weights are to the bit those of a run that nothing broke off."""
    monkeypatch.setattr(texts, "TOGETHER", 8)
    options = {"distill__what": "texts", "distill__texts__count": 30, "distill__texts__max_tokens": 20}
    options |= {"data__max_dropped": 1, "distill__teacher": folder / "teacher-generate"}
    whole = taught(folder, tmp_path / "whole", "generate", **options).folder.path
    rows_by, numbers = GenerateTraining.rows_by.__func__, []

    def interrupted(cls, recipe, teacher, inputs):
        if len(numbers) == 2:
            numbers.append(-1)
            raise KeyboardInterrupt
        numbers.append(inputs[0][0])
        return rows_by(cls, recipe, teacher, inputs)

    monkeypatch.setattr(GenerateTraining, "rows_by", classmethod(interrupted))
    with pytest.raises(KeyboardInterrupt):
        taught(folder, tmp_path / "run", "generate", **options)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".langue.kept"]
    run = taught(folder, tmp_path / "run", "generate", **options).folder.path
    assert numbers == [0, 8, -1, 16, 24]
    assert kept_texts(run) == kept_texts(whole)
    ours, theirs = (load_file(path / "model" / "model.safetensors") for path in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not (run / ".langue.kept").exists()


def test_other_settings_are_written_anew(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "TOGETHER", 16)
    options = {"distill__what": "texts", "distill__texts__count": 30, "data__max_dropped": 1}
    with_texts = GenerateTraining.with_texts.__func__

    def failing(cls, recipe, teacher, data):
        raise LangueError("something else is wrong")

    monkeypatch.setattr(GenerateTraining, "with_texts", classmethod(failing))
    with pytest.raises(LangueError, match="something else is wrong"):
        taught(folder, tmp_path / "run", "generate", distill__texts__max_tokens=20, **options)
    monkeypatch.setattr(GenerateTraining, "with_texts", classmethod(with_texts))
    run = taught(folder, tmp_path / "run", "generate", distill__texts__max_tokens=5, **options).folder.path
    whole = taught(folder, tmp_path / "whole", "generate", distill__texts__max_tokens=5, **options).folder.path
    assert kept_texts(run) == kept_texts(whole)


def test_a_model_to_fill_gaps_writes_nothing(folder, tmp_path):
    with pytest.raises(LangueError, match=r"distill\.what: a model to fill writes no texts"):
        taught(folder, tmp_path / "run", "fill", distill__what="texts")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", RECIPES)
def test_a_card_says_what_the_student_reaches_beside_its_teacher(folder, tmp_path, task):
    run = taught(folder, tmp_path / "run", task, model__width=8, distill__rows=20).folder.path
    held = json.loads((run / "teacher.json").read_text())
    assert held["rows"] <= 20
    for who in ("teacher", "student", "difference"):
        assert held[who]["low"] <= held[who]["score"] <= held[who]["high"]
    assert held["difference"]["score"] == pytest.approx(held["student"]["score"] - held["teacher"]["score"])
    assert held["teacher_parameters"] > held["student_parameters"]
    card, name = (run / "README.md").read_text(), held["metric"].replace("_", " ")
    assert f"| teacher | teacher-{task}, {held['teacher_parameters']:,} parameters" in card
    assert f"| {name} of the teacher on {held['rows']} " in card
    assert f"{held['student']['score']:.4f}, 95 % within" in card
    assert "| speed beside the teacher's |" in card
    cost = read_cost(run)
    assert cost is not None
    assert (cost.before.parameters, cost.after.parameters) == (held["teacher_parameters"], held["student_parameters"])
    assert cost.loss is not None
    assert f"{cost.loss.before:.4f} | {cost.loss.after:.4f}" in card.partition("## What it cost")[2]
    assert (run / "cost.html").is_file()


def test_what_the_card_says_of_accuracy_is_what_an_evaluation_says(folder, tmp_path):
    run = taught(folder, tmp_path / "run", "classify").folder.path
    held = json.loads((run / "teacher.json").read_text())
    assert held["student"]["score"] == pytest.approx(rows_in(run, "dev")[-1]["accuracy"])


def test_a_loss_is_compared_on_the_same_rows(folder, tmp_path):
    run = taught(folder, tmp_path / "run", "generate").folder.path
    held = json.loads((run / "teacher.json").read_text())
    assert held["metric"] == "loss"
    assert held["student"]["score"] == pytest.approx(rows_in(run, "dev")[-1]["loss"], rel=0.02)


def test_a_report_shows_both(folder, tmp_path):
    recipe = read_recipe(of_task(folder, "classify"), {**SHORT, "distill.teacher": str(folder / "teacher-classify")})
    run = train(recipe, tmp_path / "run").folder.path
    page = (run / "report.html").read_text()
    assert "accuracy of the teacher on" in page
    assert "Distillation loss" in page or "distillation loss" in page
