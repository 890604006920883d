"""The environments as Gymnasium sees them: its own checks, episodes by key, and vectors of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from langue import environments
from langue.environments.environment import row_of
from langue.environments.spaces import UnicodeText
from langue.errors import LangueError
from spoken_rows import write_spoken
from writers import PAIRS, Guess, tokenizer

PROMPTS = ["two and two is ", "three and four is ", "é中 ", "one "]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    return write_spoken(tmp_path_factory.mktemp("spoken") / "data").parent / "test.tsv"


def settings_of(name: str, spoken: Path) -> dict:
    return {
        "Langue/Write-v0": {"prompts": PROMPTS, "verifier": "regex:a"},
        "Langue/Translate-v0": {"data": PAIRS},
        "Langue/Transcribe-v0": {"data": spoken},
        "Langue/Tokens-v0": {
            "environment": {"name": "Langue/Write-v0", "prompts": PROMPTS, "verifier": "length:2"},
            "tokenizer": tokenizer(),
            "max_tokens": 5,
        },
    }[name]


IDS = ["Langue/Write-v0", "Langue/Translate-v0", "Langue/Transcribe-v0", "Langue/Tokens-v0"]


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_finds_nothing_amiss(name, spoken):
    made = gymnasium.make(name, **settings_of(name, spoken))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made.unwrapped)


@pytest.mark.parametrize("more", [{"max_turns": 3}, {"tokenizer": tokenizer()}, {"render_mode": "ansi"}])
def test_several_turns_tokens_and_rendering_pass_too(more):
    made = gymnasium.make("Langue/Write-v0", prompts=PROMPTS, verifier="regex:a", **more)
    check_env(made.unwrapped)


@pytest.mark.parametrize("name", ["gym:FrozenLake-v1", "gym:Blackjack-v1", "gym:CliffWalking-v1"])
def test_those_of_others_pass_as_environments_of_text(name):
    check_env(environments.make(name))


def test_an_episode_is_a_pure_function_of_seed_and_number():
    one, other = (environments.make("Langue/Translate-v0", data=PAIRS) for _ in range(2))
    texts = [one.reset(seed=5)[0], *(one.reset()[0] for _ in range(11))]
    picked = [other.reset(seed=5, options={"episode": number})[0] for number in reversed(range(12))]
    assert texts == picked[::-1]
    assert one.reset(seed=5)[0] == texts[0]
    other.reset(options={"episode": 3})
    assert other.reset()[1]["episode_number"] == 4


def test_each_epoch_has_all_rows_and_seeds_have_different_orders():
    rows = [row_of(7, 1, episode) for episode in range(21)]
    assert all(sorted(rows[start : start + 7]) == list(range(7)) for start in (0, 7, 14))
    assert rows != [row_of(7, 2, episode) for episode in range(21)]
    assert rows[:7] != rows[7:14]


def played_alone(name: str, settings: dict, count: int) -> list[tuple]:
    environment = environments.make(name, **settings)
    played = []
    for episode in range(count):
        observation, _ = environment.reset(seed=3, options={"episode": episode})
        step = environment.step(str(episode % 3))
        while not (step[2] or step[3]):
            step = environment.step(str(episode % 3))
        played.append((episode, observation, step[0], step[1]))
    return played


def played_in_a_vector(name: str, settings: dict, count: int, size: int, processes: bool) -> list[tuple]:
    vector = environments.make_vector(name, size, processes=processes, **settings)
    observations, infos = vector.reset(seed=3)
    begun = {index: (int(infos["episode_number"][index]), observations[index]) for index in range(size)}
    played: dict[int, tuple] = {}
    while len(played) < count:
        actions = [str(begun[index][0] % 3) for index in range(size)]
        answers, rewards, ended, truncated, infos = vector.step(actions)
        for index in range(size):
            assert begun[index][0] % size == index
            if ended[index] or truncated[index]:
                assert begun[index][0] not in played
                played[begun[index][0]] = (*begun[index], answers[index], float(rewards[index]))
            elif infos["turn"][index] == 0:
                begun[index] = (int(infos["episode_number"][index]), answers[index])
    vector.close()
    return [played[episode] for episode in range(count) if episode in played]


@pytest.mark.parametrize(("size", "processes"), [(1, False), (3, False), (2, True)])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("Langue/Translate-v0", {"data": PAIRS}), ("writers:Guess", {"max_turns": 4})],
)
def test_a_vector_plays_what_one_environment_plays_alone(name, settings, size, processes):
    alone = played_alone(name, settings, 24)
    together = played_in_a_vector(name, settings, 12, size, processes)
    assert len(together) >= 8  # all that belong to the fastest are there, and those of others as far as they came
    assert all(episode in alone for episode in together)


def test_a_vector_begins_with_as_many_episodes_of_one_seed():
    vector = gymnasium.make_vec("Langue/Translate-v0", num_envs=3, data=PAIRS)
    observations, infos = vector.reset(seed=9)
    assert infos["episode_number"].tolist() == [0, 1, 2]
    alone = environments.make("Langue/Translate-v0", data=PAIRS)
    assert list(observations) == [alone.reset(seed=9)[0], alone.reset()[0], alone.reset()[0]]


def test_wrappers_of_gymnasiums_find_room_for_their_statistics():
    made = gymnasium.make("Langue/Write-v0", prompts=["a" * 100_000], verifier="length:1")
    counting = gymnasium.wrappers.RecordEpisodeStatistics(made)
    prompt, info = counting.reset(seed=1)
    assert prompt in counting.observation_space
    assert info["episode_number"] == 0
    assert counting.step("one")[4]["episode"]["r"] == 1.0


def test_recordings_of_different_lengths_stand_side_by_side(spoken):
    vector = environments.make_vector("Langue/Transcribe-v0", 4, data=spoken)
    _, infos = vector.reset(seed=0)
    assert len({len(samples) for samples in infos["audio"]}) > 1
    assert all(samples.dtype == np.float32 for samples in infos["audio"])


def test_strings_in_shared_memory_are_refused_rather_than_lost():
    with pytest.raises(ValueError, match="shared_memory=False"):
        gymnasium.make_vec("Langue/Translate-v0", num_envs=2, vectorization_mode="async", data=PAIRS)
    some = {"vectorization_mode": "async", "vector_kwargs": {"shared_memory": False}}
    vectors = [
        gymnasium.make_vec("Langue/Translate-v0", 2, data=PAIRS, **more)
        for more in (some, {"vectorization_mode": "sync"})
    ]
    observations = [list(vector.reset(seed=[4, 5])[0]) for vector in vectors]
    vectors[0].close()
    assert observations[0] == observations[1]


def test_the_space_of_texts_holds_any_script_up_to_a_length():
    space = UnicodeText(40, seed=0)
    assert "" in space
    assert "größer 中文 👋" in space
    assert "a" * 41 not in space
    assert 3 not in space
    samples = [space.sample() for _ in range(200)]
    assert all(sample in space for sample in samples)
    assert any(not sample.isascii() for sample in samples)


def test_infos_have_the_tokens_of_each_observation():
    letters = tokenizer()
    made = environments.make("Langue/Write-v0", prompts=["ab"], verifier="regex:z", max_turns=2, tokenizer=letters)
    _, info = made.reset(seed=0)
    assert info["written"].ids == tuple(letters.prompt("ab"))
    assert set(info["written"].authors) == {"prompt"}
    *_, info = made.step("b")
    assert letters.decode(info["written"].ids) == "ry again."  # the tokenizer knows no capital letters
    assert set(info["written"].authors) == {"environment"}


def test_turns_end_with_enough_reward_or_are_truncated():
    made = environments.make("Langue/Write-v0", prompts=["ab"], verifier="regex:z", max_turns=3)
    made.reset(seed=0)
    assert made.step("a")[:4] == ("Try again.", 0.0, False, False)
    assert made.step("z")[:4] == ("", 1.0, True, False)
    made.reset()
    assert [made.step("a")[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]


def test_what_cannot_be_is_one_sentence():
    for name, settings, words in (
        ("FrozenLake-v1", {}, "did you mean gym:FrozenLake-v1"),
        ("Langue/Write-v1", {}, "did you mean Langue/Write-v0"),
        ("Langue/Write-v0", {"prompts": ["a"], "verifer": "regex:a"}, "verifier"),
        ("Langue/Write-v0", {"prompts": 3, "verifier": "regex:a"}, "prompts: it should be a file or rows, got 3"),
        ("Langue/Translate-v0", {"data": None}, "it should be a file or rows"),
        ("Langue/Write-v0", {"prompts": ["a"], "verifier": 3}, "a name or a mapping with its kind, not 3"),
        ("Langue/Write-v0", {"prompts": [], "verifier": "regex:a"}, "no prompts"),
        ("Langue/Translate-v0", {"data": PAIRS, "reward": "rouge"}, "reward"),
        ("Langue/Translate-v0", {"data": "nowhere.tsv"}, "nowhere.tsv"),
        ("nowhere:Thing", {}, "importing nowhere"),
        ("json:Thing", {}, "has no Thing"),
        ("json:JSONDecoder", {}, "no environment of Gymnasium's"),
    ):
        with pytest.raises(LangueError, match=words):
            environments.make(name, **settings)


def test_a_worker_beyond_the_vector_is_refused():
    with pytest.raises(LangueError, match="no worker 2 of 2"):
        Guess(worker=(2, 2))
