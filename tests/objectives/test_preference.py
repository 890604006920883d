"""Losses of preferences against TRL's, on equal log-probabilities, and their gradients against finite differences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer

from langue.objectives.preference import PAIR_LOSSES, Likelihoods, PreferenceOptions, cpo, kto, orpo, simpo

WORDS = ["a", "b", "c", "d", "e", "f", "g", "h", "<eos>", "<pad>"]
PAIRS = [
    {"prompt": "a b", "chosen": " c d", "rejected": " e"},
    {"prompt": "b", "chosen": " f g h", "rejected": " a a"},
    {"prompt": "g g g", "chosen": " a", "rejected": " h h h h"},
]
JUDGED = [
    {"prompt": "a b", "completion": " c d", "label": True},
    {"prompt": "b", "completion": " f g h", "label": False},
    {"prompt": "g g g", "completion": " a", "label": False},
]


def hugging_face_tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<pad>"))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>")


def gpt2(seed: int) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"vocab_size": len(WORDS), "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    # Wide enough that policy and reference differ.
    config = GPT2Config(**sizes, initializer_range=0.5, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    config.bos_token_id = config.eos_token_id = WORDS.index("<eos>")
    return GPT2LMHeadModel(config)


def likelihoods(batch: dict[str, Any], before: str = "") -> Likelihoods:
    """What both models hold of a batch of TRL's, from their logits."""
    ids, mask = batch[f"{before}input_ids"], batch[f"{before}completion_mask"][:, 1:]
    sums = []
    for seed in (1, 2):
        with torch.no_grad():
            logits = gpt2(seed)(ids, attention_mask=batch[f"{before}attention_mask"]).logits[:, :-1]
        logs = F.log_softmax(logits, -1).gather(2, ids[:, 1:, None])[..., 0]
        sums.append((logs * mask).sum(1))
    return Likelihoods(sums[0], sums[1], mask.sum(1))


def rows_of(all_: Likelihoods, places: slice) -> Likelihoods:
    return Likelihoods(all_.policy[places], all_.reference[places], all_.lengths[places])


def trl(trainer: Any, config: Any, rows: list[dict[str, Any]], folder: Any, **options: Any) -> Any:
    settings = config(
        output_dir=str(folder),
        per_device_train_batch_size=len(rows),
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
        **options,
    )
    return trainer(
        model=gpt2(1),
        ref_model=gpt2(2),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=hugging_face_tokenizer(),
    )


@pytest.mark.parametrize(("ours", "theirs"), [("dpo", "sigmoid"), ("ipo", "ipo")])
def test_losses_with_a_reference_are_trl_s(ours, theirs, tmp_path):
    trainer = trl(DPOTrainer, DPOConfig, PAIRS, tmp_path, loss_type=theirs, beta=0.3)
    batch = next(iter(trainer.get_train_dataloader()))
    expected = trainer.compute_loss(trainer.model, batch).item()
    both = likelihoods(batch)
    count = len(PAIRS)
    chosen, rejected = rows_of(both, slice(count)), rows_of(both, slice(count, None))
    assert PAIR_LOSSES[ours](chosen, rejected, PreferenceOptions(beta=0.3)).mean().item() == pytest.approx(
        expected, abs=1e-6
    )


def test_the_loss_of_single_texts_is_trl_s(tmp_path):
    options = {"desirable_weight": 1.5, "undesirable_weight": 0.7}
    trainer = trl(KTOTrainer, KTOConfig, JUDGED, tmp_path, beta=0.3, **options)
    batch = next(iter(trainer.get_train_dataloader()))
    expected = trainer.compute_loss(trainer.model, batch).item()
    good = torch.tensor([bool(label) for label in batch["label"]])
    losses = kto(likelihoods(batch), likelihoods(batch, "KL_"), good, PreferenceOptions(beta=0.3, good=1.5, bad=0.7))
    assert losses.mean().item() == pytest.approx(expected, abs=1e-6)


def drawn(seed: int) -> Likelihoods:
    draws = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([1, 4, 7, 30])
    means = [-3 * torch.rand(4, generator=draws, dtype=torch.float64) - 1e-3 for _ in range(2)]
    return Likelihoods(means[0] * lengths, means[1] * lengths, lengths)


def test_the_odds_ratio_is_trl_s():
    chosen, rejected = drawn(1), drawn(2)
    trainer = SimpleNamespace(beta=0.3, accelerator=SimpleNamespace(device="cpu"))
    theirs = ORPOTrainer.odds_ratio_loss(trainer, chosen.means, rejected.means)[0]
    ours = orpo(chosen, rejected, PreferenceOptions(beta=0.3)) + chosen.means
    torch.testing.assert_close(ours.float(), -theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("kind", "loss"), [("sigmoid", cpo), ("simpo", simpo)])
def test_losses_without_a_reference_are_trl_s(kind, loss):
    chosen, rejected = drawn(1), drawn(2)
    trainer = SimpleNamespace(
        beta=0.3,
        alpha=0.0,
        simpo_gamma=0.8,
        loss_type=kind,
        label_smoothing=0.1,
        accelerator=SimpleNamespace(device="cpu"),
    )
    held = (chosen.means, rejected.means) if kind == "simpo" else (chosen.policy, rejected.policy)
    options = PreferenceOptions(beta=0.3, margin=0.8, smoothing=0.1, likelihood=0.0)
    torch.testing.assert_close(loss(chosen, rejected, options), CPOTrainer.cpo_loss(trainer, *held)[0])


@pytest.mark.parametrize("name", [*PAIR_LOSSES, "kto"])
def test_gradients_are_finite_differences(name):
    first, second = drawn(1), drawn(2)
    options = PreferenceOptions(beta=0.3, margin=0.8, smoothing=0.1, likelihood=0.5)
    good = torch.tensor([True, False, False, True])

    def losses(one, two):
        rows = [Likelihoods(policy, held.reference, held.lengths) for policy, held in ((one, first), (two, second))]
        return kto(*rows, good, options) if name == "kto" else PAIR_LOSSES[name](*rows, options)

    # Of kto, how far the policy has gone is an estimate without a gradient.
    two = second.policy.clone().requires_grad_(name != "kto")
    assert torch.autograd.gradcheck(losses, (first.policy.clone().requires_grad_(), two), atol=1e-7)


def test_odds_of_what_is_all_but_certain_are_finite():
    certain = torch.tensor([-1e-12, -50.0], dtype=torch.float64, requires_grad=True)
    rows = Likelihoods(certain, torch.zeros(2), torch.ones(2))
    loss = orpo(rows, drawn(3).__class__(certain.flip(0), torch.zeros(2), torch.ones(2)), PreferenceOptions()).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(certain.grad).all()
