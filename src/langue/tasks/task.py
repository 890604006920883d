"""A trained model and its use: the interface that all tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from langue.errors import LangueError
from langue.tasks.inputs import as_list
from langue.tasks.losses import RowLosses

if TYPE_CHECKING:
    from torch import Tensor

    from langue.batch import Batch, Example
    from langue.hub import PretrainedModel
    from langue.models import Model
    from langue.policies import Policy
    from langue.text import Tokenizer
    from langue.training.types import Objective


class Task(ABC):
    """A model with its tokenizer, ready for use.

    Attributes:
        name: the task's.
        measured_on: the data that it is measured on: running text, labelled rows, pairs of texts, or texts that belong
            together.
        loss_unit: one of what its losses are counted by.
        measure_options: the options of `langue evaluate` that have a say for it, beside those for all.
        row_kind: the data that `row_losses` takes, by the same names; as `measured_on` unless a task says otherwise.
        hint: the command that uses such a model, of its `path`.
        policy: makes the policy of a task that writes, of the task, options and a bound of its tokens.
        model: in evaluation mode.
        tokenizer: of the texts that it writes, or that it reads.
    """

    name: ClassVar[str]
    measured_on: ClassVar[Literal["text", "rows", "pairs", "vectors"]]
    measure_options: ClassVar[tuple[str, ...]] = ()
    hint: ClassVar[str]
    policy: ClassVar[Callable[[Any, Mapping[str, Any], int | None], Policy] | None] = None
    loss_unit: ClassVar[str] = "token"
    row_kind: ClassVar[Literal["text", "rows", "pairs", "vectors"]]
    model: Model
    tokenizer: Tokenizer

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "measured_on" in cls.__dict__ and "row_kind" not in cls.__dict__:
            cls.row_kind = cls.measured_on
        if "name" in cls.__dict__ and "hint" not in cls.__dict__:
            cls.hint = f"use it by: langue {cls.name} {{path}}"

    @classmethod
    @abstractmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: Any = None) -> Self:
        """The task of a model's folder, and of the recipe that it was trained by, where there is one.

        Raises:
            LangueError: the model cannot do it.
        """

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """The answer to each input: the task's own verb for a list."""
        return list(getattr(self, self.name)(as_list(inputs, "an input", (), (object,)), **options))

    def check_input(self, value: Any, place: str) -> None:
        """Refuse an input that the task's verb cannot take; nothing unless a task says otherwise.

        Raises:
            LangueError: says why; names the place where the input alone does not tell.
        """
        return

    @cached_property
    def suppress_tokens(self) -> tuple[int, ...]:
        """Tokens that are no text: special ones, and numbers of the model's that the tokenizer does not use."""
        return suppressed_tokens(self.tokenizer, self.model.config.vocab_size)

    @abstractmethod
    def row_losses(self, rows: Sequence[Any]) -> RowLosses:
        """The rows that it is measured on, each as a batch of its own.

        Raises:
            LangueError: a row lacks what is asked for; names its place.
        """

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            return object.__getattribute__(self, name)  # a property of its own has failed, whose error tells more
        verbs = [verb for verb in (self.name, "predict") if callable(getattr(type(self), verb, None))]
        raise AttributeError(
            f"a model to {self.name} has no {name!r}; it has {' and '.join(verbs)}, and the others of help(model)"
        )


class SupervisedTask(Task):
    """A task whose model keeps all that its objective needs: it is learnt from examples of what it is to give."""

    @abstractmethod
    def objective(self) -> Objective:
        """The objective that it learns by."""

    def examples(self, rows: Sequence[Any]) -> Sequence[Example]:
        """The examples that its objective takes, of rows that it is measured on: of running text, rows of tokens of
        which the last is only to be foretold.

        Raises:
            LangueError: a row lacks what is asked for; names its place.
        """
        return [{"ids": row} for row in rows]

    def row_losses(self, rows: Sequence[Any]) -> RowLosses:
        """The rows that it is measured on, each as a batch of its own.

        Raises:
            LangueError: as of `examples`.
        """
        objective: Any = self.objective()  # which draws nothing here, as most never do
        batches = [objective.batch([example]) for example in self.examples(rows)]
        return RowLosses(objective, batches, self.loss_unit, self.hits)

    @property
    def hits(self) -> Callable[[Model, Batch], Tensor] | None:
        """(n,) bool of a model and a batch: the likeliest answers that are right; None of tasks whose answers are not
        simply right or wrong."""
        return None


def suppressed_tokens(tokenizer: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """Tokens that are no text: special ones, and numbers of a model's vocabulary that the tokenizer does not use."""
    unknown = set() if tokenizer.unknown is None else {tokenizer.unknown}
    return tuple(sorted(tokenizer.specials | unknown | set(range(tokenizer.vocab_size, vocab_size))))


def check_vocabulary(model: Model, tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer with numbers that the model does not know.

    Raises:
        LangueError: it has some.
    """
    if tokenizer.vocab_size > model.config.vocab_size:
        raise LangueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens but the model knows {model.config.vocab_size}; "
            f"they do not belong together"
        )
