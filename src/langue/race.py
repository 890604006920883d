"""A race: several models on the same text with the same budget, in turns, so that they can be compared."""

from __future__ import annotations

import math
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, model_validator

from langue import machine
from langue.console import no_remarks, say
from langue.data import TextDataSettings
from langue.errors import Interrupted, LangueError
from langue.evaluation.positions import loss_by_position, rows_of
from langue.experiment import RunFolder
from langue.experiment.card import source_names
from langue.experiment.training import set_up as train
from langue.files.manifest import MANIFEST
from langue.models.count import flops_per_token
from langue.models.presets import preset
from langue.recipe import ModelSettings, Recipe
from langue.report.record import count_parameters, read_record, typical_speed
from langue.report.result import RESULT, MemberResult, RaceResult, read_result, write_result
from langue.settings import Settings
from langue.tasks.bases import load_weights
from langue.tasks.generate.settings import GenerateRecipe
from langue.tasks.stores import Splits, is_store, members, open_data, prepare_data, store_name, training_texts
from langue.text import Tokenizer, train_tokenizer
from langue.text.kind import describe
from langue.training import TrainingSettings, choose_device
from langue.turns import RelativePace, Turns
from langue.wording import duration, short

FAMILIES = ("mlp-nano", "rnn-nano", "gru-nano", "lstm-nano", "gpt-nano")
"""One small model of each family, all of one size."""
ROWS = 256
"""Rows of dev text by which loss by position is measured."""
LOOKS = 24
"""Evaluations of a member on dev data, so that its curve has so many points."""
LOOKING = 0.2
"""The share of a member's budget that may go into looking."""
TURN = 5.0
"""Seconds for which a member trains before it is the next one's turn."""
USUAL_SHARE = 0.4
"""The share of the machine's matrix multiplication that a small model gets; only its order of magnitude matters."""


class Budget(Settings):
    """The budget of each member: exactly one of seconds, tokens and floating-point operations."""

    seconds: float | None = Field(default=None, gt=0)
    """Seconds of training."""
    tokens: float | None = Field(default=None, gt=0)
    """Tokens to be trained on."""
    flops: float | None = Field(default=None, gt=0)
    """Floating-point operations of training."""

    @model_validator(mode="after")
    def _check(self) -> Budget:
        bounds = [name for name in ("seconds", "tokens", "flops") if getattr(self, name) is not None]
        if len(bounds) != 1:
            raise ValueError(f"a race needs one budget, seconds, tokens or flops, not {' and '.join(bounds) or 'none'}")
        return self

    def __str__(self) -> str:
        if self.seconds is not None:
            return duration(self.seconds)
        return f"{short(self.tokens)} tokens" if self.tokens is not None else f"{short(self.flops or 0)} FLOPs"

    def expected_tokens(self, flops: int, device: torch.device) -> float:
        """About how many tokens a model of so many FLOPs a token will train on."""
        if self.tokens is not None:
            return self.tokens
        affordable = self.flops or (self.seconds or 0) * USUAL_SHARE * machine.matmul_peak(device, seconds=0.1)
        return affordable / flops


def race(recipe: Recipe, presets: Sequence[str], budget: Budget, out: Path) -> RaceResult:
    """Train presets by one recipe, and compare them.

    The members share one tokenizer and one preparation of the text; context and dropout are the recipe's, all else of
    a model is its preset's. They train in turns of a few seconds, so that whatever else the machine does befalls all
    alike; how much of the machine they had is measured, and where that was little, nothing is concluded about speed.
    A race that was interrupted goes on where it stopped when it is called again as before.

    Args:
        recipe: everything but the models and the budget.
        presets: who takes part.
        budget: what each may spend.
        out: the folder to be made: a run folder for each member, race.json, and what `write_race_report` draws.

    Raises:
        LangueError: a preset is not known, there is no dev data, or the folder holds another race.
        Interrupted: by a signal; what was learnt is saved.
    """
    if not presets or len(set(presets)) < len(presets):
        raise LangueError("a race needs presets, each of them once")
    for name in presets:
        preset(name)
    out = out.absolute()
    _check_place(out)
    tokenizer, recipe = _prepare(recipe, out)
    result = _begin(recipe, budget, tokenizer, out)
    before = [member.name for member in result.members]
    recipes = {name: _member_recipe(recipe, name, budget, tokenizer, out) for name in presets if name not in before}
    for name in presets:
        if name in before:
            say(f"{name} was trained before")
    order = [*before, *recipes]
    with closing(_finished(recipes, budget, out)) as finished:
        for name, share in finished:
            measured = _measure(recipes[name], name, tokenizer, out, share)
            say(f"{name}: {measured.bits_per_byte:.3f} bits per byte after {short(measured.tokens)} tokens")
            ranks = sorted((*result.members, measured), key=lambda member: order.index(member.name))
            result = result.replace(members=tuple(ranks))
            write_result(out, result)
    return result


def _check_place(out: Path) -> None:
    """Refuse a folder with files that a race would replace and no race wrote.

    Raises:
        LangueError: names one of them.
    """
    made = (RESULT, "tokenizer.json", "report.html", "race.svg", "race.png")
    foreign = [name for name in made if (out / name).exists()]
    if foreign and ((out / "model").is_dir() or not (out / MANIFEST).is_file()):
        raise LangueError(f"{out} holds a {foreign[0]} that is no race's; choose another --out")


def _finished(recipes: Mapping[str, GenerateRecipe], budget: Budget, out: Path) -> Generator[tuple[str, float]]:
    """Train members in turns, each round in the other direction, and give those that are done, with the share of the
    machine that they had.

    Raises:
        Interrupted: by a signal; what all have learnt is saved.
    """
    with ExitStack() as stack:
        running: dict[str, Turns] = {}
        waiting, pace = list(recipes), None
        try:
            while waiting:
                for name in list(waiting):
                    with no_remarks():
                        if name not in running:
                            resume = RunFolder(out / name).is_run()
                            running[name] = Turns(stack.enter_context(train(recipes[name], out / name, resume=resume)))
                        turns = running[name]
                        pace = pace or RelativePace(turns.training.trainer.device)
                        turns.take(_turn(budget), pace)
                        if not turns.training.is_over:
                            continue
                        run = turns.training.finish()
                    if run.interrupted:
                        raise Interrupted(run.signal or signal.SIGINT)
                    waiting.remove(name)
                    yield name, turns.share(pace)
                    if run.signal is not None and waiting:
                        raise Interrupted(run.signal)
                waiting.reverse()
        except BaseException:  # also where what is done with a result goes wrong
            for turns in running.values():
                if not turns.training.is_over:
                    turns.training.trainer.save()
            raise


def _turn(budget: Budget) -> float:
    """Seconds of one turn: short against whatever disturbs a machine, long against a step."""
    return TURN if budget.seconds is None else min(TURN, budget.seconds / 10)


def _prepare(recipe: Recipe, out: Path) -> tuple[Tokenizer, GenerateRecipe]:
    """One tokenizer and one set of token stores for all, and the recipe that names them.

    What an earlier call made is used again.
    """
    if not isinstance(recipe, GenerateRecipe):
        raise LangueError(f"a race compares models that write, so its recipe is of task: generate, not {recipe.task}")
    if recipe.adapt is not None:
        raise LangueError(
            "a race trains presets from their beginning, and adapters stand on a trained model; leave out adapt"
        )
    recipe = recipe.replace(data={"test": None})
    data = recipe.data
    if data.dev is None:
        raise LangueError("a race needs dev data to compare by: a share of the text, as in --data.dev 0.1, or a file")
    if isinstance(data.train, dict) and isinstance(data.dev, float):
        raise LangueError("a race on a mix of sources needs dev data of its own: --data.dev FILE")
    out.mkdir(parents=True, exist_ok=True)
    if (out / "tokenizer.json").exists():
        tokenizer = Tokenizer.load(out)
    else:
        tokenizer = train_tokenizer(recipe.tokenizer, training_texts(recipe))
        tokenizer.save(out)
    prepare_data(recipe, tokenizer, out / "data")
    return tokenizer, recipe


def _begin(recipe: GenerateRecipe, budget: Budget, tokenizer: Tokenizer, out: Path) -> RaceResult:
    """The result so far: none, or that of an earlier call."""
    result = RaceResult(
        data=_name(recipe, sum(store.text_bytes for store in _open(recipe, tokenizer, out).train)),
        budget=str(budget),
        timed=budget.seconds is not None,
        machine=f"{machine.cores()} cores of {machine.processor()}",
        tokenizer=describe(tokenizer),
        prompt=recipe.samples.prompt,
        members=(),
    )
    if not (out / RESULT).exists():
        return result
    old = read_result(out)
    if old.replace(members=()) != result:
        raise LangueError(f"{out} holds another race, of {old.budget} on {old.data}; choose another --out")
    return old


def _member_recipe(
    recipe: GenerateRecipe, name: str, budget: Budget, tokenizer: Tokenizer, out: Path
) -> GenerateRecipe:
    kept = {"context": recipe.model.context, "dropout": recipe.model.dropout}
    model = ModelSettings(**{"preset": name, **kept, "vocab_size": tokenizer.vocab_size})
    data, path = _stores(recipe.data, out / "data"), out / "tokenizer.json"
    member = recipe.replace(model=model, data=data, tokenizer={"path": path})
    dev_tokens = sum(store.tokens for store in _open(member, tokenizer, out).dev)
    return member.replace(training=_training(member, budget, dev_tokens))


def _stores(data: TextDataSettings, folder: Path) -> dict[str, Any]:
    """The prepared text in the place of its sources."""
    names = [
        source if is_store(source) else str(folder / store_name("train", number))
        for number, source in enumerate(members(data))
    ]
    train = dict(zip(names, data.train.values(), strict=True)) if isinstance(data.train, dict) else names[0]
    shared = isinstance(data.dev, float) and is_store(data.train)
    return {"train": train, "dev": data.dev if shared or is_store(data.dev) else str(folder / "dev")}


def _training(member: GenerateRecipe, budget: Budget, dev_tokens: int) -> TrainingSettings:
    """The training that spends the budget, is bound by nothing else, and looks at the dev data often enough."""
    training, context = member.training, member.model.context
    flops = flops_per_token(member.architecture())
    tokens = budget.expected_tokens(flops, choose_device(training.device))
    # A look costs a forward pass over the dev data, a third of what training on as much would cost.
    looks = max(4, min(LOOKS, math.floor(3 * LOOKING * tokens / dev_tokens)))
    a_step = (training.batch_tokens or training.rows * context) * training.accumulate
    every = max(1, round(tokens / a_step / looks))
    return training.replace(**budget.model_dump(), steps=None, evaluate_every=every)


def _name(recipe: GenerateRecipe, size: int) -> str:
    """The name of the text and the size of the part to learn from."""
    name = "Python's documentation" if recipe.data.train == "embedded" else source_names(recipe.data.train)
    return f"{name}, {size / 1e6:.3g} MB"


def _open(member: GenerateRecipe, tokenizer: Tokenizer, out: Path) -> Splits:
    return open_data(member, tokenizer, out / "data")


def _measure(member: GenerateRecipe, name: str, tokenizer: Tokenizer, out: Path, share: float) -> MemberResult:
    """The result of a finished member from its run folder, and its loss by position."""
    folder = RunFolder(out / name)
    record = read_record(folder.path)
    best = record.best() or {}
    samples = record.samples()
    model = load_weights(folder.model, choose_device(member.training.device))
    store = _open(member, tokenizer, out).dev[0]
    rows = rows_of(store, member.model.context, ROWS)
    to_bits = best["bits_per_byte"] / best["loss"]
    return MemberResult(
        name=name,
        run=name,
        parameters=count_parameters(folder.model / "model.safetensors") or 0,
        steps=record.step,
        tokens=record.tokens,
        seconds=record.seconds,
        tokens_per_second=typical_speed(record) or 0.0,
        machine_share=share,
        bits_per_byte=best["bits_per_byte"],
        positions=tuple(float(loss) * to_bits for loss in loss_by_position(model, rows)),
        sample=samples[-1]["sample"].removeprefix(member.samples.prompt) if samples else "",
    )
