"""The loop: sums with counts, steps that change nothing, budgets, averages, early stopping."""

import json
import math
import time

import pytest
import torch

from langue.batch import Loss
from langue.errors import LangueError
from langue.objectives import Causal
from langue.training import Deciding, TrainingSettings, Watch
from langue.training.pace import Pace
from tiny_training import Rows, everything, same, settings, trainer, watching


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_batch_of_many_rows_and_many_batches_of_one_give_the_same_weights(optimizer):
    found = []
    for rows in (Rows(32, 1), Rows(1, 32), Rows(4, 8)):
        # In fp32, the direction that Muon makes of a matrix magnifies the rounding of its gradient.
        training = trainer(rows=rows, optimizer=optimizer, double=True)
        metrics = [training.step() for _ in range(2)]
        found.append((everything(training), [m.loss for m in metrics], [m.count for m in metrics]))
    for tensors, losses, counts in found[1:]:
        assert counts == found[0][2]
        assert losses == pytest.approx(found[0][1], rel=1e-12)
        for name, value in tensors.items():
            torch.testing.assert_close(value, found[0][0][name], atol=1e-9, rtol=1e-9)


def test_the_gradient_is_the_mean_over_all_targets_and_is_clipped():
    training = trainer(rows=Rows(2, 3), dropout=0.0, clip_norm=0.05)
    model, objective = training.model, Causal()
    micros = training.algorithm.batches[0]
    total = sum(objective.loss(model, objective.batch(micro.examples)).total for micro in micros)
    count = sum(int(objective.loss(model, objective.batch(micro.examples)).count) for micro in micros)
    expected = torch.autograd.grad(total / count, list(model.parameters()))
    norm = math.sqrt(sum(float(grad.square().sum()) for grad in expected))
    seen = {}
    training.state.optimizer.step = lambda factor: seen.update(
        {name: p.grad.clone() for name, p in model.named_parameters()}, factor=factor
    )
    metrics = training.step()
    assert metrics.gradient_norm == pytest.approx(norm, rel=1e-5)
    assert metrics.loss == pytest.approx(total.item() / count, rel=1e-6)
    assert norm > 0.05
    for (name, _), grad in zip(model.named_parameters(), expected, strict=True):
        torch.testing.assert_close(seen[name], grad * 0.05 / norm, atol=1e-8, rtol=1e-4)
    assert seen["factor"] == 0.5  # the first of two steps of warm-up


class Broken(Causal):
    """An objective whose loss or gradient is not finite in chosen steps."""

    def __init__(self, steps, kind):
        super().__init__()
        self.steps, self.kind, self.calls = steps, kind, -1

    def loss(self, model, batch):
        loss = super().loss(model, batch)
        self.calls += 1
        if self.calls not in self.steps:
            return loss
        if self.kind == "loss":
            return Loss(loss.total * math.inf, loss.count)
        # A finite loss with a gradient that is none: the slope of a root at zero.
        return Loss(loss.total + (model.embedding.table.weight * 0).abs().sum().sqrt(), loss.count)


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(kind):
    training = trainer(objective=Broken({2}, kind), average=0.9)
    for _ in range(2):
        assert not training.step().skipped
    before = everything(training)
    assert training.step().skipped
    assert same(before, everything(training))
    assert training.progress.skipped == training.progress.skipped_in_a_row == 1
    assert not training.step().skipped
    assert training.progress.skipped_in_a_row == 0
    assert not same(before, everything(training))
    assert training.progress.step == 4


def test_too_many_of_them_in_a_row_end_the_training():
    training = trainer(objective=Broken({0, 2, 3, 4}, "loss"), max_skipped=3)
    with pytest.raises(LangueError, match=r"3 steps in a row .* step 5; try a smaller training\.learning_rate"):
        training.run()


def test_a_step_without_targets_is_skipped():
    class Nothing(Causal):
        def loss(self, model, batch):
            return Loss(model.embedding.table.weight.sum() * 0, torch.tensor(0))

    training = trainer(objective=Nothing())
    before = everything(training)
    assert training.step().skipped
    assert same(before, everything(training))


def test_dropout_depends_on_seed_and_row_alone():
    def loss(seed, disturb):
        training = trainer(seed=seed)
        if disturb:
            torch.manual_seed(99)
            torch.rand(7)
        return training.step().loss

    assert loss(0, False) == loss(0, True)
    assert loss(0, False) != loss(1, False)


def test_the_average_is_the_average():
    training = trainer(average=0.9)
    weights = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    for step in range(30):
        training.step()
        decay = min(0.9, (1 + step) / (10 + step))
        for name, parameter in training.model.named_parameters():
            weights[name] = decay * weights[name] + (1 - decay) * parameter.detach()
    for name, value in training.state.average.weights.items():
        torch.testing.assert_close(value, weights[name], atol=1e-6, rtol=1e-5)
    own = everything(training)
    with training.state.average.applied(training.model):
        for name, parameter in training.model.named_parameters():
            torch.testing.assert_close(parameter.detach(), weights[name], atol=1e-6, rtol=1e-5)
    assert same(own, everything(training))


def test_the_average_is_what_is_evaluated_and_kept():
    seen = []
    look = lambda model: {"loss": float(model.embedding.table.weight.sum())}  # noqa: E731
    watch = Watch(evaluate=lambda model: seen.append(look(model)) or look(model))
    training = trainer(average=0.99, watch=watch, steps=6, evaluate_every=6)
    training.run()
    assert seen == [{"loss": float(training.state.average.weights["embedding.table.weight"].sum())}]


def test_training_stops_when_nothing_gets_better():
    losses = iter([5.0, 4.0, 4.5, 4.0, 4.2, 1.0])
    kept = []
    watch = Watch(evaluate=lambda model: {"loss": next(losses)}, keep_best=lambda model: kept.append(1))
    training = trainer(watch=watch, steps=100, evaluate_every=2, patience=3)
    training.run()
    assert training.progress.step == 10
    assert training.progress.best == 4.0
    assert training.progress.best_step == 4
    assert len(kept) == 2
    assert "3 evaluations" in training.stopped


@pytest.mark.parametrize(
    ("budget", "steps"),
    [({"tokens": 100.0}, None), ({"flops": 3e4}, None), ({"steps": 5}, 5), ({"seconds": 1.0}, None)],
)
def test_budgets_end_the_training_and_drive_the_schedule(budget, steps):
    changes = {"steps": None, **budget, "schedule": "linear", "warmup_steps": 0}
    training = trainer(watch=Watch(flops_per_token=300.0), **changes)
    factors = []
    while training.used_budget() < 1.0:
        factors.append(training.step().learning_rate_factor)
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == pytest.approx(1.0, abs=0.1)
    assert steps is None or len(factors) == steps
    if "tokens" in budget or "flops" in budget:
        per_step = training.progress.tokens / len(factors)
        assert len(factors) == pytest.approx(100 / per_step, abs=1)


def test_flops_that_nobody_can_count_are_no_bound():
    with pytest.raises(LangueError, match="flops_per_token"):
        trainer(steps=None, flops=1e9)


def test_a_training_without_a_bound_is_refused():
    with pytest.raises(ValueError, match="must bound the training"):
        settings(steps=None)


def test_metrics_are_whole_lines_with_each_step_once(tmp_path):
    watch = Watch(
        evaluate=watching().evaluate,
        sample=lambda model: "said",
        bytes_per_token=2.0,
        flops_per_token=10.0,
        peak=lambda: 1e3,
    )
    training = trainer(tmp_path, watch=watch)
    training.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    train = [line for line in lines if line["split"] == "train"]
    dev = [line for line in lines if line["split"] == "dev"]
    assert [line["step"] for line in train] == [2, 4, 6, 8, 10, 12]
    assert [line["step"] for line in dev] == [3, 6, 9, 12]
    for line in train:
        assert line["bits_per_byte"] == pytest.approx(line["loss"] / math.log(2) / 2)
        assert line["peak_share"] == pytest.approx(line["tokens_per_second"] * 10 / 1e3)
        assert {"seconds", "tokens", "learning_rate", "gradient_norm", "skipped"} <= line.keys()
    assert all(line["sample"] == "said" for line in dev)
    assert [line["tokens"] for line in train] == sorted(line["tokens"] for line in train)


def test_use_of_the_machine_is_a_share_of_what_it_gives_at_the_time(tmp_path):
    speeds = iter([1e3, 3e3, *[1e3] * 100])
    trainer(tmp_path, watch=Watch(flops_per_token=10.0, peak=lambda: next(speeds))).run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    paces = [10 * line["tokens_per_second"] / line["peak_share"] for line in lines]
    assert paces == pytest.approx([2e3, 2e3, 1e3, 1e3, 1e3, 1e3])  # the mean of before and after


def test_looking_at_the_machine_takes_a_hundredth_of_the_time():
    looks = []
    pace = Pace(lambda: looks.append(time.sleep(0.002)) or 7.0)
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        assert pace.look() == 7.0
    assert 1 <= len(looks) <= 3


def test_epochs_bound_a_training():
    watch = Watch(steps_per_epoch=2.5)
    training = trainer(steps=None, epochs=2, watch=watch)
    training.run()
    assert training.progress.step == 5
    with pytest.raises(LangueError, match="steps_per_epoch"):
        trainer(steps=None, epochs=2, watch=Watch())


def test_steps_bound_nothing_where_epochs_are_asked_for():
    assert TrainingSettings(epochs=3).steps is None
    assert TrainingSettings(epochs=3, steps=10).steps == 10
    assert TrainingSettings().steps == 2000
    with pytest.raises(ValueError, match="one of steps, seconds, tokens, flops and epochs must bound"):
        TrainingSettings(steps=None)


@pytest.mark.parametrize(("higher", "best"), [(True, 6), (False, 3)])
def test_any_metric_can_decide_in_either_direction(higher, best):
    values = iter([0.1, 0.9, float("nan"), 0.4])
    kept = []
    watch = Watch(
        evaluate=lambda model: {"loss": 1.0, "accuracy": next(values)},
        deciding=Deciding("accuracy", higher=higher),
        keep_best=lambda model: kept.append(True),
    )
    training = trainer(watch=watch)
    training.run()
    assert training.progress.best == (0.9 if higher else 0.1)
    assert training.progress.best_step == best
    assert len(kept) == 1 + higher
