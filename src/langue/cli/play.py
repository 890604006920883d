"""`langue play`: let a model, or a person at the keyboard, play episodes of an environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.fields import read_fields
from langue.cli.inputs import json_line, one_line
from langue.cli.options import NO_OPTION, Adapter, Device, Flag, Json, Several, Weights, refuse_options
from langue.cli.status import OK, SOME_FAILED
from langue.console import say
from langue.content import read_yaml
from langue.engine.settings import SamplingSettings
from langue.errors import LangueError
from langue.settings import override

EnvironmentChanges = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative="", help="A setting of the environment: data=pairs.tsv, reward=bleu, …."),
]

HUMAN = "human"
SHOWN = 60
"""Characters of an answer in the line of its episode."""


@Parameter(name="*", negative="", show_default=False)
class PlayOptions(SamplingSettings):
    """Options of episodes, and of how a model answers; what is left out is as its task has it."""

    episodes: int | None = None
    """Episodes to play; by default each that there is, or 100 where there is no end."""
    seed: int = 0
    """Seed of the episodes, and of the draws in them."""
    stop: Several = ()
    """A string that ends an answer of a decoder; may be given several times."""
    samples: Annotated[int, NO_OPTION] = 1
    alignments: Annotated[bool, NO_OPTION] = False
    draw_log_probabilities: Annotated[bool, NO_OPTION] = False

    def of_answers(self) -> dict[str, Any]:
        """The options that concern the model alone."""
        return {"seed": self.seed, **self.model_dump(exclude={"episodes"}, exclude_unset=True)}


def play(
    run: str,
    environment: str,
    /,
    *,
    options: PlayOptions = PlayOptions(),  # noqa: B008 - it is frozen
    changes: EnvironmentChanges = (),
    watch: Flag = False,
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Play episodes, and show each with its reward as it ends; the mean and its interval come last.

    Args:
        run: A run that writes, or its folder; "human" is whoever sits at the keyboard.
        environment: Langue/Write-v0, Langue/Translate-v0, Langue/Transcribe-v0, gym:ID, reasoning-gym:TASK,
            textarena:GAME, module:Class, or a YAML file with a name and settings.
        watch: Play one episode after another, and show what is read and answered in each turn.
        as_json: Print one JSON object for each episode.
    """
    from langue.environments import policy_of
    from langue.evaluation.episodes import evaluate_episodes
    from langue.tasks import load

    is_person, of_models = run == HUMAN, options.model_fields_set - {"episodes", "seed"}
    if is_person:
        refuse_options({**dict.fromkeys(sorted(of_models), True), "watch": watch}, "a model, and a person plays")
    place = environment_of(environment, changes)
    policy = ask
    if not is_person:
        policy = policy_of(load(Path(run), device, adapter=adapter, weights=weights), **options.of_answers())
    show = _print_object if as_json else _print_last if is_person else _print_turns if watch else _print_line
    episodes = 1 if is_person and options.episodes is None else options.episodes
    together = 1 if is_person or watch else None
    result = evaluate_episodes(policy, place, episodes=episodes, seed=options.seed, together=together, watch=show)
    low, high = result["intervals"]["reward"]
    count = f"{result['examples']:,} episode{'' if result['examples'] == 1 else 's'}"
    say(f"{count}: mean reward {result['metrics']['reward']:.4f}, 95 % within {low:.4f} … {high:.4f}")
    return SOME_FAILED if result["failed"] else OK


def environment_of(name: str, changes: Sequence[str]) -> Any:
    """An environment by its name, or by a file that has its name and settings.

    Raises:
        LangueError: there is none, or it cannot be made.
    """
    from langue.environments import make
    from langue.tasks.play.settings import ENVIRONMENT_PATHS
    from langue.tasks.recipes import located

    file = Path(name) if name.endswith((".yaml", ".yml")) else None
    stated = override({"name": name} if file is None else read_yaml(file), read_fields(changes))
    return make(located(stated, ENVIRONMENT_PATHS, Path() if file is None else file.parent))


def ask(observations: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The answer that a person types to an observation, one line.

    Raises:
        LangueError: nobody can answer.
    """
    from langue.environments import Reply

    replies = []
    for observation in observations:
        say(observation)
        print("> ", end="", file=sys.stderr, flush=True)
        replies.append(Reply(_typed_line()))
    return replies


def _typed_line() -> str:
    try:
        line = "" if sys.stdin is None or sys.stdin.closed else sys.stdin.readline()
    except UnicodeDecodeError:
        raise LangueError("a line of standard input is not in the terminal's encoding") from None
    if not line:
        raise LangueError("standard input ended before the episode did; give it one line for each turn")
    return line.rstrip("\r\n")


def _print_line(episode: Any) -> None:
    answer = one_line(episode.turns[-1].reply.text) if episode.turns else ""
    shown = answer if len(answer) <= SHOWN else f"{answer[:SHOWN]}…"
    print(f"episode {episode.number}   {_result(episode)}   {shown}".rstrip(), flush=True)


def _print_last(episode: Any) -> None:
    if episode.last:
        say(episode.last)
    _print_line(episode)


def _print_turns(episode: Any) -> None:
    for turn in episode.turns:
        print(f"{turn.observation}\n> {turn.reply.text}")
    if episode.last:
        print(episode.last)
    print(f"episode {episode.number}   {_result(episode)}\n", flush=True)


def _result(episode: Any) -> str:
    if episode.fault:
        return f"failed: {episode.fault}"
    turns = f"   {len(episode.turns)} turns" if len(episode.turns) > 1 else ""
    return f"reward {episode.reward:.4f}{turns}{'   truncated' if episode.truncated else ''}"


def _print_object(episode: Any) -> None:
    turns = [
        {"observation": turn.observation, "action": turn.reply.text, "reward": turn.reward} for turn in episode.turns
    ]
    result = {"error": episode.fault} if episode.fault else {"reward": episode.reward, "truncated": episode.truncated}
    print(json_line({"episode": episode.number, "seed": episode.seed, **result, "turns": turns}), flush=True)
