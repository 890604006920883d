"""A fixed window: each position sees the last few inputs side by side, as the first neural language model did."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.nn.layout import Layout
from langue.nn.linear import make_linear
from langue.nn.mixer import Mixer
from langue.nn.roles import matrix
from langue.nn.state import LayerState, PageTable, RowIndex


class WindowState(LayerState):
    """The last size − 1 inputs, (B, size − 1, input width). None stands for zeros."""

    def __init__(self) -> None:
        self.inputs: Tensor | None = None

    def select(self, owners: RowIndex) -> None:
        if self.inputs is not None:
            self.inputs = owners.of(self.inputs)

    def alone(self, row: int, positions: Tensor, page_table: PageTable | None) -> WindowState:
        state = WindowState()
        state.inputs = None if self.inputs is None else self.inputs[row : row + 1].clone()
        return state

    def first(self, length: int) -> WindowState:
        state = WindowState()
        state.inputs = self.inputs
        return state

    def join(self, other: WindowState, theirs: PageTable, mine: PageTable) -> None:
        if self.inputs is not None and other.inputs is not None:
            self.inputs = torch.cat([self.inputs, other.inputs])


class WindowMixer(Mixer):
    """tanh(H·[x_{t−size+1}; …; x_t] + d) (Bengio et al. 2003, section 2); before the text's start stand zeros.

    When not causal the window is centred: size // 2 positions on the right, the rest on the left.
    """

    def __init__(self, input_width: int, width: int, *, size: int, causal: bool):
        super().__init__()
        self.size = size
        self.after = 0 if causal else size // 2
        self.hidden = make_linear(size * input_width, (width,), True, matrix("window"))

    def start(self) -> WindowState:
        return WindowState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        length, before = x.shape[1], self.size - 1 - self.after
        if layout.new_valid is not None:
            x = x * layout.new_valid[..., None]
        old = state.inputs if isinstance(state, WindowState) else None
        wide = F.pad(x, (0, 0, before, self.after)) if old is None else torch.cat([old, x], 1)
        if isinstance(state, WindowState):
            state.inputs = wide[:, wide.shape[1] - before :]
        pieces = [wide[:, k : k + length] for k in range(self.size)]
        if layout.documents is not None:
            pieces = self._own_document(pieces, layout.documents, before)
        return torch.tanh(self.hidden(torch.cat(pieces, -1)))

    def _own_document(self, pieces: list[Tensor], documents: Tensor, before: int) -> list[Tensor]:
        """Set to zero what belongs to another document."""
        wide = F.pad(documents, (before, self.after), value=-1)
        length = documents.shape[1]
        return [piece * (wide[:, k : k + length] == documents)[..., None] for k, piece in enumerate(pieces)]
