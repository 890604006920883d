"""The verbs of the command line: the function behind each, and the words of the help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        target: `module:function`, imported when the verb is used and not before.
        summary: what it does, in one line.
        recipe: whether it reads a recipe, whose fields can then be given as `--section.field VALUE`.
        columns: whether its option --columns names the columns of a table.
    """

    target: str
    summary: str
    recipe: bool = False
    columns: bool = False


Verbs = Mapping[str, Verb | Mapping[str, Verb]]

VERBS: Verbs = {
    "demo": Verb("langue.cli.demo:demo", "See models learn, search, or get smaller; needs no data"),
    "tokenizer": {
        "train": Verb("langue.cli.tokenizer:train", "Learn a tokenizer from text"),
        "report": Verb("langue.cli.tokenizer:report", "Tokens per word and bytes per token, by file"),
    },
    "data": {
        "look": Verb("langue.cli.look:look", "Look at data before anything is learnt from them", columns=True),
        "prepare": Verb("langue.cli.data:prepare", "Turn text into a store of tokens"),
        "verify": Verb("langue.cli.data:verify", "Check every byte of a store of tokens"),
        "align": Verb("langue.cli.align:align", "Cut a long recording by its transcript, to learn from"),
        "inspect": Verb("langue.cli.data:inspect", "Tell what a store of tokens holds"),
    },
    "recipe": {
        "list": Verb("langue.cli.recipe:list_", "List the recipes that come along"),
        "show": Verb("langue.cli.recipe:show", "Print a recipe"),
        "new": Verb("langue.cli.recipe:new", "Write a recipe to begin with, or one chosen by data", recipe=True),
        "fields": Verb("langue.cli.recipe:fields", "Tell what may stand in a recipe"),
    },
    "train": Verb("langue.cli.train:train", "Train a model by a recipe, or by data alone", recipe=True),
    "watch": Verb("langue.cli.watch:watch", "Follow a training while it goes on"),
    "evaluate": Verb(
        "langue.cli.evaluate:evaluate",
        "Measure a model on text, rows or benchmarks, or by an environment's rewards",
        columns=True,
    ),
    "generate": Verb("langue.cli.generate:generate", "Let a model write"),
    "chat": Verb("langue.cli.chat:chat", "Talk to a model"),
    "fill": Verb("langue.cli.fill:fill", "Let a model guess what stands in gaps"),
    "classify": Verb("langue.cli.classify:classify", "Let a model judge texts", columns=True),
    "answer": Verb("langue.cli.answer:answer", "Let a model find answers in texts", columns=True),
    "tag": Verb("langue.cli.tag:tag", "Let a model label the words of texts", columns=True),
    "translate": Verb("langue.cli.translate:translate", "Let a model translate texts or a file"),
    "summarize": Verb("langue.cli.summarize:summarize", "Let a model tell texts in short"),
    "transcribe": Verb("langue.cli.transcribe:transcribe", "Write down what is said in recordings"),
    "embed": Verb("langue.cli.embed:embed", "Represent texts by vectors"),
    "play": Verb("langue.cli.play:play", "Let a model, or yourself, play episodes of an environment"),
    "serve": Verb("langue.cli.serve:serve", "Answer requests of OpenAI's clients"),
    "index": {
        "build": Verb("langue.cli.index:build", "Make documents findable, by meaning and by words"),
        "add": Verb("langue.cli.index:add", "Put more documents into an index"),
        "delete": Verb("langue.cli.index:delete", "Take documents out of an index"),
        "info": Verb("langue.cli.index:info", "Tell what an index holds"),
        "search": Verb("langue.cli.index:search", "Find passages that answer a query"),
        "watch": Verb("langue.cli.index:watch", "Keep an index up with a folder"),
        "ask": Verb("langue.cli.index:ask", "Answer questions from passages, and cite them"),
        "mine": Verb("langue.cli.mine:mine", "Find passages that are mistaken for answers, to train on"),
    },
    "compare": Verb(
        "langue.cli.compare:compare", "Say which of two models writes better, and whether by chance", columns=True
    ),
    "adapter": {
        "list": Verb(
            "langue.cli.adapter:list_", "Tell which adapters lie in a folder, and whether their base is there"
        ),
        "merge": Verb("langue.cli.adapter:merge", "Write whole weights in the place of adapters"),
    },
    "average": Verb("langue.cli.average:average", "Make one model of a run's last checkpoints"),
    "shrink": Verb(
        "langue.cli.shrink:shrink", "Make a smaller model of a trained one, and measure what that costs", columns=True
    ),
    "race": Verb("langue.cli.race:race", "Train families on the same data with the same budget", recipe=True),
    "plan": Verb("langue.cli.plan:plan", "Parameters, memory and time of a training, before it runs", recipe=True),
    "import": Verb("langue.cli.import_:import_", "Read a checkpoint of Hugging Face's"),
    "export": Verb("langue.cli.export:export", "Write a model for Transformers"),
    "push": Verb("langue.cli.push:push", "Send a model and its card to Hugging Face's hub"),
    "inspect": {
        "attention": Verb("langue.cli.inspect:attention", "Draw where a model looks"),
    },
    "doctor": Verb("langue.cli.doctor:doctor", "Say what this machine can do"),
}

_AFTER_VERBS = """
langue VERB --help explains one verb. Every field of a recipe can be given on the
command line by its dotted name: langue train recipe.yaml --training.steps 200 --out run
With --verify, any verb reads every byte of what it opens and compares it with its hash,
also of large files that were checked on this machine before and look unchanged.
langue --install-completion lets your shell complete verbs and options by Tab.

Exit status: 0 done; 1 some of many inputs failed, the others are done; 2 a mistake to
mend, told in one sentence; 75 a training under Slurm has saved and is to be queued
again; 130 interrupted by Ctrl-C, 143 by SIGTERM.
"""


def help_text() -> str:
    """The text of `langue --help`, written out here because importing a help formatter costs more than the text."""
    title = "The whole life of a language model: raw text → tokenizer → training → evaluation → use."
    return "\n".join(["langue VERB …", "", title, "", *_lines(VERBS, ""), _AFTER_VERBS.rstrip()])


def group_help(group: str) -> str:
    """The text of `langue tokenizer --help`."""
    verbs = VERBS[group]
    assert not isinstance(verbs, Verb)
    return "\n".join([f"langue {group} VERB …", "", *_lines(verbs, f"{group} ")])


def _lines(verbs: Verbs, before: str) -> list[str]:
    lines = []
    for name, verb in verbs.items():
        if isinstance(verb, Verb):
            lines.append(f"  {before + name:<18}  {verb.summary}")
        else:
            lines += _lines(verb, f"{before}{name} ")
    return lines
