"""Rollouts: what is played depends on nobody beside it, and what goes wrong is named."""

from __future__ import annotations

import itertools
import math
import signal
import threading
import time

import pytest
import torch

from langue import environments
from langue.batch import IGNORE
from langue.environments import Outcome, Reply, Scene, TextEnvironment, play, policy_of
from langue.environments.rollout import FAILURES
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.tasks.translate.predict import Translate
from langue.text import TokenizerSettings, train_tokenizer
from langue.written_text import batch_of
from writers import PAIRS, Guess, count_up, decoder


class Odd(TextEnvironment):
    """Raises in odd episodes, or in all from the fifth on."""

    name = "tests:Odd"
    always = False

    def scene(self, seed: int, episode: int) -> Scene:
        def answer(text: str) -> Outcome:
            if episode % 2 or (self.always and episode > 4):
                raise RuntimeError(f"nothing in {episode}")
            return Outcome(float(episode))

        return Scene("go", answer)


class Strange(TextEnvironment):
    """Answers with what it is told to."""

    name = "tests:Strange"
    reward = math.nan

    def scene(self, seed: int, episode: int) -> Scene:
        return Scene("go", lambda text: Outcome(self.reward))


class Fickle(TextEnvironment):
    """Says another thing each time: first, or in the end."""

    name = "tests:Fickle"
    at_once = True
    numbers = itertools.count()

    def scene(self, seed: int, episode: int) -> Scene:
        first = str(next(self.numbers)) if self.at_once else "go"
        return Scene(first, lambda text: Outcome(float(next(self.numbers))))


class Endless(TextEnvironment):
    """Never ends by itself."""

    name = "tests:Endless"

    def scene(self, seed: int, episode: int) -> Scene:
        return Scene("go", lambda text: Outcome(1.0, "on", ended=False))


def test_episodes_are_played_to_their_end():
    played = sorted(play(Guess(max_turns=20), count_up, range(30), seed=2), key=lambda episode: episode.number)
    assert [episode.number for episode in played] == list(range(30))
    assert all(episode.reward == 1.0 and episode.ended and not episode.truncated for episode in played)
    assert {len(episode.turns) for episode in played} == set(range(1, 11))
    assert played[3].turns[0].observation == "guess"
    assert all(turn.observation == "more" for turn in played[3].turns[1:])


@pytest.mark.parametrize("together", [1, 3, 100])
def test_what_is_played_does_not_depend_on_what_is_played_beside_it(together):
    policy = policy_of(decoder(), max_tokens=5, temperature=1.0, seed=4)
    place = Guess(max_turns=3)
    all_at_once = {e.number: e for e in play(place, policy, range(7), samples=2) if e.sample == 1}
    some = {e.number: e for e in play(place, policy, range(7), samples=2, together=together) if e.sample == 1}
    for number in range(7):
        first, second = all_at_once[number], some[number]
        assert [turn.reply.text for turn in first.turns] == [turn.reply.text for turn in second.turns]
        assert first.written.ids == second.written.ids
        assert first.written.log_probabilities == pytest.approx(second.written.log_probabilities, abs=1e-4)
    assert len({turn.reply.text for episode in some.values() for turn in episode.turns}) > 7


def test_samples_of_one_episode_differ_and_episodes_go_on_with_all_that_was_written():
    task = decoder()
    letters = task.tokenizer
    played = list(play(Guess(max_turns=2), policy_of(task, max_tokens=5, seed=1), [3], samples=4))
    assert len({episode.turns[0].reply.text for episode in played}) > 1
    for episode in played:
        first, second = (turn.reply.written for turn in episode.turns)
        assert first.ids[: len(letters.prompt("guess"))] == tuple(letters.prompt("guess"))
        assert second.ids[:4] in (tuple(letters.encode("more")), tuple(letters.encode("less")))
        assert [author for author, _ in itertools.groupby(episode.written.authors)] == [
            "prompt",
            "model",
            "environment",
            "model",
        ]
        assert all(
            (log < 0) == (author == "model")
            for log, author in zip(episode.written.log_probabilities, episode.written.authors, strict=True)
        )


def test_what_was_drawn_is_what_the_model_expects_behind_all_that_was_written():
    task = decoder()
    ruled_out = sorted({*task.suppress_tokens} - {*task.tokenizer.ends})
    played = play(Guess(max_turns=3), policy_of(task, max_tokens=5, temperature=0.7, seed=1), range(6))
    batch, drawn = batch_of([episode.written for episode in played])
    with torch.no_grad():
        logits = task.model(batch) / 0.7
    logits[..., ruled_out] = -math.inf
    own = batch.targets != IGNORE
    expected = logits.log_softmax(-1).gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
    assert int(own.sum()) > 50
    torch.testing.assert_close(drawn[own], expected[own], atol=1e-4, rtol=1e-4)


def test_samples_of_a_translation_differ_and_come_with_what_was_read():
    letters = train_tokenizer(TokenizerSettings(kind="char"), [pair["source"] for pair in PAIRS])
    size = {"vocab_size": letters.vocab_size, "layers": 1, "width": 16, "heads": 2, "context": 64}
    task = Translate(build(ModelConfig(form="seq2seq", **size)), letters)
    place = environments.make("Langue/Translate-v0", data=PAIRS)
    played = list(play(place, policy_of(task, beams=1, temperature=1.0, max_tokens=6), range(3), samples=3))
    assert len({episode.turns[0].reply.text for episode in played}) == 9
    for episode in played:
        reply = episode.turns[0].reply
        assert letters.decode(reply.source).strip() == episode.turns[0].observation
        assert reply.written.authors[:2] == ("prompt", "model")
        assert letters.decode(reply.written.ids[1:]).strip() == reply.text


def test_the_end_of_a_text_is_among_the_models_tokens():
    task = decoder()
    with_end = [
        episode
        for episode in play(Guess(), policy_of(task, max_tokens=100, seed=0), range(20))
        if len(episode.written.ids) < 100
    ]
    assert with_end
    for episode in with_end:
        assert episode.written.ids[-1] == task.tokenizer.end
        assert episode.written.authors[-1] == "model"


def test_an_environment_that_raises_is_counted():
    played = list(play(Odd(), count_up, range(8)))
    assert [episode.number for episode in played if episode.fault] == [1, 3, 5, 7]
    assert played[1].fault == "nothing in 1"
    assert [episode.reward for episode in played if not episode.fault] == [0.0, 2.0, 4.0, 6.0]


def test_an_environment_that_raises_too_often_in_a_row_stops_all():
    place = Odd()
    place.always = True
    with pytest.raises(LangueError, match=f"tests:Odd has failed {FAILURES} times in a row"):
        list(play(place, count_up, range(100), together=7))


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_names_environment_and_episode(reward):
    place = Strange()
    place.reward = reward
    with pytest.raises(LangueError, match=rf"tests:Strange, episode 4 of seed 9: the reward is {reward}"):
        list(play(place, count_up, [4], seed=9))


@pytest.mark.parametrize("at_once", [True, False])
def test_an_environment_that_answers_the_same_seed_differently_is_refused(at_once):
    place = Fickle()
    place.at_once = at_once
    with pytest.raises(LangueError, match="tests:Fickle answers the same seed differently: episode 5 of seed 1"):
        list(play(place, count_up, [5, 6], seed=1))


def test_who_knows_that_it_answers_alike_need_not_play_twice():
    assert len(list(play(Fickle(), count_up, range(3), twice=False))) == 3


def test_one_text_that_cannot_be_judged_takes_no_other_with_it():
    made = environments.make("Langue/Write-v0", prompts=["1", "0", "2"], verifier="test_rollout:inverse")
    played = {episode.turns[0].observation if episode.turns else "": episode for episode in play(made, say, range(3))}
    assert played["1"].reward == 1.0
    assert played["2"].reward == 0.5
    assert "division by zero" in played[""].fault


def inverse(text: str, row: dict) -> float:
    return 1 / int(text)


def say(observations, infos):
    return [Reply(observation) for observation in observations]


def test_an_endless_one_is_truncated():
    (episode,) = play(Endless(max_turns=6), count_up, [0])
    assert (len(episode.turns), episode.truncated, episode.ended, episode.reward) == (6, True, False, 6.0)


class Stuck(TextEnvironment):
    """Never comes back: from `scene` of episode 2, or from the answer to episode 3."""

    name = "tests:Stuck"

    def scene(self, seed: int, episode: int) -> Scene:
        if episode == 2:
            swallow()
        return Scene("go", lambda text: swallow() if episode == 3 else Outcome(1.0))


def swallow() -> None:
    """A loop that no error ends, and no waiting."""
    while True:
        try:
            time.sleep(1000)
        except Exception:
            continue


@pytest.mark.parametrize("episode", [2, 3])
def test_an_environment_that_never_comes_back_is_named(episode):
    assert len(list(play(Stuck(step_seconds=0.1), count_up, [0, 1, 4]))) == 3
    with pytest.raises(LangueError, match=f"tests:Stuck, episode {episode} of seed 0, turn 0: nothing came within 0.1"):
        list(play(Stuck(step_seconds=0.1), count_up, [0, episode]))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_pattern_that_never_comes_back_is_named():
    made = environments.make(
        "Langue/Write-v0", prompts=["b", f"{'a' * 40}c", "c"], verifier="regex:^(a+)+$", step_seconds=0.1
    )
    with pytest.raises(LangueError, match=r"Langue/Write-v0, episode \d of seed 0, turn 0: nothing came within 0.1 s"):
        list(play(made, say, range(3)))


def test_texts_that_take_long_together_are_judged_one_by_one():
    made = environments.make(
        "Langue/Write-v0", prompts=["1", "2", "3"], verifier="test_rollout:stuck_at_first", step_seconds=0.1
    )
    assert [episode.reward for episode in play(made, say, range(3), twice=False)] == [2.0, 3.0, 4.0]


CALLS = itertools.count()


def stuck_at_first(text, row):
    """The number of the call, of which the second never comes back."""
    call = next(CALLS)
    return swallow() if call == 1 else float(call)


def test_where_there_is_no_alarm_nothing_is_limited():
    done = []
    thread = threading.Thread(target=lambda: done.extend(play(Guess(max_turns=20), count_up, range(2))))
    thread.start()
    thread.join()
    assert len(done) == 2


def test_a_model_that_does_not_write_is_no_policy():
    class Fill:
        name, policy = "fill", None

    with pytest.raises(LangueError, match="trained to fill"):
        policy_of(Fill())


def test_a_function_is_a_policy():
    def policy(observations, infos):
        assert all(info["history"].ids == () for info in infos)
        return [Reply("a house by the sea") for _ in observations]

    rows = [{"source": "ein Haus am Meer", "target": "a house by the sea"}]
    (episode,) = play(environments.make("Langue/Translate-v0", data=rows), policy, [0])
    assert episode.reward == pytest.approx(1.0)
