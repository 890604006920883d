"""The encoder–decoder form: an encoder reads the source, a decoder writes the target and attends to the source (T5)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from langue.batch import Batch
from langue.models.config import ModelConfig
from langue.models.model import Model
from langue.models.stack import Stack, embedding_scale
from langue.nn.embedding import Embedding, Head
from langue.nn.layout import Layout
from langue.nn.state import EncoderOutput, State


class Seq2Seq(Model):
    """Source tokens or a recording, and the target so far in, the logits of what comes next out, for any two mixers.

    Both sides share one vocabulary and one embedding, unless the source has a vocabulary of its own.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        encoder = config.encoder_config()
        self.source_embedding = (
            Embedding(
                config.source_vocab_size,
                config.resolved_embedding_width,
                bias=config.embedding_bias,
                scale=embedding_scale(config),
            )
            if config.source_vocab_size
            else None
        )
        self.encoder = Stack(encoder, causal=False)
        self.stack = Stack(config, causal=True, memory_width=encoder.width)
        ctc = config.audio is not None and config.audio.ctc
        self.ctc_head = Head(config.vocab_size, encoder.width, bias=False, tied=None) if ctc else None

    @property
    def heads(self) -> list[nn.Module]:
        return [*super().heads, *([] if self.ctc_head is None else [self.ctc_head])]

    @property
    def reading_parts(self) -> list[nn.Module]:
        return [part for part in (self.encoder, self.front_end, self.source_embedding) if part is not None]

    def encode(self, batch: Batch) -> EncoderOutput:
        """Encode the source, which the decoder attends to."""
        if batch.encoded is not None:
            return EncoderOutput(batch.encoded, batch.source_valid)
        if batch.source is None:
            raise ValueError("an encoder–decoder needs a source in its batch")
        own, valid = self.source_embedding, batch.source_valid
        if self.front_end is not None:
            x, valid = self.front_end(batch.source, valid)
        else:
            x = self.embed(batch.source) if own is None else own(batch.source)
        return EncoderOutput(self.encoder(x, Layout.of(x, valid, None, causal=False)), valid)

    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        return self.write(batch, self.encode(batch) if state is None else state.memory, state)

    def read(self, batch: Batch) -> Tensor:
        """(B, S, width): the encoder's output for a text given as `ids`."""
        return self.encode(replace(batch, source=batch.ids, source_valid=batch.valid)).hidden

    def write(self, batch: Batch, memory: EncoderOutput | None, state: State | None = None) -> Tensor:
        """(B, T, width): what the head turns into logits, of a source that was read already."""
        layout = Layout.of(batch.ids, batch.valid, batch.documents, causal=True, state=state)
        return self.stack(self.embed(batch.ids, batch.segments), layout, state, memory)

    def start(self, batch: Batch) -> State:
        state = self.stack.start()
        state.memory = self.encode(batch)
        return state

    def attention(self, batch: Batch) -> list[Tensor]:
        """(B, heads, T, S) for each block: the weights that positions of the target give to those of the source."""
        memory = replace(self.encode(batch), attention_weights=[])
        self.write(batch, memory)
        return memory.attention_weights or []
