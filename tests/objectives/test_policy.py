"""Losses of rewarded texts: their mean gradient against that of the expected reward over all texts, and against TRL."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from trl import GRPOTrainer

from langue.objectives.policy import (
    LOSSES,
    SPREAD,
    Drawn,
    PolicyOptions,
    advantages_of,
    divergence,
    minimum_risk,
)

VOCABULARY, LENGTH, END = 3, 4, 2
"""Texts end with END or after LENGTH tokens."""


class Table(nn.Module):
    """A policy whose next token hangs on the two before, in float64."""

    def __init__(self) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(3)
        size = (VOCABULARY + 1, VOCABULARY + 1, VOCABULARY)
        self.logits = nn.Parameter(torch.randn(size, generator=draws, dtype=torch.float64))

    def logs(self, ids: Tensor) -> Tensor:
        """(B, T) log-probability of each token of (B, T) texts."""
        start = torch.full((len(ids), 2), VOCABULARY)
        before = torch.cat([start, ids], 1)
        table = self.logits.log_softmax(-1)
        return table[before[:, :-2], before[:, 1:-1]].gather(2, ids[..., None])[..., 0]


def every_text() -> tuple[Tensor, Tensor]:
    """(B, T) all texts, and (B, T) bool where they have tokens."""
    texts = {word[: word.index(END) + 1] if END in word else word for word in product(range(VOCABULARY), repeat=LENGTH)}
    rows = sorted(texts)
    ids, own = torch.zeros(len(rows), LENGTH, dtype=torch.long), torch.zeros(len(rows), LENGTH, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)], own[number, : len(row)] = torch.tensor(row), True
    return ids, own


IDS, OWN = every_text()
REWARDS = torch.rand(len(IDS), generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def gradient(policy: Table, value: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(value, [policy.logits], retain_graph=True)
    return found


def text_logs(policy: Table) -> Tensor:
    return policy.logs(IDS).where(OWN, 0.0)


def expected_gradient(policy: Table) -> Tensor:
    return gradient(policy, (text_logs(policy).sum(1).exp() * REWARDS).sum())


def test_probabilities_of_all_texts_add_up_to_one():
    assert text_logs(Table()).sum(1).exp().sum().item() == pytest.approx(1, abs=1e-12)


def drawn_of(policy: Table, rows: Tensor, advantages: Tensor) -> Drawn:
    logs = text_logs(policy)[rows]
    return Drawn(logs, logs.detach(), OWN[rows], advantages)


def estimate(policy: Table, algorithm: str, group: int, options: PolicyOptions) -> Tensor:
    """The mean of an algorithm's gradient for one group, over all groups by their probability, with its sign turned."""
    members = torch.cartesian_prod(*[torch.arange(len(IDS))] * group).view(-1, group)
    logs = text_logs(policy).sum(1).detach()
    chances = logs[members].sum(1).exp()
    groups = torch.arange(len(members)).repeat_interleave(group)
    rows = members.reshape(-1)
    advantages, _ = advantages_of(algorithm, REWARDS[rows], groups, len(members))
    losses = LOSSES[algorithm](drawn_of(policy, rows, advantages), options).losses
    return -gradient(policy, (losses.view(-1, group).mean(1) * chances).sum())


@pytest.mark.parametrize(
    ("algorithm", "group", "factor"),
    [
        ("reinforce", 1, 1.0),
        ("reinforce", 2, 1.0),
        ("rloo", 2, 1.0),
        # The group's mean has the text's own reward in it; and dr-grpo divides by a constant.
        ("ppo-clip", 2, 1 / 2),
        ("dr-grpo", 2, 1 / 2 / LENGTH),
    ],
)
def test_the_estimate_is_the_gradient_of_the_expected_reward(algorithm, group, factor):
    policy = Table()
    found = estimate(policy, algorithm, group, PolicyOptions(max_tokens=LENGTH))
    torch.testing.assert_close(found, factor * expected_gradient(policy), atol=1e-10, rtol=0)


def test_minimum_risk_of_all_texts_is_the_expected_reward():
    policy = Table()
    logs, groups = text_logs(policy).sum(1), torch.zeros(len(IDS), dtype=torch.long)
    risk = minimum_risk(logs, REWARDS, groups, 1, sharpness=1.0)
    torch.testing.assert_close(-risk[0], (logs.exp() * REWARDS).sum(), atol=1e-12, rtol=0)
    torch.testing.assert_close(-gradient(policy, risk.sum()), expected_gradient(policy), atol=1e-10, rtol=0)


def test_groups_of_minimum_risk_are_apart_and_empty_ones_nothing():
    logs, rewards = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([1.0, 0.0, 5.0])
    risks = minimum_risk(logs, rewards, torch.tensor([0, 0, 2]), 3, sharpness=0.5)
    share = torch.tensor([-0.5, -1.0]).softmax(0)[0]
    torch.testing.assert_close(risks, torch.tensor([-share, 0.0, -5.0]))


@pytest.mark.parametrize("algorithm", [*LOSSES, "minimum-risk"])
def test_equal_rewards_have_no_advantage_to_the_bit(algorithm):
    rewards = torch.full((7,), 0.1, dtype=torch.float64)
    advantages, idle = advantages_of(algorithm, rewards, torch.tensor([0, 0, 0, 1, 1, 3, 3]), 4)
    if algorithm == "reinforce":  # which holds no text against another
        assert torch.equal(advantages, rewards)
        assert not idle.any()
        return
    assert torch.equal(advantages, torch.zeros(7, dtype=torch.float64))
    assert idle.tolist() == [True, True, False, True]


def test_advantages_are_trl_s():
    rewards = torch.tensor([0.0, 1.0, 0.5, 2.0, 2.0, 5.0], dtype=torch.float64)
    advantages, _ = advantages_of("grpo", rewards, torch.tensor([0, 0, 0, 1, 1, 1]), 2)
    grouped = rewards.view(2, 3)
    expected = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + SPREAD)
    torch.testing.assert_close(advantages, expected.view(-1))


def trl_loss(
    kind: str, level: str, texts: Drawn, reference: Tensor | None, kl: float, options: PolicyOptions
) -> Tensor:
    """The loss of TRL's trainer, whose model gives these log-probabilities."""
    count = len(texts.logs)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (texts.logs, torch.zeros_like(texts.logs), None),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level=level,
        beta=kl,
        args=SimpleNamespace(use_bias_correction_kl=False, delta=None),
        loss_type=kind,
        epsilon_low=options.clip,
        epsilon_high=options.clip,
        use_vllm=False,
        max_completion_length=options.max_tokens,
        current_gradient_accumulation_steps=1,
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(gather=lambda value: value, reduce=lambda value, reduction: value, num_processes=1),
        _entropy_bonus_enabled=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
    )
    none = torch.zeros(count, 0, dtype=torch.long)
    inputs = {
        "prompt_ids": none,
        "prompt_mask": none,
        "completion_ids": torch.zeros_like(texts.own, dtype=torch.long),
        "completion_mask": texts.own.long(),
        "advantages": texts.advantages,
        "old_per_token_logps": texts.drawn,
        "ref_per_token_logps": reference,
    }
    return GRPOTrainer._compute_loss(trainer, trainer.model, inputs)


@pytest.mark.parametrize(
    ("ours", "kind", "level", "kl"),
    [
        ("grpo", "grpo", "token", 0.0),
        ("grpo", "grpo", "token", 0.3),
        ("dr-grpo", "dr_grpo", "token", 0.0),
        ("gspo", "grpo", "sequence", 0.0),
        ("gspo", "grpo", "sequence", 0.3),
    ],
)
def test_losses_are_trl_s(ours, kind, level, kl):
    draws = torch.Generator().manual_seed(5)
    own = torch.arange(6) < torch.tensor([6, 1, 4, 3])[:, None]
    logs, drawn, reference = (-torch.rand(4, 6, generator=draws, dtype=torch.float64) for _ in range(3))
    texts = Drawn(logs.requires_grad_(), drawn, own, torch.tensor([1.0, -0.5, 0.3, -2.0], dtype=torch.float64))
    options = PolicyOptions(clip=0.2, max_tokens=9)
    expected = trl_loss(kind, level, texts, reference, kl, options)
    loss = LOSSES[ours](texts, options).losses.mean()
    loss = loss + kl * (divergence(logs, reference, own).sum(1) / texts.lengths).mean()
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=0)
    pairs = (torch.autograd.grad(value, [logs], retain_graph=True)[0] for value in (loss, expected))
    torch.testing.assert_close(*pairs, atol=1e-6, rtol=0)


def test_a_divergence_is_none_of_the_same_and_never_below():
    draws = torch.Generator().manual_seed(6)
    logs, reference = (-torch.rand(3, 4, generator=draws) for _ in range(2))
    own = torch.tensor([True, True, False, True])
    assert (divergence(logs, reference, own) >= 0).all()
    assert not divergence(logs, reference, own)[:, 2].any()
    assert not divergence(logs, logs, own).any()
