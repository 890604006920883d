"""An environment of texts, one token at a time."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from langue import environments
from langue.errors import LangueError
from writers import PAIRS, Guess, tokenizer


def tokens(environment, **settings):
    return gymnasium.make("Langue/Tokens-v0", environment=environment, tokenizer=tokenizer(), **settings).unwrapped


def written(env, text: str, end: bool = True) -> list[tuple]:
    letters = env.tokenizer
    return [env.step(token) for token in [*letters.encode(text), *([letters.end] if end else [])]]


def test_a_text_is_handed_over_when_a_token_ends_it():
    env = tokens({"name": "Langue/Translate-v0", "data": PAIRS}, max_tokens=50)
    whole = environments.make("Langue/Translate-v0", data=PAIRS)
    for episode in range(4):
        assert env.tokenizer.decode(env.reset(seed=2, options={"episode": episode})[1]["written"].ids)
        whole.reset(seed=2, options={"episode": episode})
        steps = written(env, "a house at sea")
        assert [step[1] for step in steps[:-1]] == [0.0] * 14
        assert not any(step[2] or step[3] for step in steps[:-1])
        assert steps[-1][1:4] == whole.step("a house at sea")[1:4]


def test_a_text_that_is_long_enough_is_handed_over_too():
    env = tokens({"name": "Langue/Write-v0", "prompts": ["x"], "verifier": "regex:abc$"}, max_tokens=3)
    env.reset(seed=0)
    assert written(env, "abc", end=False)[-1][1:4] == (1.0, True, False)


def test_shaped_rewards_add_up_to_the_reward_of_the_whole():
    env = tokens({"name": "Langue/Translate-v0", "data": PAIRS}, reward="shaped", max_tokens=50)
    whole = environments.make("Langue/Translate-v0", data=PAIRS)
    source, _ = whole.reset(seed=0)
    env.reset(seed=0)
    gold = next(pair["target"] for pair in PAIRS if pair["source"] == source)
    rewards = [step[1] for step in written(env, gold)]
    assert sum(rewards) == pytest.approx(whole.step(gold)[1])
    assert sum(reward > 0 for reward in rewards) > 5


def test_an_environment_that_cannot_judge_halves_is_not_shaped():
    with pytest.raises(LangueError, match="cannot judge an unfinished text"):
        tokens(Guess(), reward="shaped").reset()


def test_the_observation_is_the_last_tokens():
    env = tokens({"name": "Langue/Write-v0", "prompts": ["ab"], "verifier": "length:1"}, context=4, max_tokens=9)
    letters = env.tokenizer
    observation, _ = env.reset(seed=0)
    nothing = letters.vocab_size
    assert observation.tolist() == [nothing, nothing, *letters.encode("ab")]
    assert written(env, "cde", end=False)[-1][0].tolist() == letters.encode("bcde")
    assert observation.dtype == np.int64
    assert observation in env.observation_space


def test_turns_go_on_behind_the_environments_answer():
    env = tokens(Guess(max_turns=3), context=40)
    env.reset(seed=0)
    answer = written(env, "0")[-1]
    texts = dict.fromkeys(("prompt", "model", "environment"), "")
    for token, author in zip(answer[4]["written"].ids, answer[4]["written"].authors, strict=True):
        texts[author] += env.tokenizer.decode([token])
    assert texts == {"prompt": "guess", "model": "0", "environment": "more"}
    assert [written(env, "?")[-1][2:4] for _ in range(2)] == [(False, False), (False, True)]


def test_what_it_cannot_stand_on_is_one_sentence():
    with pytest.raises(LangueError, match="tokenizer is missing"):
        gymnasium.make("Langue/Tokens-v0", environment=Guess())
    with pytest.raises(LangueError, match="environment is missing"):
        gymnasium.make("Langue/Tokens-v0", tokenizer=tokenizer())
    with pytest.raises(LangueError, match="a mapping of its name"):
        tokens({"prompts": ["a"]})
    with pytest.raises(LangueError, match=r"made by gymnasium\.make"):
        environments.make("Langue/Tokens-v0")
