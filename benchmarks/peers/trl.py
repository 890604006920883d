"""TRL's trainers of rewards and preferences, as a CPU runs them best: single precision, nothing worked out twice.

    python -m benchmarks.peers.trl '{"trainer": "grpo", "folder": …, "task": "chain_sum", "steps": 100, …}'

prints one JSON object: the seconds from the beginning of the first step to the end of each, and of rewards the mean of
each step and its seconds of drawing and judging.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any


def main(given: dict[str, Any]) -> dict[str, Any]:
    """Train once."""
    import datasets
    import transformers

    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as place:
        return {"grpo": _grpo, "dpo": _dpo}[given["trainer"]](given, _common(given, place))


def _common(given: dict[str, Any], place: str) -> dict[str, Any]:
    """Settings of both trainers."""
    return {
        "output_dir": place, "max_steps": given["steps"], "per_device_train_batch_size": given["batch_size"],
        "learning_rate": given["learning_rate"], "lr_scheduler_type": "constant", "warmup_steps": 0,
        "weight_decay": 0.0, "adam_beta2": given["beta2"], "optim": "adamw_torch_fused", "max_grad_norm": 1.0,
        "seed": given["seed"], "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "save_strategy": "no",
        "logging_strategy": "no", "report_to": [], "disable_tqdm": True,
    }  # fmt: skip


def _grpo(given: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """A task of reasoning-gym, until the mean reward of the last steps is high enough."""
    import datasets
    import reasoning_gym
    from trl import GRPOConfig, GRPOTrainer

    prompts = given["steps"] * given["batch_size"] // given["group"]
    task = reasoning_gym.create_dataset(given["task"], size=prompts, seed=given["seed"] + 1, **given["settings"])
    rows = datasets.Dataset.from_list([{"prompt": task[n]["question"], "number": n} for n in range(prompts)])
    rewards: list[float] = []

    def judge(completions: list[str], number: list[int], **more: Any) -> list[float]:
        scores = [task.score_answer(text.strip(), task[n]) for text, n in zip(completions, number, strict=True)]
        rewards.append(sum(scores) / len(scores))
        return scores

    def is_enough() -> bool:
        last = rewards[-given["window"] :]
        return len(last) == given["window"] and sum(last) / len(last) >= given["goal"]

    settings = GRPOConfig(
        **common, num_generations=given["group"], steps_per_generation=1, max_completion_length=given["max_tokens"],
        temperature=given["temperature"], beta=0.0, epsilon=0.2, loss_type="grpo", scale_rewards="group",
    )  # fmt: skip
    trainer = GRPOTrainer(**_parts(given), reward_funcs=judge, args=settings, train_dataset=rows)
    drawing = _timed(trainer, "_generate_and_score_completions")
    return {"seconds": _seconds_of(trainer, is_enough), "rewards": rewards, "drawing": drawing}


def _dpo(given: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Pairs of texts, whose reference is worked out before the first step."""
    import datasets
    from trl import DPOConfig, DPOTrainer

    with open(given["pairs"], encoding="utf-8") as file:
        rows = datasets.Dataset.from_list([json.loads(line) for line in file])
    settings = DPOConfig(**common, max_length=given["context"], precompute_ref_log_probs=True, beta=0.1)
    trainer = DPOTrainer(**_parts(given), args=settings, train_dataset=rows)
    return {"seconds": _seconds_of(trainer, lambda: False)}


def _parts(given: dict[str, Any]) -> dict[str, Any]:
    """The model and its tokenizer."""
    import transformers

    return {
        "model": transformers.AutoModelForCausalLM.from_pretrained(given["folder"], dtype="float32"),
        "processing_class": transformers.AutoTokenizer.from_pretrained(given["folder"], padding_side="left"),
    }


def _seconds_of(trainer: Any, is_enough: Callable[[], bool]) -> list[float]:
    """Train; the seconds from the beginning of the first step to the end of each."""
    import transformers

    seconds: list[float] = []

    class Clock(transformers.TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.begun = time.perf_counter()

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            seconds.append(time.perf_counter() - self.begun)
            control.should_training_stop = control.should_training_stop or is_enough()

    trainer.add_callback(Clock())
    trainer.train()
    return seconds


def _timed(trainer: Any, name: str) -> list[float]:
    """The seconds of each call of a method, as they come."""
    spent: list[float] = []
    method = getattr(trainer, name)

    def call(*arguments: Any) -> Any:
        begun = time.perf_counter()
        result = method(*arguments)
        spent.append(time.perf_counter() - begun)
        return result

    setattr(trainer, name, call)
    return spent


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
