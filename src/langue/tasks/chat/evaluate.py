"""Measures of a model that answers in conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from langue.data.labelled import Labelled
from langue.data.tally import Tally
from langue.errors import LangueError
from langue.models import Model
from langue.tasks.chat.data import PackedConversations, encoded
from langue.tasks.chat.objective import AssistantObjective
from langue.tasks.framing import batch_tokens
from langue.tasks.losses import mean_loss, with_perplexity
from langue.text.chat import ChatTemplate

COLUMNS = (("messages",), ("conversations",), ("instruction", "output"), ("prompt", "completion"))
"""Columns by which rows are known to be conversations."""


def is_conversation(values: Mapping[str, Any]) -> bool:
    """True for a row that holds a conversation in one of the layouts that are read, and no running text."""
    return "text" not in values and any(all(name in values for name in names) for names in COLUMNS)


def conversation_loss(model: Model, packed: PackedConversations, precision: str = "fp32") -> dict[str, float]:
    """Loss in nats per token of the assistant's, the ends of its turns included, and perplexity."""
    count, objective = max(1, batch_tokens(model) // packed.context), AssistantObjective()
    places = [np.arange(first, min(first + count, packed.size)) for first in range(0, packed.size, count)]
    batches = (objective.batch(packed.places(some)) for some in places)
    return with_perplexity(mean_loss(objective, model, batches, precision))


def evaluate_conversations(task: Any, rows: Sequence[Labelled], tally: Tally) -> tuple[dict[str, float], int]:
    """The same of rows, and how many of the assistant's tokens there are.

    Args:
        task: a decoder that writes, with its tokenizer.
        rows: conversations.
        tally: gets what is left out, since it is longer than the context.

    Raises:
        LangueError: a row is no conversation, or all are too long.
    """
    context = task.model.config.context
    conversations = encoded(rows, ChatTemplate(task.tokenizer), context + 1, tally)
    if not conversations:
        raise LangueError(f"none of the conversations fits into the context of {context} tokens")
    packed = PackedConversations(conversations, context, seed=0)
    return conversation_loss(task.model, packed), packed.targets
