"""An algorithm that lets the policy make its own rows, and what losses measure beside themselves."""

import json

import pytest
import torch

from langue.batch import Loss
from langue.engine import Engine, Request, SamplingSettings
from langue.models import ModelConfig, build, evaluating
from langue.objectives import Causal, log_probabilities
from langue.training import Trainer, Watch, latest
from langue.training.prefetch import Pass
from langue.training.types import StepMetrics
from langue.written_text import WrittenText, batch_of
from tiny_training import CONTEXT, VOCAB, everything, same, settings, trainer


def test_a_step_tells_first_what_decides():
    sums = {"loss": (6.0, 3.0), "length": (8.0, 2.0), "idle_groups": (1.0, 4.0), "reward": (1.0, 2.0), "kl": (0.0, 0.0)}
    step = StepMetrics(2.0, 3, 1.0, False, 1.0, sums)
    assert step.in_words() == "loss 2.000 length 4.000 idle groups 0.250 reward 0.500"
    assert step.in_words("reward") == "reward 0.500 length 4.000 idle groups 0.250"
    assert step.in_words("f1") == step.in_words()


class Reinforce:
    """Policy gradient (Williams 1992) on texts that the policy writes by the engine, keyed by seed, step and row; the
    reward is the share of the token 3 in what it wrote."""

    rows = 6
    sampling = SamplingSettings(max_tokens=CONTEXT - 1, seed=5, draw_log_probabilities=True)

    def passes(self, step, whole):
        requests = [Request([0], self.sampling, key=(step, row)) for row in range(self.rows)]
        with whole() as model, evaluating(model):
            written = [best[0] for best in Engine(model).run(requests)]
        prompt = WrittenText().extended([0], "prompt")
        texts = [prompt.extended(text.written, "model", text.draw_log_probabilities) for text in written]
        self.batch, self.drawn = batch_of(texts)
        yield Pass(step, step * self.rows, self.rows, self.batch, is_last=True)

    def loss(self, model, batch):
        logs = log_probabilities(model.hidden(batch), model.head, batch.targets)
        torch.testing.assert_close(logs.detach(), self.drawn, atol=1e-5, rtol=0)
        rewards = (batch.targets == 3).float().mean(1)
        measured = {"reward": torch.stack([rewards.sum(), torch.tensor(float(len(rewards)))])}
        return Loss(-(logs.sum(1) * (rewards - rewards.mean())).sum(), torch.tensor(len(rewards)), measured)

    def waited(self, seconds):
        return 0.0

    def state(self, step):
        return {}

    def load(self, step, state):
        pass


def reinforced(folder=None, **changes):
    model = build(ModelConfig(vocab_size=VOCAB, width=16, layers=1, heads=2, context=CONTEXT), seed=1)
    config = settings(**{"steps": 60, "optimizer": "adamw", "learning_rate": 0.02, "schedule": "constant", **changes})
    return Trainer(model, Reinforce(), config, folder, Watch())


def rewards(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["reward"] for line in lines if line["split"] == "train"]


def test_a_policy_learns_from_what_it_writes(tmp_path):
    training = reinforced(tmp_path)
    training.run()
    seen = rewards(tmp_path)
    assert len(seen) == 30
    assert sum(seen[-5:]) / 5 > 2 * sum(seen[:5]) / 5


def test_rollouts_are_the_same_after_a_resumption(tmp_path):
    whole = reinforced(steps=12)
    whole.run()
    (tmp_path / "run").mkdir()
    first = reinforced(tmp_path / "run", steps=12, checkpoint_every=5)
    first.run(pause=lambda: first.progress.step == 7)
    again = reinforced(tmp_path / "run", steps=12, checkpoint_every=5)
    again.resume(latest(tmp_path / "run" / "checkpoints"))
    assert again.progress.step == 5
    again.run()
    assert same(everything(again), everything(whole))


class Measuring(Causal):
    """Also tells how many targets are even, of which there are as many as targets."""

    def loss(self, model, batch):
        loss = super().loss(model, batch)
        asked = batch.targets != -100
        even = (batch.targets % 2 == 0) & asked
        return Loss(loss.total, loss.count, {"even": torch.stack([even.sum(), asked.sum()])})


def test_what_a_loss_measures_is_a_mean_over_all_that_it_counted(tmp_path):
    training = trainer(tmp_path, objective=Measuring())
    training.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    told = [line["even"] for line in lines if line["split"] == "train"]
    targets = []
    for step in range(12):
        for made in training.algorithm.passes(step, training.whole):
            kept = made.batch.targets[made.batch.targets != -100]
            targets.append(kept % 2 == 0)
    expected = [torch.cat(targets[first : first + 2]).double().mean().item() for first in range(0, 12, 2)]
    assert told == pytest.approx(expected, abs=1e-12)


def test_hooks_of_the_module_see_every_pass():
    training = trainer(steps=3)
    seen = []
    training.module.register_forward_hook(lambda module, inputs, output: seen.append(output[0].item()))
    training.run()
    assert len(seen) == 3
