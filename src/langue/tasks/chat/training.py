"""The training task of `chat`: a decoder learns what the assistant says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from langue.console import say
from langue.data import Loader
from langue.data.labelled import Labelled
from langue.data.tally import Tally
from langue.errors import LangueError, reading
from langue.models import Model
from langue.models.count import flops_per_token
from langue.tasks.card_words import CardWords
from langue.tasks.chat.data import PackedConversations, conversation_of, encoded, texts_in
from langue.tasks.chat.evaluate import conversation_loss
from langue.tasks.chat.objective import AssistantObjective
from langue.tasks.chat.settings import ChatRecipe
from langue.tasks.generate.predict import Generate
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import LearntRow, set_up, with_vocabulary
from langue.tasks.workload import Load, Shape, rows_of
from langue.text import Tokenizer
from langue.text.chat import ChatTemplate
from langue.text.tokenizer_files import DEFAULT
from langue.wording import short

SAMPLES = 3
"""Dev conversations whose first question a report shows an answer to."""


class ChatTraining(TableTraining[ChatRecipe]):
    """Conversations, packed into rows."""

    columns = ("messages",)
    words = CardWords(
        purpose="to answer in conversations",
        pipeline="text-generation",
        command="langue chat {name} {prompt}",
        call='print(model.chat({prompt})["content"])',
        limits="The model has learnt the manner of its conversations, and knows what the text it was trained on "
        "before said. What it answers\nmay be wrong, and nothing keeps it from repeating what it was taught.",
        prompt="Hello!",
    )

    @classmethod
    def finished_tokenizer(cls, recipe: ChatRecipe, tokenizer: Tokenizer) -> Tokenizer:
        """The tokenizer with the template that the model learns."""
        source = None
        if recipe.chat.template is not None:
            with reading(recipe.chat.template):
                source = Path(recipe.chat.template).read_text(encoding="utf-8")
        tokenizer.chat_templates = {DEFAULT: ChatTemplate(tokenizer, source).source}
        return tokenizer

    @classmethod
    def complete(cls, recipe: ChatRecipe, tokenizer: Tokenizer) -> ChatRecipe:
        if recipe.model.form != "decoder":
            raise LangueError(f"task: chat needs model.form: decoder, not {recipe.model.form}")
        return with_vocabulary(recipe, tokenizer)

    @classmethod
    def known_shape(cls, recipe: ChatRecipe) -> Shape:
        return Shape(rows_of(recipe.training, recipe.model.context), recipe.model.context)

    @classmethod
    def row_texts(cls, rows: Sequence[Labelled], recipe: ChatRecipe) -> Iterator[str]:
        return texts_in(rows)

    def learn(self, rows: list[Labelled]) -> PackedConversations:
        return self._packed("train", rows)

    def _packed(self, split: str, rows: list[Labelled]) -> PackedConversations:
        """Conversations in rows; those that are left out are told.

        Raises:
            LangueError: they are more than may be, or all.
        """
        data, tally, context = self.recipe.data, Tally(), self.recipe.model.context
        conversations = encoded(rows, ChatTemplate(self.tokenizer), context + 1, tally)
        tally.check([f"the {split} rows"], data.max_dropped, data.option)
        if tally.records:
            say(f"left out of the {split} rows: {tally.words()}")
        if not conversations:
            raise LangueError(f"none of the {split} conversations fits into the context of {context} tokens")
        return PackedConversations(conversations, context, self.recipe.training.seed)

    def check(self, row: Labelled) -> None:
        conversation_of(row)

    def objective(self) -> AssistantObjective:
        return AssistantObjective(self.recipe.training.label_smoothing)

    def batches(self, rank: int, world: int) -> Loader:
        return Loader(self.train, self.known_shape(self.recipe).rows, self.recipe.training.accumulate, rank, world)

    @cached_property
    def steps_per_epoch(self) -> float:
        return self.train.size / (self.known_shape(self.recipe).rows * self.recipe.training.accumulate)

    @property
    def tokens_per_target(self) -> float:
        return self.train.size * self.train.context / self.train.targets

    @cached_property
    def flops_per_target(self) -> float:
        return self.tokens_per_target * flops_per_token(self.recipe.architecture())

    def describe(self) -> str:
        learnt, tokens = short(self.train.targets), short(self.train.tokens)
        return f"{len(self.train):,} conversations of {tokens} tokens, {learnt} of them the assistant's"

    def learnt_rows(self, count: int) -> list[LearntRow]:
        conversations = self.train.conversations[:count]
        return [LearntRow(self.tokenizer.names(one.ids.tolist()), one.is_assistant.tolist()) for one in conversations]

    @classmethod
    def load_of(cls, recipe: ChatRecipe) -> Load:
        with set_up(cls, recipe) as (task, dropped):
            shape, config = cls.known_shape(task.recipe), task.recipe.architecture()
            return Load(
                config=config,
                rows=shape.rows,
                longest=shape.length,
                tokens_per_step=shape.rows * shape.length * recipe.training.accumulate,
                steps_per_epoch=task.steps_per_epoch,
                flops_per_token=flops_per_token(config),
                tokens_per_target=task.tokens_per_target,
                dropped=dropped,
            )

    @cached_property
    def _dev(self) -> PackedConversations:
        return self._packed("dev", self.rows["dev"])

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        packed = self._dev if rows is self.rows["dev"] else self._packed("test", rows)
        return conversation_loss(model, packed, self.recipe.training.precision), []

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and self.has_dev

    def sample(self, model: Model) -> str:
        task, samples = Generate(model, self.tokenizer), []
        for row in self.rows["dev"][:SAMPLES]:
            messages, tools = conversation_of(row)
            first = next(place for place, message in enumerate(messages) if message["role"] == "assistant")
            if first:
                options = self.recipe.samples.model_dump(include={"max_tokens", "temperature", "top_p", "seed"})
                answer = task.chat(messages[:first], tools=tools, **options)
                samples.append(f"{messages[first - 1]['content']}\n→ {answer['content']}")
        return "\n\n".join(samples)
