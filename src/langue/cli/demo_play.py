"""`langue demo play`: a tiny model that guesses at sums learns them from nothing but right or wrong."""

from __future__ import annotations

import json
import random
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

PLAN = """\
A model of 0.1M parameters first learns to write sums from examples of which four in five are wrong, by two at most.
Then nobody shows it an answer any more: it tries 16 for each sum, is told right or wrong, and by GRPO does more of what
was right. Both take about a minute on two cores, and need no data and no network.
Everything goes to {out}. Ctrl-C saves, and the same command then goes on.
"""

WRITER = """\
# The model that guesses: langue train {recipe} --out FOLDER
task: generate
tokenizer: {{kind: char}}
model: {{preset: gpt-nano, layers: 2, width: 64, heads: 2, context: 16}}
data: {{train: guesses.txt, dev: 0.02, documents: line}}
training:
  steps: {writer_steps}
  batch_size: 64
  optimizer: muon
  learning_rate: 1.0e-2
  warmup_steps: 10
  evaluate_every: {writer_steps}
samples: {{max_tokens: 0}}
"""

PLAY = """\
# The same model, which learns from rewards: langue train {recipe} --start-from WRITER --out FOLDER
task: play
play:
  environment: {{name: Langue/Write-v0, prompts: {prompts}, verifier: exact}}
  algorithm: grpo
  group: 16           # answers to each sum, held against each other
  max_tokens: 4
  episodes: 100       # sums that it is measured by, with its likeliest answer
training:
  steps: {steps}
  batch_size: 256     # answers for each step: 16 sums
  optimizer: adamw
  learning_rate: 3.0e-3
  schedule: linear
  warmup_steps: 5
  evaluate_every: {every}
  log_every: 1
"""

NEXT = """\
Try next:
{page}  langue generate {out}/run "3+4="
  langue play {out}/run Langue/Write-v0 --set prompts={out}/sums.jsonl --set verifier=exact --episodes 10
  langue evaluate {out}/writer --environment Langue/Write-v0 --set prompts={out}/sums.jsonl --set verifier=exact
  langue train {out}/play.yaml --start-from {out}/writer --play.algorithm rloo --out {out}/rloo
With an environment of your own: docs/rewards.md
"""

PAGE = "  look at {out}/run/report.html in a browser, on a phone too: rewards, entropy, episodes\n"

LEVELS = "▁▂▃▄▅▆▇█"


def demo_play(out: Path, steps: int = 150, writer_steps: int = 250) -> None:
    """Train the model that guesses, let it learn from rewards, and show both."""
    from langue.extra import need

    need("gymnasium", "rl", "langue demo play")
    from langue.console import no_remarks
    from langue.report import write_report
    from langue.tasks.recipes import read_recipe

    print(PLAN.format(out=out), flush=True)
    write_files(out, steps, writer_steps)
    with no_remarks():
        _train(read_recipe(out / "writer.yaml"), out / "writer")
        _train(read_recipe(out / "play.yaml"), out / "run", start_from=out / "writer", follow=_follower(out / "run"))
    rewards = [row["reward"] for row in dev_rows(out / "run")]
    print(f"\nright at first {rewards[0]:.0%}, in the end {rewards[-1]:.0%} of all sums   {sparkline(rewards)}")
    print(write_report(out / "run"), end="\n\n")
    page = PAGE.format(out=out) if (out / "run" / "report.html").is_file() else ""
    print(NEXT.format(out=shlex.quote(str(out)), page=page))


def write_files(out: Path, steps: int, writer_steps: int) -> None:
    """Put sums, guesses and both recipes into a folder; those that are there stay."""
    draw, sums = random.Random(0), list(product(range(10), repeat=2))
    guesses = [f"{a}+{b}={max(0, a + b + draw.randint(-2, 2))}\n" for _ in range(60) for a, b in sums]
    rows = [json.dumps({"prompt": f"{a}+{b}=", "answer": str(a + b)}) + "\n" for a, b in sums]
    names = {"recipe": out / "play.yaml", "prompts": json.dumps(str(out.absolute() / "sums.jsonl"))}
    play = PLAY.format(**names, steps=steps, every=max(1, steps // 10))
    writer = WRITER.format(recipe=out / "writer.yaml", writer_steps=writer_steps)
    out.mkdir(parents=True, exist_ok=True)
    texts = {"guesses.txt": "".join(guesses), "sums.jsonl": "".join(rows), "writer.yaml": writer, "play.yaml": play}
    for name, text in texts.items():
        if not (out / name).exists():
            (out / name).write_text(text, encoding="utf-8")


def _train(
    recipe: Any, folder: Path, *, start_from: Path | None = None, follow: Callable[[], bool] = lambda: False
) -> None:
    """Train, or go on where it was interrupted; `follow` is called after each step.

    Raises:
        Interrupted: by a signal; what was learnt is saved.
    """
    from langue.errors import Interrupted
    from langue.experiment.training import set_up

    with set_up(recipe, folder, start_from=start_from, resume="auto") as session:
        session.run(follow)
        done = session.finish(report=False)
    if done.interrupted:
        raise Interrupted(done.signal or signal.SIGINT)
    follow()


def _follower(folder: Path) -> Callable[[], bool]:
    """A function that tells of the evaluations that are new, and never asks for a pause."""
    from langue.console import say

    shown = 0

    def follow() -> bool:
        nonlocal shown
        rows = dev_rows(folder)
        for number in range(shown + 1, len(rows) + 1):
            say(in_a_line(rows[:number]))
        shown = len(rows)
        return False

    return follow


def dev_rows(folder: Path) -> list[Mapping[str, Any]]:
    """The evaluations of a run so far."""
    from langue.files.metric_rows import read_lines

    return [line.values for line in read_lines(folder / "metrics.jsonl") if line.values["split"] == "dev"]


def in_a_line(rows: Sequence[Mapping[str, Any]]) -> str:
    """The last one of some evaluations: step, reward, all rewards until then, and its first episodes."""
    episodes = "   ".join(_episodes(rows[-1].get("sample", "")))
    curve = sparkline([row["reward"] for row in rows])
    return f"step {rows[-1]['step']:>4}   reward {rows[-1]['reward']:.2f}   {curve:<11}   {episodes}"


def _episodes(sample: str) -> Iterator[str]:
    """Episodes of a sample, each on one line: the sum with its answer, and the reward."""
    for episode in sample.split("\n\n"):
        yield " ".join(episode.replace("→ ", "").split()).replace("= ", "=")


def sparkline(values: Sequence[float]) -> str:
    """Values from 0 to 1 as bars of a height."""
    return "".join(LEVELS[min(len(LEVELS) - 1, int(max(0.0, value) * len(LEVELS)))] for value in values)
