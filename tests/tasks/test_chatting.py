"""A decoder learns the assistant's part of conversations, and nothing else of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import langue
from langue.batch import IGNORE, Batch
from langue.errors import LangueError
from langue.experiment import train
from langue.tasks.chat.data import EncodedConversation, PackedConversations
from langue.tasks.chat.objective import AssistantObjective
from langue.tasks.recipes import read_recipe
from langue.text.chat import ChatTemplate

TALK = [{"role": "user", "content": "up?"}, {"role": "assistant", "content": "down."}]
LONG = [*TALK, {"role": "user", "content": "?"}, {"role": "assistant", "content": "left!ok"}]
LAYOUTS = {
    "messages": {"messages": TALK},
    "sharegpt": {"conversations": [{"from": "human", "value": "up?"}, {"from": "gpt", "value": "down."}]},
    "alpaca": {"instruction": "up?", "input": "", "output": "down."},
    "completion": {"prompt": "up?", "completion": "down."},
    "completion of messages": {"prompt": TALK[:1], "completion": TALK[1:]},
}


def recipe(folder: Path, rows: list[dict], **changes: str):
    (folder / "talks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    content = {
        "task": "chat",
        "tokenizer": {"kind": "byte"},
        "model": {"preset": "gpt-nano", "context": 80, "layers": 1, "width": 32, "heads": 2},
        "data": {"train": str(folder / "talks.jsonl"), "dev": 0.25},
        "training": {"steps": 60, "batch_size": 4, "learning_rate": 0.01, "evaluate_every": 60},
        "samples": {"max_tokens": 8},
    }
    return read_recipe(content, changes)


def loss_by_hand(model, talks: list[list[dict]]) -> float:
    """The mean loss of the assistant's tokens, one conversation after the other."""
    losses = []
    for talk in talks:
        ids, is_assistant = ChatTemplate(model.tokenizer).render(talk)
        with torch.inference_mode():
            logs = model.model(Batch(torch.tensor([ids[:-1]]))).log_softmax(-1)[0]
        losses += [-float(logs[place - 1, ids[place]]) for place in range(1, len(ids)) if is_assistant[place]]
    return sum(losses) / len(losses)


def test_a_decoder_learns_to_answer_and_talks(tmp_path, capsys):
    rows = [row for row in LAYOUTS.values() for _ in range(4)]
    run = train(recipe(tmp_path, rows), tmp_path / "run")
    assert run.metrics["loss"] < 0.2
    said = capsys.readouterr().err
    assert "⟦down.<|end|>⟧" in said
    model = langue.load(tmp_path / "run")
    assert model.chat("up?", temperature=0) == {"role": "assistant", "content": "down."}
    assert "".join(model.chat(TALK[:1], stream=True, temperature=0)) == "down."
    assert "<mark>down.&lt;|end|&gt;</mark>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "test.jsonl").write_text(json.dumps({"messages": TALK}) + "\n" + json.dumps({"messages": LONG}) + "\n")
    measured = langue.evaluate(model, str(tmp_path / "test.jsonl"))
    assert measured["metrics"]["loss"] == pytest.approx(loss_by_hand(model, [TALK, LONG]), rel=1e-5)
    assert (measured["conversations"], measured["tokens"]) == (2, 20)
    learnt = json.loads((tmp_path / "run" / "learnt.json").read_text(encoding="utf-8"))
    assert [[text for text, is_learnt in row if is_learnt] for row in learnt] == [["down.<|end|>"]] * 3


def test_all_layouts_are_the_same_conversation(tmp_path):
    from langue.tasks.training_task import set_up, training_task

    made = []
    for row in LAYOUTS.values():
        asked = recipe(tmp_path, [row] * 4)
        with set_up(training_task(asked), asked) as (task, _):
            made.append(task.train.conversations[0].ids.tolist())
    assert made == [made[0]] * len(LAYOUTS)


def test_targets_are_the_assistants_tokens_by_brute_force():
    """Conversations of random tokens and masks: each token that is learnt is a target exactly once."""
    draws = np.random.default_rng(0)
    conversations = [
        EncodedConversation(draws.integers(1, 99, n).astype(np.int32), draws.random(n) < 0.4)
        for n in draws.integers(2, 20, 30)
    ]
    packed = PackedConversations(conversations, 24, seed=1)
    batch = AssistantObjective().batch(packed.rows(0, packed.size))
    asked = [
        (int(batch.ids[row, place]), int(batch.targets[row, place]))
        for row, place in (batch.targets != IGNORE).nonzero().tolist()
    ]
    expected = [
        (int(one.ids[place - 1]), int(one.ids[place]))
        for one in conversations
        for place in range(1, len(one.ids))
        if one.is_assistant[place]
    ]
    assert sorted(asked) == sorted(expected)


def test_conversations_in_one_row_do_not_see_each_other(tmp_path):
    from langue.models import ModelConfig, build

    ids = [np.arange(1, n, dtype=np.int32) for n in (6, 9)]
    conversations = [EncodedConversation(row, np.ones(len(row), bool)) for row in ids]
    packed = PackedConversations(conversations, 15, seed=0)
    assert packed.size == 1
    objective = AssistantObjective()
    for mixer in ("attention", "lstm"):
        config = ModelConfig(
            vocab_size=16, width=16, layers=1, heads=2, context=15, mixer=mixer,
            position="rotary" if mixer == "attention" else "none",
        )  # fmt: skip
        model = build(config, seed=1).eval()
        alone = [PackedConversations([one], 15, seed=0) for one in conversations]
        with torch.inference_mode():
            together = objective.loss(model, objective.batch(packed.rows(0, 1))).total
            apart = sum(objective.loss(model, objective.batch(one.rows(0, 1))).total for one in alone)
        assert float(together) == pytest.approx(float(apart), rel=1e-5)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"messages": TALK[:1]}, "line 1: the assistant says nothing"),
        ({"messages": [{"role": "usr", "content": "x"}]}, "line 1: message 1 has the role 'usr'"),
        ({"text": "x"}, "line 1 has no column messages"),
        ({"conversations": ["x"]}, "line 1: message 1 is 'x'"),
    ],
)
def test_a_row_that_is_no_conversation_is_named(row, words, tmp_path):
    with pytest.raises(LangueError, match=words):
        train(recipe(tmp_path, [row, {"messages": TALK}]), tmp_path / "run", report=False)
    assert not (tmp_path / "run").exists()


def test_conversations_beyond_the_context_are_left_out_and_told(tmp_path, capsys):
    long = {"messages": [TALK[0], {"role": "assistant", "content": "down " * 30}]}
    rows = [{"messages": TALK}] * 30
    train(
        recipe(tmp_path, [*rows, long], **{"training.steps": "1", "data.max_dropped": "0.5"}),
        tmp_path / "run",
        report=False,
    )
    assert "longer than the context" in capsys.readouterr().err
    with pytest.raises(LangueError, match="longer than the context"):
        train(recipe(tmp_path, [{"messages": TALK}, long, long, long]), tmp_path / "other", report=False)


def test_a_template_file_goes_with_the_run(tmp_path):
    source = "{% for m in messages %}{{ m.role[0] + m.content }}<|end|>{% endfor %}"
    source += "{% if add_generation_prompt %}a{% endif %}"
    (tmp_path / "talk.jinja").write_text(source, encoding="utf-8")
    changes = {"chat.template": str(tmp_path / "talk.jinja"), "training.steps": "1"}
    train(recipe(tmp_path, [{"messages": TALK}] * 8, **changes), tmp_path / "run", report=False)
    assert langue.load(tmp_path / "run").tokenizer.chat_templates == {"default": source}


def test_an_encoder_cannot_chat(tmp_path):
    with pytest.raises(LangueError, match="task: chat needs model"):
        train(recipe(tmp_path, [{"messages": TALK}] * 8, **{"model.form": "encoder"}), tmp_path / "run")
