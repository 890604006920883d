"""`langue evaluate`: measure a model on text, on labelled rows, or on a suite of benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langue.cli.inputs import OK, SOME_FAILED, check_out, json_line
from langue.cli.options import Adapter, Device, Json, MeasureOptions, Weights, chosen, refuse_options
from langue.cli.play import EnvironmentChanges, PlayOptions, environment_of
from langue.console import progress, say, table
from langue.errors import LangueError
from langue.extra import need
from langue.wording import in_words

if TYPE_CHECKING:
    from langue.tasks.folders import Bits


def evaluate(
    run: Path,
    /,
    *,
    data: str | None = None,
    suite: Literal["glue", "superglue", "squad"] | None = None,
    measuring: MeasureOptions = MeasureOptions(),  # noqa: B008 - it is frozen
    environment: str | None = None,
    changes: EnvironmentChanges = (),
    playing: PlayOptions = PlayOptions(),  # noqa: B008 - it is frozen
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Measure a model by what it was trained for.

    A writer by how well it predicts a text, each token once: loss, perplexity, bits per byte and per character.
    A filler by the loss, perplexity and accuracy of hidden tokens, the same ones each time.
    A translator by BLEU, chrF and TER, a summariser by ROUGE, with intervals of 95 %, baselines and signatures.
    A transcriber by word and character error rate, with intervals of 95 %.
    A classifier, tagger or finder of answers by its task's metrics on labelled rows, or by a benchmark's own; the first
    two label by label as well, with what was taken for what, and how far probabilities can be trusted.
    A model of vectors by what it finds in a BEIR folder, beside and together with full-text search; by the place of
    each positive among those of all anchors; by how alike it finds sentences with a score, or duplicates with a label
    of 0 or 1; or by the groups it sees among labelled texts.
    Whatever writes, by the mean reward of episodes of an environment, with its interval of 95 %.

    Args:
        run: A run folder, a checkpoint, a model's folder with its tokenizer (Hugging Face's too), hf:OWNER/NAME or
            package:NAME; for a suite, a folder of runs as well.
        data: A file, glob, folder, hf: or package: name, "embedded", or a prepared token store; with --suite or
            --benchmark the
            folder of its files.
        suite: Measure on all tasks of a suite that the run, or one of the runs in its folder, was trained for.
        measuring: What is measured, and how the data for it are read.
        environment: Measure by the rewards of an environment, by its name or a YAML file, as of langue play;
            --data is its setting of this name.
        playing: Episodes, and how they are played.
        as_json: Print one JSON object.
    """
    from langue.evaluation.run import evaluate as measure
    from langue.evaluation.suite import evaluate_suite

    options = {name: value for name, value in chosen(measuring).items() if value is not None}
    if environment is not None:
        differing = {"suite": suite is not None, **dict.fromkeys(options, True)}
        refuse_options(differing, "--data without --environment, whose episodes are all that is measured")
        return _show(_on_environment(run, environment, data, changes, playing, device, adapter, weights), as_json)
    if data is None:
        raise LangueError("there is nothing to measure on; give --data, or --environment")
    if changes or playing != PlayOptions():
        raise LangueError("--set, --episodes and how answers are drawn are for --environment, which is not given")
    mistakes = options.pop("mistakes", None)
    for place in (options.get("predictions"), mistakes):
        check_out(place, data)
    if suite is not None:
        kept = {name: options.pop(name) for name in ("split", "predictions") if name in options}
        differing = {"mistakes": mistakes is not None, "adapter": adapter is not None, "weights": weights != "widen"}
        differing |= dict.fromkeys(options, True)
        refuse_options(differing, "one run without --suite, whose tasks say how they are measured")
        return _show(evaluate_suite(run, suite, data, device=device, **kept), as_json)
    if mistakes is not None:
        need("jinja2", "report", "a page of mistakes")
    options["mistakes"] = mistakes is not None
    result = measure(run, data, adapter=adapter, weights=weights, device=device, **options)
    if mistakes is not None:
        _write_page(mistakes, run, result)
    return _show(result, as_json)


def _write_page(path: Path, run: Path, result: dict[str, Any]) -> None:
    """Write the page of wrong answers, which the result then no longer holds."""
    from langue.files import write_text
    from langue.report.judging import judging_page

    write_text(path, judging_page(run.name, result))
    del result["mistakes"]


def _on_environment(
    run: Path,
    name: str,
    data: str | None,
    changes: tuple[str, ...],
    playing: PlayOptions,
    device: str,
    adapter: Path | None,
    weights: Bits,
) -> dict[str, Any]:
    from langue.environments import policy_of
    from langue.evaluation.episodes import evaluate_episodes
    from langue.tasks import load

    environment = environment_of(name, [*([] if data is None else [f"data={data}"]), *changes])
    task = load(run, device, adapter=adapter, weights=weights)
    policy = policy_of(task, **playing.of_answers())
    count = playing.episodes or environment.size
    with progress(environment.name, float(count) if count else None, "episodes") as advance:
        result = evaluate_episodes(
            policy, environment, episodes=playing.episodes, seed=playing.seed, watch=lambda episode: advance(1)
        )
    return {"task": task.name, **result}


def _show(result: dict[str, Any], as_json: bool) -> int:
    """Print a result; the exit status."""
    if as_json:
        print(json_line(result))
    elif "tasks" in result:
        _print_suite(result)
    else:
        _print(result)
    for name, reason in result.get("failed", {}).items():
        say(f"{name} could not be measured: {reason}")
    return SOME_FAILED if result.get("failed") else OK


def _print(result: dict[str, Any]) -> None:
    counts = ", ".join(f"{result[name]:,} {word}" for name, word in _COUNTS.items() if name in result)
    print(f"{result['data']}: {counts}, {result['seconds']} s")
    if "systems" in result:
        _print_systems(result["systems"])
        return
    for name, value in result["metrics"].items():
        low, high = result.get("intervals", {}).get(name, (None, None))
        between = "" if low is None else f"   95 % within {low:.4f} … {high:.4f}"
        print(f"  {name.replace('_', ' '):<20} {value:.4f}{between}")
    if "calibration" in result:
        _print_judging(result)
    for name, scores in result.get("baselines", {}).items():
        print(f"  {name}: {in_words(scores)}")
    for name, signature in result.get("signatures", {}).items():
        print(f"  {name}: {signature}")


_COUNTS = {
    "queries": "queries",
    "documents": "documents",
    "tokens": "tokens",
    "rows": "examples",
    "episodes": "episodes",
    "turns": "turns",
    "truncated": "truncated",
}


OFTEN, WIDE = 10, 8
"""Pairs of labels that are listed by how often one was taken for the other, and labels of a table of them all."""


def _print_judging(result: dict[str, Any]) -> None:
    """The scores of each label, what was taken for what, and how far probabilities can be trusted."""
    calibration, thresholds = result["calibration"], result["thresholds"]
    for name in ("expected_calibration_error", "brier"):
        print(f"  {_CALIBRATION[name]:<20} {calibration[name]:.4f}")
    if result["labels"]:
        columns = ["label", "precision", "recall", "f1", "support"]
        scores = [
            [label, *(f"{row[name]:.4f}" for name in ("precision", "recall", "f1")), f"{row['support']:,}"]
            for label, row in result["labels"].items()
        ]
        table("label by label", columns, scores)
    if result["confusion"] is not None:
        _print_confusion(result["confusion"])
    if thresholds is not None:
        points = {"all": thresholds["all"], **thresholds["labels"]}
        title = f"from where {100 * thresholds['precision']:g} % are right"
        columns = ["label", "from", "precision", "recall", "answers"]
        table(title, columns, [[label, *_point(point)] for label, point in points.items()])


_CALIBRATION = {"expected_calibration_error": "calibration error", "brier": "brier score"}


def _point(point: dict[str, Any] | None) -> list[str]:
    if point is None:
        return ["–"] * 4
    scores = (f"{point[name]:.4f}" for name in ("precision", "recall"))
    return [f"{point['threshold']}", *scores, f"{point['count']:,}"]


def _print_confusion(confusion: dict[str, Any]) -> None:
    """All labels by all, of few; the pairs that were mistaken most often, of many."""
    labels, counts = confusion["labels"], confusion["counts"]
    if len(labels) <= WIDE:
        rows = [[label, *(f"{count:,}" for count in row)] for label, row in zip(labels, counts, strict=True)]
        table("confusion", ["right ↓ answered →", *labels], rows)
        return
    pairs = [
        (count, right, answered)
        for right, row in zip(labels, counts, strict=True)
        for answered, count in zip(labels, row, strict=True)
        if count and right != answered
    ]
    often = sorted(pairs, key=lambda pair: -pair[0])[:OFTEN]
    table("mistaken most often", ["right", "answered", "times"], [[right, got, f"{n:,}"] for n, right, got in often])


def _print_systems(systems: dict[str, Any]) -> None:
    names = list(next(iter(systems.values()))["metrics"])
    rows = []
    for system, scores in systems.items():
        cells = [
            f"{scores['metrics'][name]:.4f}\n{scores['intervals'][name][0]:.3f} … {scores['intervals'][name][1]:.3f}"
            for name in names
        ]
        beside = scores.get("difference")
        against = "" if beside is None else f"{beside['value']:+.4f}\np = {beside['p']:.3f}"
        rows.append([system, *cells, against])
    table("with intervals of 95 %", ["", *names, f"{names[0]} against dense"], rows)


def _print_suite(result: dict[str, Any]) -> None:
    rows = [
        [name, f"{part['examples']:,}", ", ".join(f"{key} {value:.4f}" for key, value in part["metrics"].items())]
        for name, part in result["tasks"].items()
    ]
    if result["metrics"]:  # test files do not tell their labels
        rows.append(["average", "", f"{result['metrics']['score']:.4f}"])
    table(result["suite"], ["task", "examples", "metrics"], rows)
