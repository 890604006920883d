"""Reports of what is learnt from rewards and preferences: what says most comes first, and episodes stand at the end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from langue.files.metric_rows import write_line
from langue.report import write_report
from langue.tasks.play.settings import MEASURES
from pages import Page, check_self_contained

PLAY = {"task": "play", "play": {"environment": "reasoning-gym:chain_sum"}, "training": {"steps": 30}}
PREFER = {"task": "prefer", "prefer": {"loss": "dpo"}, "training": {"steps": 30}}


def page_of(folder: Path, recipe: dict, train: list[dict], dev: list[dict]) -> Page:
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    rows = [{"split": "train", **row} for row in train] + [{"split": "dev", **row} for row in dev]
    (folder / "metrics.jsonl").write_bytes(b"".join(map(write_line, rows)))
    write_report(folder)
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    return page


def titles(page: Page) -> list[str]:
    return re.findall(r"<header><h3>(.*?)</h3>", page.html)


@pytest.fixture
def played(tmp_path: Path) -> Page:
    names = [name for name in MEASURES if name not in ("reward", "length")]
    train = [
        {"step": step, "loss": 0.001, "reward": step / 30, "length": 4.0, **dict.fromkeys(names, 0.0)}
        for step in range(1, 31)
    ]
    dev = [
        {"step": step, "reward": step / 40, "length": 3.0, "best": True, "sample": f"1+{step}=\n→ 2  ({step / 40:.2f})"}
        for step in range(0, 31, 3)
    ]
    return page_of(tmp_path / "played", PLAY, train, dev)


def test_a_reward_comes_first_and_a_loss_that_says_nothing_is_not_shown(played):
    assert titles(played)[: len(MEASURES)] == [measure.title for measure in MEASURES.values()]
    assert "Loss" not in titles(played)
    assert "On the dev data reward was 0.750 at best, at step 30." in played.text
    assert "loss" not in played.text.lower()
    assert all(measure.meaning in played.text for measure in MEASURES.values())


def test_episodes_of_the_start_and_the_end_are_there_to_read(played):
    assert "1+0=" in played.text
    assert "reward 0.000" in played.text
    assert "1+30=" in played.text
    assert "reward 0.750" in played.text


def test_the_large_picture_is_that_of_the_reward(played):
    assert re.search(r'aria-label="Reward, [^"]*"', played.html.split("</svg>")[0])


def test_preferences_are_told_by_accuracy_margin_and_loss(tmp_path):
    train = [{"step": n, "loss": 0.6, "accuracy": 0.7, "margin": -0.1, "likelier": 0.5} for n in range(1, 31)]
    dev = [{"step": n, "loss": 0.6, "accuracy": 0.8, "margin": 0.2, "likelier": 0.6} for n in (0, 15, 30)]
    page = page_of(tmp_path / "preferred", PREFER, train, dev)
    assert titles(page) == ["Accuracy", "Margin", "Likelier", "Loss"]
    assert "accuracy on dev" in page.text
