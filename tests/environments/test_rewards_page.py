"""The page about rewards: its programs learn, and its files and commands are as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from langue import environments
from langue.content import parse_yaml
from langue.environments import Reply, play
from langue.tasks.play.settings import MEASURES as PLAYED
from langue.tasks.play.settings import AlgorithmName
from langue.tasks.prefer.settings import MEASURES as PREFERRED
from langue.tasks.prefer.settings import PreferenceLoss

DOCS = Path(__file__).parents[2] / "docs"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
PAGE = (DOCS / "rewards.md").read_text(encoding="utf-8")


def rewards(script: str, amount: int) -> list[float]:
    arguments = [sys.executable, str(DOCS / script), str(amount)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=ONE_THREAD)
    return [float(number) for number in re.findall(r"reward (\S+)", done.stdout)]


def test_reinforce_learns_within_sixty_lines():
    assert len((DOCS / "reinforce.py").read_text().splitlines()) <= 60
    curve = rewards("reinforce.py", 120)
    assert curve[0] < 0.1
    assert curve[-1] > 0.3


def test_ppo_learns():
    pytest.importorskip("stable_baselines3")
    curve = rewards("ppo.py", 4096)
    assert len(curve) == 5
    assert curve[-1] > 0.3


def test_the_pages_tell_of_each_algorithm_each_loss_and_each_measure():
    preferences = (DOCS / "preferences.md").read_text(encoding="utf-8")
    assert not [name for name in (*get_args(AlgorithmName), *PLAYED) if f"| `{name}` |" not in PAGE]
    assert not [name for name in get_args(PreferenceLoss) if f"| `{name}` |" not in preferences]
    assert not [name for name in PREFERRED if name != "loss" and f"`{name}`" not in preferences]


def test_the_text_form_of_the_page_is_one():
    (stated,) = re.findall(r"```yaml\n(name: gym.*?)```", PAGE, re.DOTALL)
    made = environments.make(parse_yaml(stated))
    text, _ = made.reset(seed=0)
    assert re.fullmatch(r"Balance the pole: left, right\?\nThe cart is at -?0\.\d, the pole leans by -?0\.\d\d\.", text)
    assert made.step("neither")[0] == "Only left, right will do."


def test_the_environment_of_the_page_is_one():
    (program,) = re.findall(r"```python\n(from langue.environments import Outcome.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(program, names)

    def policy(observations, infos):
        return [Reply(str(info["turn"])) for info in infos]

    played = list(play(names["Guess"](max_turns=10), policy, range(20)))
    assert all(episode.reward == 1.0 for episode in played)
    assert len({len(episode.turns) for episode in played}) > 3
