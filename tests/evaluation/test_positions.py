import numpy as np
import torch
import torch.nn.functional as F

from langue.batch import Batch
from langue.evaluation.positions import loss_by_position, rows_of
from langue.models import ModelConfig, build
from langue.objectives import Causal


def test_the_mean_over_positions_is_the_loss():
    model = build(ModelConfig.model_validate({"preset": "gpt2-nano", "vocab_size": 50, "layers": 2}))
    rows = torch.randint(0, 50, (21, 13), generator=torch.Generator().manual_seed(0))
    by_position = loss_by_position(model, rows)
    whole = Causal().loss(model, Batch(rows[:, :-1], rows[:, 1:]))
    assert by_position.shape == (12,)
    torch.testing.assert_close(by_position.mean(), (whole.total / whole.count).double(), rtol=1e-5, atol=0)


def test_each_position_has_its_own_loss():
    model = build(ModelConfig.model_validate({"preset": "gpt2-nano", "vocab_size": 50, "layers": 2}))
    rows = torch.randint(0, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    short = torch.stack([F.cross_entropy(model(Batch(row[None, :5]))[0, 4], row[5]) for row in rows]).mean()
    torch.testing.assert_close(loss_by_position(model, rows)[4], short.detach().double(), rtol=1e-5, atol=0)


class Numbers:
    """The text 0, 1, 2, …"""

    def __init__(self, tokens: int):
        self.tokens = tokens

    def read(self, start: int, count: int) -> np.ndarray:
        assert start + count <= self.tokens
        return np.arange(start, start + count, dtype=np.uint16)


def test_rows_are_spread_over_the_text_and_do_not_overlap():
    assert rows_of(Numbers(100), 10, 3).tolist() == [list(range(start, start + 11)) for start in (0, 30, 60)]
    assert rows_of(Numbers(31), 10, 99).tolist() == [list(range(start, start + 11)) for start in (0, 10, 20)]


def test_a_short_text_gives_one_short_row():
    assert rows_of(Numbers(5), 10, 99).tolist() == [[0, 1, 2, 3, 4]]
