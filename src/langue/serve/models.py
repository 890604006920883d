"""The models of a server by name, and what each of them can do."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langue.errors import listed
from langue.serve.errors import RequestError
from langue.serve.lanes import Lane
from langue.tasks.rewriting.predict import Rewrite
from langue.text.chat import ChatTemplate

ATTENTION = "/v1/attention"

ROUTES: Mapping[str, tuple[str, ...]] = {
    "generate": ("/v1/completions", "/v1/chat/completions", ATTENTION),
    "embed": ("/v1/embeddings",),
    "transcribe": ("/v1/audio/transcriptions", "/v1/audio/translations"),
    "classify": ("/v1/rerank",),
    "translate": ("/v1/translate", ATTENTION),
    "summarize": ("/v1/summarize", ATTENTION),
}
"""Routes of a model by its task."""


@dataclass(frozen=True)
class ServedModel:
    """A model under its name.

    Attributes:
        name: what requests call it.
        task: what `langue.load` gives.
        lane: where its jobs are done.
        calls: where its functions of lists are called; of a model that does not write, the same.
        created: seconds since 1970 when it was loaded.
    """

    name: str
    task: Any
    lane: Lane
    calls: Lane
    created: int = field(default_factory=lambda: int(time.time()))

    @cached_property
    def chat_template(self) -> ChatTemplate:
        """The form of its conversations.

        Raises:
            LangueError: Jinja is not installed.
        """
        return ChatTemplate(self.task.tokenizer)

    @property
    def is_rewriter(self) -> bool:
        """True of an encoder–decoder that makes a text of a text."""
        return isinstance(self.task, Rewrite)

    @cached_property
    def attention_blocks(self) -> tuple[int, ...]:
        """The numbers of the blocks whose attention can be shown: to the text itself, or to the source."""
        if ATTENTION not in self.routes:
            return ()
        config = self.task.model.config
        sources = (number for number, spec in enumerate(config.layer_specs, 1) if spec.cross is not None)
        return tuple(sources) if self.is_rewriter else config.attention_layers

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes that it answers at."""
        return ROUTES.get(self.task.name, ())


class ServedModels:
    """Models by name.

    Args:
        models: they.
    """

    def __init__(self, models: Sequence[ServedModel]):
        self.by_name = {model.name: model for model in models}

    def __iter__(self):
        return iter(self.by_name.values())

    def named(self, name: str) -> ServedModel:
        """The model of a name.

        Raises:
            RequestError: there is none.
        """
        if name not in self.by_name:
            raise RequestError(
                f"there is no model {name:.80}; there are {listed(self.by_name)}",
                404,
                param="model",
                code="model_not_found",
            )
        return self.by_name[name]

    def able(self, name: str, route: str) -> ServedModel:
        """The model of a name, which has to have a route.

        Raises:
            RequestError: there is none of this name, or it has no such route.
        """
        model = self.named(name)
        if route in model.routes:
            return model
        others = [other.name for other in self if route in other.routes]
        able = f"models that can: {listed(others)}" if others else "no model of this server can"
        routes = f" at {' and '.join(model.routes)}" if model.routes else ", which has no route"
        raise RequestError(
            f"{name} was made to {model.task.name}{routes}, and not for {route}; {able}",
            param="model",
            code="model_not_supported",
        )
