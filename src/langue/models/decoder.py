"""The decoder form: each position sees its past, and the model says what comes next (GPT)."""

from __future__ import annotations

from torch import Tensor

from langue.batch import Batch
from langue.models.config import ModelConfig
from langue.models.model import Model
from langue.models.stack import Stack
from langue.nn.layout import Layout
from langue.nn.state import State


class Decoder(Model):
    """Tokens in, the next token's logits out, for any mixer."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.stack = Stack(config, causal=True)

    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        layout = Layout.of(batch.ids, batch.valid, batch.documents, causal=True, state=state)
        return self.stack(self.embed(batch.ids, batch.segments), layout, state)

    def start(self, batch: Batch) -> State:
        return self.stack.start()

    def attention(self, batch: Batch) -> list[Tensor]:
        layout = Layout.of(batch.ids, batch.valid, batch.documents, causal=True)
        return self.stack.attention_weights(self.embed(batch.ids, batch.segments), layout)
