"""The words of a model card that are a task's own."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from langue.recipe import Recipe
from langue.text import Tokenizer


@dataclass(frozen=True)
class CardWords:
    """A model card's words about a task. `{name}` is the run's name and `{prompt}` a text to try it by.

    Attributes:
        purpose: completes "trained by Langue …".
        pipeline: what Hugging Face calls the task.
        command: how it is used from a shell.
        call: the same from Python, of `model`.
        limits: what not to expect.
        prompt: the text, where the recipe has none; `{mask}` is the tokenizer's name of a gap.
    """

    purpose: str
    pipeline: str
    command: str
    call: str
    limits: str
    prompt: str = "…"

    def in_shell(self, name: str, prompt: str) -> str:
        """The command, as it can be pasted into a shell."""
        name = f"./{name}" if name.startswith("-") else name
        quoted = shlex.quote(prompt) if set('"$`\\!') & set(prompt) else f'"{prompt}"'
        text = f"-- {quoted}" if prompt.startswith("-") else quoted if prompt else ""
        return self.command.format(name=shlex.quote(name), prompt=text).rstrip()

    def in_python(self, prompt: str) -> str:
        """The call, as it can be pasted into Python."""
        return self.call.format(prompt=json.dumps(prompt, ensure_ascii=False))

    def example(self, recipe: Recipe, tokenizer: Tokenizer) -> str:
        """A text to try the model by: the first line of the recipe's, or one that any model of the task takes."""
        mask = "" if tokenizer.mask is None else str(tokenizer.engine.id_to_token(tokenizer.mask))
        return recipe.samples.prompt.strip().partition("\n")[0].strip() or self.prompt.format(mask=mask)
