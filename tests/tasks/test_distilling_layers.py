"""Hidden vectors of a teacher: learnt in each task, by several processes as by one, and resumed bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import labelled_rows
import langue
import tiny
from langue.errors import LangueError
from langue.experiment import train
from langue.models import ModelConfig, build
from langue.objectives import Causal
from langue.objectives.layers import Projections, TaughtByLayers, outputs_of, spread
from langue.tasks.recipes import read_recipe
from policy_runs import rows_in
from taught_runs import RECIPES, taught, taught_in_two_parts, write_teachers
from tiny_training import CONTEXT, VOCAB, Rows
from two_processes import outputs_of_two


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teachers(tmp_path_factory.mktemp("distilling"))


@pytest.mark.parametrize("task", RECIPES)
def test_each_task_learns_the_directions_of_its_teachers_vectors(folder, tmp_path, task):
    steps = {"training__steps": 60, "training__log_every": 10, "training__learning_rate": 0.01, "model__dropout": 0.0}
    changes = {"distill__what": "hidden", "distill__weight": 0.9, "model__width": 8, **steps}
    run = taught(folder, tmp_path / "run", task, **changes)
    rows = rows_in(run.folder.path, "train")
    assert rows[-1]["distillation_loss"] < rows[0]["distillation_loss"]
    for row in rows:
        assert row["loss"] == pytest.approx(0.1 * row["hard_loss"] + 0.9 * row["distillation_loss"], rel=1e-4)
    # The projections learn, and are kept by checkpoints alone.
    checkpoint = max(run.folder.checkpoints.glob("step-*"))
    projections = load_file(checkpoint / "companion.safetensors")
    assert {tuple(value.shape)[1] for value in projections.values()} == {8}
    used = langue.load(run.folder.path)
    assert load_file(checkpoint / "model.safetensors").keys() == dict(used.model.named_parameters()).keys()


def models(width: int = 16, layers: int = 2) -> tuple[TaughtByLayers, torch.nn.Module, torch.nn.Module]:
    config = ModelConfig(vocab_size=VOCAB, width=width, layers=layers, heads=2, context=CONTEXT)
    teacher = build(config.replace(width=16, layers=4), seed=2).double().eval()
    projections = Projections([(width, 16)], seed=0).double()
    objective = TaughtByLayers(Causal(), teacher, 1.0, [spread(layers, 4)], projections)
    return objective, build(config, seed=1).double(), teacher


@pytest.mark.parametrize("width", [8, 16])
def test_the_loss_is_one_less_the_cosine_of_layers_that_stand_for_each_other(width):
    objective, student, teacher = models(width)
    batch = objective.batch([{"ids": Rows().row(number)["ids"]} for number in range(3)], None)
    with outputs_of(student) as own, outputs_of(teacher) as theirs:
        student.hidden(batch), teacher.hidden(batch)
    (projection,) = objective.projections
    pairs = [(own[0][n].vectors, theirs[0][source].vectors) for n, source in ((1, 2), (2, 4))]
    expected = sum((1 - F.cosine_similarity(projection(mine), other, dim=-1)).sum() / 2 for mine, other in pairs)
    torch.testing.assert_close(objective.loss(student, batch).total, expected, rtol=1e-6, atol=1e-6)


def test_a_student_with_the_teachers_vectors_has_nothing_to_learn():
    objective, _, teacher = models(layers=4)
    batch = objective.batch([Rows().row(0)], None)
    assert objective.loss(teacher, batch).total.abs() < 1e-6


def test_losses_of_pieces_add_up_to_the_loss_of_the_whole():
    objective, student, _ = models(8)
    rows = [Rows().row(number) for number in range(6)]
    whole, *pieces = (
        objective.loss(student, objective.batch(some, None)) for some in (rows, rows[:1], rows[1:4], rows[4:])
    )
    torch.testing.assert_close(sum(piece.total for piece in pieces), whole.total)
    assert sum(int(piece.count) for piece in pieces) == int(whole.count)


def test_layers_are_spread_evenly():
    assert spread(3, 6) == {1: 2, 2: 4, 3: 6}
    assert spread(2, 5) == {1: 2, 2: 5}
    assert spread(4, 2) == {2: 1, 4: 2}
    assert spread(3, 3) == {1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize(
    ("layers", "sentence"), [("{1: 5}", "the teacher has 1 layers, and no 5"), ("{2: 1}", "the student has 1 layers")]
)
def test_layers_that_there_are_not_are_refused(folder, tmp_path, layers, sentence):
    with pytest.raises(LangueError, match=sentence):
        taught(folder, tmp_path / "run", "generate", distill__what="hidden", distill__layers=layers)
    assert not (tmp_path / "run").exists()


def test_choices_have_no_hidden_vectors_to_learn(folder, tmp_path):
    rows = [{"text": row["text"], "choices": ["good", "bad"], "label": 0} for row in labelled_rows.sentences(40)]
    path = labelled_rows.write_rows(tmp_path / "rows.jsonl", rows)
    changes = {"data__train": path, "classify__kind": "choice", "distill__what": "hidden"}
    teacher = taught(
        folder, tmp_path / "teacher", "classify", data__train=path, classify__kind="choice", distill="null"
    )
    with pytest.raises(LangueError, match="choices are learnt from logits"):
        taught(folder, tmp_path / "run", "classify", distill__teacher=teacher.folder.path, **changes)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_ends_where_it_would_have_ended(folder, tmp_path, monkeypatch, optimizer):
    changes = {"distill__what": "hidden", "model__width": 8, "training__optimizer": optimizer}
    whole = taught(folder, tmp_path / "whole", "generate", **changes).folder
    taught_in_two_parts(folder, tmp_path / "run", "generate", monkeypatch, **changes)
    last = [max(path.glob("checkpoints/step-*")) for path in (tmp_path / "run", whole.path)]
    for file in ("model", "optimizer", "companion"):
        ours, theirs = (load_file(path / f"{file}.safetensors") for path in last)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("what", "parallel"), [("logits", "replicated"), ("hidden", "replicated"), ("hidden", "sharded")]
)
def test_two_processes_learn_what_one_does(folder, tmp_path, what, parallel):
    path = tiny.write_tiny(tmp_path / "text")
    fields = {
        "training.steps": "3", "training.log_every": "1", "training.parallel": parallel, "model.dropout": "0",
        "model.width": "8", "distill.what": what, "distill.teacher": str(folder / "teacher-generate"),
    }  # fmt: skip
    train(read_recipe(path, fields), tmp_path / "one", report=False)
    options = [word for name, value in fields.items() for word in (f"--{name}", value)]
    outputs_of_two("-m", "langue", "train", path, *options, "--out", tmp_path / "two", "--no-report")
    one, two = (rows_in(tmp_path / name, "train") for name in ("one", "two"))
    for ours, theirs in zip(two, one, strict=True):
        for name in ("loss", "hard_loss", "distillation_loss", "gradient_norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-5)
    ours, theirs = (load_file(max(tmp_path.glob(f"{n}/checkpoints/*")) / "model.safetensors") for n in ("two", "one"))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-5)
