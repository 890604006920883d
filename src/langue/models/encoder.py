"""The encoder form: each position sees all of them (BERT)."""

from __future__ import annotations

from torch import Tensor

from langue.batch import Batch
from langue.models.config import ModelConfig
from langue.models.model import Model
from langue.models.stack import Stack
from langue.nn.layout import Layout
from langue.nn.state import State


class Encoder(Model):
    """Tokens or recordings in, a vector and logits for each position out, for any mixer."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.stack = Stack(config, causal=False)

    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        if state is not None:
            raise ValueError("an encoder sees a whole text at once and continues none")
        return self.stack(*self._read(batch))

    def start(self, batch: Batch) -> State:
        raise ValueError("an encoder sees a whole text at once and has no state to start")

    def attention(self, batch: Batch) -> list[Tensor]:
        return self.stack.attention_weights(*self._read(batch))

    def _read(self, batch: Batch) -> tuple[Tensor, Layout]:
        """The embedded input of the stack, and its layout."""
        if self.front_end is None:
            x, valid = self.embed(batch.ids, batch.segments), batch.valid
        elif batch.source is None:
            raise ValueError("an encoder of recordings needs a source in its batch")
        else:
            x, valid = self.front_end(batch.source, batch.source_valid)
        return x, Layout.of(x, valid, batch.documents, causal=False)

    @property
    def context_limit(self) -> int | None:
        return self.config.context
