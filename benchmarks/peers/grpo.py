"""TRL's GRPOTrainer on a task of reasoning-gym, as a CPU runs it best: single precision, nothing computed twice.

    python -m benchmarks.peers.grpo '{"folder": …, "task": "chain_sum", "settings": {…}, "steps": 100, …}'

prints one JSON object: the seconds from the first step to the end of each, the mean reward of each, and the seconds of
drawing and judging.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from typing import Any


def main(given: dict[str, Any]) -> dict[str, Any]:
    """Train once."""
    import datasets
    import reasoning_gym
    import transformers
    from trl import GRPOConfig, GRPOTrainer

    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    prompts = given["steps"] * given["batch_size"] // given["group"]
    task = reasoning_gym.create_dataset(given["task"], size=prompts, seed=given["seed"] + 1, **given["settings"])
    rows = datasets.Dataset.from_list([{"prompt": task[n]["question"], "number": n} for n in range(prompts)])
    rewards: list[float] = []

    def judge(completions: list[str], number: list[int], **more: Any) -> list[float]:
        scores = [task.score_answer(text.strip(), task[n]) for text, n in zip(completions, number, strict=True)]
        rewards.append(sum(scores) / len(scores))
        return scores

    with tempfile.TemporaryDirectory() as place:
        settings = GRPOConfig(
            output_dir=place, max_steps=given["steps"], per_device_train_batch_size=given["batch_size"],
            num_generations=given["group"], steps_per_generation=1, max_completion_length=given["max_tokens"],
            temperature=given["temperature"], beta=0.0, epsilon=0.2, loss_type="grpo", scale_rewards="group",
            learning_rate=given["learning_rate"], lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0,
            optim="adamw_torch_fused", max_grad_norm=1.0, seed=given["seed"], use_cpu=True, bf16=False,
            gradient_checkpointing=False, save_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True,
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=transformers.AutoModelForCausalLM.from_pretrained(given["folder"], dtype="float32"),
            processing_class=transformers.AutoTokenizer.from_pretrained(given["folder"], padding_side="left"),
            reward_funcs=judge, args=settings, train_dataset=rows,
        )  # fmt: skip
        clock = _clock()
        trainer.add_callback(clock)
        spent = _timed(trainer, "_generate_and_score_completions")
        trainer.train()
    return {"seconds": clock.seconds, "rewards": rewards, "drawing": spent}


def _clock() -> Any:
    import transformers

    class Clock(transformers.TrainerCallback):
        """The seconds from the beginning of the first step to the end of each."""

        def __init__(self) -> None:
            self.seconds: list[float] = []

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.begun = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(time.perf_counter() - self.begun)

    return Clock()


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
