"""What every model can do, whatever its form: hidden vectors, logits, and which of its parameters are matrices."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from langue.batch import Batch
from langue.errors import LangueError
from langue.models.config import ModelConfig
from langue.models.stack import embedding_scale
from langue.nn.embedding import Embedding, Head
from langue.nn.linear import Linear
from langue.nn.recurrent import Recurrent
from langue.nn.state import State


class Model(nn.Module):
    """A language model: `forward(batch, state) = head(hidden(batch, state))`."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        if config.vocab_size < 1:
            raise LangueError("a model needs a vocab_size of at least 1; it is usually the tokenizer's")
        self.config = config
        self.embedding = Embedding(
            config.vocab_size,
            config.resolved_embedding_width,
            bias=config.embedding_bias,
            scale=embedding_scale(config),
        )
        self.head = Head(
            config.vocab_size,
            config.width,
            bias=config.head_bias,
            tied=self.embedding if config.tie_embeddings else None,
        )

    @abstractmethod
    def hidden(self, batch: Batch, state: State | None = None) -> Tensor:
        """(B, T, width): what the head turns into logits."""

    @abstractmethod
    def start(self, batch: Batch) -> State:
        """A state for the rows of a batch, before its first position."""

    @abstractmethod
    def attention(self, batch: Batch) -> list[Tensor]:
        """(B, heads, T, S) for each block that has attention: how much each position looks at each other one."""

    def forward(self, batch: Batch, state: State | None = None) -> Tensor:
        """(B, T, V) logits. With a state, the batch continues what the state remembers."""
        return self.head(self.hidden(batch, state))

    def tie(self) -> None:
        """Make the head use the embedding's matrix again, after parameters were replaced rather than filled."""
        if self.config.tie_embeddings:
            self.head.weight = self.embedding.weight

    @property
    def context_limit(self) -> int | None:
        """How many positions the model can be trusted with, or None when it carries its memory on without end."""
        return self.config.context if self.config.mixer == "attention" or self.config.position == "learned" else None

    def matrices(self) -> dict[str, tuple[int, ...]]:
        """Names of the parameters between embedding and head that are matrices, with the rows of each stacked one."""
        found = {}
        for name, module in self.named_modules():
            if isinstance(module, Linear):
                found[f"{name}.weight"] = module.blocks
            elif isinstance(module, Recurrent):
                for inner, parameter in module.cell.named_parameters():
                    if parameter.ndim == 2:
                        found[f"{name}.cell.{inner}"] = (parameter.shape[0] // module.gates,) * module.gates
        return found
