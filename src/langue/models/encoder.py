"""The encoder form: each position sees all of them (BERT)."""

from __future__ import annotations

from torch import Tensor

from langue.batch import Batch
from langue.models.config import ModelConfig
from langue.models.look import look
from langue.models.model import Model
from langue.models.stack import Stack
from langue.nn.layout import Layout
from langue.nn.state import State


class Encoder(Model):
    """Tokens in, a vector and logits for each position out, for any mixer."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.stack = Stack(config, causal=False)

    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        if state is not None:
            raise ValueError("an encoder sees a whole text at once and continues none")
        layout = Layout.of(batch.ids, batch.valid, batch.documents, causal=False)
        return self.stack(self.embed(batch.ids, batch.segments), layout)

    def start(self, batch: Batch) -> State:
        raise ValueError("an encoder sees a whole text at once and has no state to start")

    def attention(self, batch: Batch) -> list[Tensor]:
        layout = Layout.of(batch.ids, batch.valid, batch.documents, causal=False)
        return look(self.stack, self.embed(batch.ids, batch.segments), layout)

    @property
    def context_limit(self) -> int | None:
        return self.config.context
