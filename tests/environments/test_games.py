"""Environments of other libraries as environments of texts."""

from __future__ import annotations

import random

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from langue import environments
from langue.environments import Reply, play
from langue.environments.games import action_in
from langue.errors import LangueError
from langue.randomness import mix
from writers import count_up

LAKE = {"settings": {"is_slippery": False}}
WAY = ["down", "down", "right", "right", "down", "right"]


class Ponds(gymnasium.Env):
    """Two numbers, and how far one goes: with spaces of whatever kind."""

    action_space = spaces.Discrete(3, start=2)
    observation_space = spaces.Box(0, 9, (2,))

    def __init__(self, fails: bool = False):
        if fails:
            raise OSError("there is no water")

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.sum = 0
        return np.array([0.5, 1.25], np.float32), {}

    def step(self, action):
        self.sum += int(action)
        return np.array([0.5, self.sum], np.float32), 1.0, self.sum > 6, False, {}


class Echo(gymnasium.Env):
    """Texts in and texts out, drawn from the seed."""

    action_space = observation_space = spaces.Text(50)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.word = f"say {self.np_random.integers(1000)}"
        return self.word, {}

    def step(self, action):
        return "", float(action == self.word), True, False, {}


def test_frozen_lake_is_crossed_by_words():
    def policy(observations, infos):
        return [Reply(f"I go {WAY[info['turn']]}.") for info in infos]

    (episode,) = play(environments.make("gym:FrozenLake-v1", **LAKE), policy, [0])
    assert (episode.reward, episode.ended, len(episode.turns)) == (1.0, True, 6)
    fields = [0, 4, 8, 9, 10, 14]
    assert [turn.observation.split("\n")[-1] for turn in episode.turns] == [f"You are on field {n}." for n in fields]


def test_a_game_is_that_of_gymnasium_with_the_episodes_own_seed():
    made = environments.make("gym:Blackjack-v1")
    own = gymnasium.make("Blackjack-v1")
    for episode in range(5):
        text, _ = made.reset(seed=3, options={"episode": episode})
        numbers, _ = own.reset(seed=mix(3, "game", episode) >> 33)
        assert text.endswith("Your sum is {}, the dealer shows {}, usable aces: {}.".format(*numbers))
        step = own.step(1)
        assert made.step("hit")[1:4] == (step[1], step[2], step[3])


def test_an_answer_without_an_action_changes_nothing():
    form = {"actions": list("abcd"), "unclear": "one of {actions}!", "penalty": -0.5, "observation": "at {0}"}
    made = environments.make("gym:FrozenLake-v1", form=form, max_turns=3, **LAKE)
    assert made.reset(seed=0)[0] == "at 0"
    assert made.step("nowhere")[:4] == ("one of a, b, c, d!", -0.5, False, False)
    assert made.step("b")[0] == "at 4"
    assert made.step("?")[2:4] == (False, True)


@pytest.mark.parametrize(
    ("text", "action"),
    [("left", 0), ("not left, LEFTWARD, but Right!", 1), ("", None), ("upright", None), ("left-hand", 0), ("10", None)],
)
def test_the_action_that_is_named_last_is_meant(text, action):
    assert action_in(text, {"left": 0, "Right": 1, "1": 2}) == action


def test_numbers_begin_where_the_space_begins():
    made = environments.make("test_games:Ponds", form={"observation": "{0:.1f} and {1:.2f}"})
    assert made.reset(seed=0)[0] == "0.5 and 1.25"
    assert made.step("4")[0] == "0.5 and 4.00"
    assert made.step("3")[2] is True


def test_a_text_environment_of_gymnasiums_needs_no_form():
    made = environments.make("test_games:Echo")
    word, _ = made.reset(seed=1)
    assert made.step(word)[1] == 1.0
    assert made.reset()[0] != word
    assert made.reset(seed=1)[0] == word


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("test_games:Ponds", {}, "shows a Box, which has no text form"),
        ("test_games:Ponds", {"settings": {"fails": True}}, "cannot be made: there is no water"),
        ("gym:Pendulum-v1", {}, "takes a Box for actions"),
        ("gym:FrozenLake-v1", {"form": {"actions": ["a"]}}, "has 4 actions, but form.actions names 1"),
        ("gym:FrozenLake-v1", {"form": {"observation": "{0} and {1}"}}, "the text form does not fit"),
        ("gym:FrozenLake-v1", {"form": {"unclear": "{x}"}}, "the text form does not fit"),
        ("gym:FrozenLake-v1", {"form": {"action": ["a"]}}, "did you mean actions"),
        ("gym:FrozenLake", {}, "did you mean FrozenLake-v1"),
    ],
)
def test_what_has_no_text_form_is_one_sentence(name, settings, words):
    with pytest.raises(LangueError, match=words):
        environments.make(name, **settings)


def test_questions_of_reasoning_gym_are_judged_by_it():
    pytest.importorskip("reasoning_gym")
    made = environments.make("reasoning-gym:chain_sum", settings={"min_digits": 1, "max_digits": 1})
    made.reset(seed=0)
    *_, info = made.step("no number")
    made.reset(seed=0)
    assert made.step(f" {info['reference']}\n")[1] == 1.0
    made = environments.make("reasoning-gym:chain_sum", settings={"min_digits": 6, "max_digits": 6})
    questions = {made.reset(seed=seed, options={"episode": n})[0] for seed in (0, 1) for n in range(50)}
    assert len(questions) == 100


def test_an_answer_is_extracted():
    pytest.importorskip("reasoning_gym")
    made = environments.make("reasoning-gym:chain_sum", extract="<a>(.*?)</a>")
    made.reset(seed=0)
    gold = made.step("")[4]["reference"]
    for text, reward in ((f"<a>1</a> no, <a> {gold} </a>.", 1.0), (f"{gold}", 0.0)):
        made.reset(seed=0)
        assert made.step(text)[1] == reward


def test_what_reasoning_gym_does_not_know_is_one_sentence():
    pytest.importorskip("reasoning_gym")
    for name, settings, words in (
        ("reasoning-gym:chain_sums", {}, "did you mean chain_sum"),
        ("reasoning-gym:chain_sum", {"settings": {"digits": 1}}, "cannot be made"),
        ("reasoning-gym:chain_sum", {"extract": "a"}, "one group"),
    ):
        with pytest.raises(LangueError, match=words):
            environments.make(name, **settings)


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "textarena", None)
    with pytest.raises(LangueError, match="textarena:Hangman-v0 needs textarena: pip install textarena adds it"):
        environments.make("textarena:Hangman-v0")


def test_games_of_textarena_draw_from_their_own_seed():
    pytest.importorskip("textarena")
    made = environments.make("textarena:GuessTheNumber-v0")
    random.seed(7)
    state = random.getstate()
    together = {e.number: e for e in play(made, guess, range(6), seed=2)}
    alone = [next(iter(play(made, guess, [number], seed=2))) for number in range(6)]
    assert random.getstate() == state
    for episode in alone:
        assert [turn.observation for turn in together[episode.number].turns] == [t.observation for t in episode.turns]
    assert len({len(episode.turns) for episode in alone}) > 1


def guess(observations, infos):
    return [Reply(f"[{reply.text}]") for reply in count_up(observations, infos)]
