"""A trained model and its use: the interface that all tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from langue.hub import PretrainedModel
    from langue.models import Model
    from langue.text import Tokenizer
    from langue.training.types import Objective


class Task(ABC):
    """A model with its tokenizer, ready for use.

    Attributes:
        name: the task's.
        measured_on: the data that it is measured on: running text, labelled rows, pairs of texts, or texts that belong
            together.
        hint: the command that uses such a model, of its `path`.
        model: in evaluation mode.
        tokenizer: of the texts that it writes, or that it reads.
    """

    name: ClassVar[str]
    measured_on: ClassVar[Literal["text", "rows", "pairs", "vectors"]]
    hint: ClassVar[str]
    model: Model
    tokenizer: Tokenizer

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in cls.__dict__ and "hint" not in cls.__dict__:
            cls.hint = f"use it by: langue {cls.name} {{path}}"

    @classmethod
    @abstractmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: Any = None) -> Self:
        """The task of a model's folder, and of the recipe that it was trained by, where there is one.

        Raises:
            LangueError: the model cannot do it.
        """

    @abstractmethod
    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """The answer to each input: the task's own verb for a list."""

    def objective(self) -> Objective:
        """The objective that it learns by.

        Raises:
            NotImplementedError: it is learnt with settings that the model does not keep.
        """
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            return object.__getattribute__(self, name)  # a property of its own has failed, whose error tells more
        verbs = [verb for verb in (self.name, "predict") if callable(getattr(type(self), verb, None))]
        raise AttributeError(
            f"a model to {self.name} has no {name!r}; it has {' and '.join(verbs)}, and the others of help(model)"
        )
