"""`langue play`, and `langue evaluate --environment`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from langue import cli, environments
from langue.evaluation.episodes import evaluate_episodes
from langue.metrics.significance import as_mean, bootstrap, mean_of
from pair_rows import write_pairs
from spoken_rows import RECIPE, write_spoken
from writers import save_writer


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A writer, a translator with its pairs, and a transcriber with its recordings."""
    place = tmp_path_factory.mktemp("play")
    save_writer(place / "writer", context=64)
    train(write_pairs(place / "pairs"), place / "translator")
    recipe = write_spoken(place / "spoken")
    recipe.write_text(RECIPE.replace("steps: 240", "steps: 2").replace("evaluate_every: 120", "evaluate_every: 2"))
    train(recipe, place / "transcriber")
    return place


def train(recipe: Path, out: Path) -> None:
    assert cli.run(["train", str(recipe), "--out", str(out), "--no-report"]) == 0


def printed(capsys, *arguments, status: int = 0) -> str:
    capsys.readouterr()
    assert cli.run(list(map(str, arguments))) == status
    return capsys.readouterr().out


def complaint(capsys, *arguments) -> str:
    capsys.readouterr()
    assert cli.run(list(map(str, arguments))) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_episodes_are_shown_with_their_rewards(folder, capsys):
    table = folder / "pairs" / "train.tsv"
    arguments = ["play", folder / "translator", "Langue/Translate-v0", "--set", f"data={table}", "--episodes", 3]
    lines = printed(capsys, *arguments).splitlines()
    assert [line.split("   ")[0] for line in lines] == ["episode 0", "episode 1", "episode 2"]
    objects = [json.loads(line) for line in printed(capsys, *arguments, "--json").splitlines()]
    golds = dict(line.split("\t") for line in table.read_text().splitlines()[1:])
    for line, row in zip(lines, objects, strict=True):
        assert f"reward {row['reward']:.4f}" in line
        assert row["turns"][0]["observation"] in golds
    assert f"> {objects[0]['turns'][0]['action']}\n" in printed(capsys, *arguments, "--watch")


def test_evaluate_gives_the_mean_reward_with_its_interval(folder, capsys):
    table = folder / "pairs" / "train.tsv"
    play = ["play", folder / "translator", "Langue/Translate-v0", "--set", f"data={table}", "--episodes", 20, "--json"]
    rewards = [json.loads(line)["reward"] for line in printed(capsys, *play).splitlines()]
    arguments = ["--environment", "Langue/Translate-v0", "--data", table, "--episodes", 20]
    result = json.loads(printed(capsys, "evaluate", folder / "translator", *arguments, "--json"))
    interval = bootstrap(as_mean(np.array(rewards)), mean_of)
    assert result["metrics"] == {"reward": pytest.approx(np.mean(rewards))}
    assert result["intervals"]["reward"] == pytest.approx([interval.low, interval.high])
    assert (result["task"], result["data"], result["examples"]) == ("translate", "Langue/Translate-v0", 20)
    assert f"reward               {np.mean(rewards):.4f}" in printed(
        capsys, "evaluate", folder / "translator", *arguments
    )


def test_all_rows_are_played_once_where_nobody_says_how_many(folder, capsys):
    table = folder / "pairs" / "train.tsv"
    result = json.loads(
        printed(
            capsys, "evaluate", folder / "translator", "--environment", "Langue/Translate-v0", "--data", table, "--json"
        )
    )
    assert result["examples"] == len(table.read_text().splitlines()) - 1


def test_a_model_that_hears_gets_recordings(folder, capsys):
    table = folder / "spoken" / "test.tsv"
    arguments = [
        "play",
        folder / "transcriber",
        "Langue/Transcribe-v0",
        "--set",
        f"data={table}",
        "--set",
        "reward=cer",
    ]
    assert len(printed(capsys, *arguments, "--episodes", 4).splitlines()) == 4
    assert "needs recordings" in complaint(
        capsys, "play", folder / "transcriber", "Langue/Write-v0", "--set", "prompts=[a]", "--set", "verifier=length"
    )


def test_a_file_says_name_and_settings(folder, tmp_path, capsys):
    (tmp_path / "lake.yaml").write_text("name: gym:FrozenLake-v1\nmax_turns: 3\nsettings: {is_slippery: false}\n")
    arguments = ["play", folder / "writer", tmp_path / "lake.yaml", "--episodes", 2, "--max-tokens", 4, "--json"]
    objects = [json.loads(line) for line in printed(capsys, *arguments).splitlines()]
    assert [(len(row["turns"]), row["truncated"]) for row in objects] == [(3, True)] * 2
    assert objects[0]["turns"] != objects[1]["turns"]
    again = [json.loads(line) for line in printed(capsys, *arguments).splitlines()]
    assert again == objects


def test_a_file_s_data_stand_beside_it(folder, tmp_path, capsys):
    (tmp_path / "pairs.tsv").write_bytes((folder / "pairs" / "train.tsv").read_bytes())
    (tmp_path / "pairs.yaml").write_text("name: Langue/Translate-v0\ndata: pairs.tsv\n")
    arguments = ["play", folder / "translator", tmp_path / "pairs.yaml", "--episodes", 2, "--json"]
    assert len(printed(capsys, *arguments).splitlines()) == 2


def test_a_person_plays_at_the_keyboard(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("down\nDOWN!\nright, right\nright\ndown\nright\n"))
    lake = ["play", "human", "gym:FrozenLake-v1", "--set", "settings={is_slippery: false}"]
    assert printed(capsys, *lake) == "episode 0   reward 1.0000   6 turns   right\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("down\n"))
    assert "standard input ended" in complaint(capsys, *lake)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"down\n\xff\n"), encoding="utf-8"))
    assert "not in the terminal's encoding" in complaint(capsys, *lake)
    monkeypatch.setattr("sys.stdin", None)
    assert "standard input ended" in complaint(capsys, *lake)


ODD = """\
from langue.environments import Outcome, Scene, TextEnvironment

class Odd(TextEnvironment):
    name = "odd_episodes:Odd"

    def scene(self, seed, episode):
        def answer(text):
            assert episode % 2 == 0, f"nothing in {episode}"
            return Outcome(episode)

        return Scene("go", answer)
"""


def test_failing_episodes_are_named_and_counted(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "odd_episodes.py").write_text(ODD)
    monkeypatch.chdir(tmp_path)
    arguments = ["play", folder / "writer", "odd_episodes:Odd", "--episodes", 4, "--max-tokens", 3]
    lines = printed(capsys, *arguments, status=1).splitlines()
    assert [line.split("   ")[1].split(":")[0] for line in lines] == [
        "reward 0.0000",
        "failed",
        "reward 2.0000",
        "failed",
    ]


def test_what_cannot_be_played_is_one_sentence(folder, capsys):
    writer = folder / "writer"
    assert "did you mean FrozenLake-v1" in complaint(capsys, "play", writer, "gym:FrozenLaek-v1")
    assert "no text form" in complaint(capsys, "play", writer, "gym:CartPole-v1")
    assert "play 1 or more" in complaint(capsys, "play", writer, "gym:FrozenLake-v1", "--episodes", 0)
    assert "nothing to measure on" in complaint(capsys, "evaluate", writer)
    assert "--environment" in complaint(capsys, "evaluate", writer, "--data", "a.txt", "--episodes", 3)


def test_every_episode_failing_is_refused():
    class Broken(environments.TextEnvironment):
        def scene(self, seed, episode):
            raise ValueError("broken")

    from langue.errors import LangueError

    with pytest.raises(LangueError, match="every episode of an environment failed; the first: broken"):
        evaluate_episodes(lambda *_: [], Broken(), episodes=3)


def test_a_plain_installation_says_what_is_lacking():
    program = "import sys; sys.modules['gymnasium'] = None; from langue import cli; sys.exit(cli.run(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, "play", "human", "x"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "langue: an environment needs gymnasium: pip install 'langue[rl]' adds it\n"
