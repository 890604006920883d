"""Either library of matrix products, whatever the processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from langue.kernels import dispatch, products


@contextmanager
def choosing(onednn: bool) -> Iterator[None]:
    """Inside, products are oneDNN's, or torch's own choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "onednn_is_faster", lambda: onednn)
        patch.setattr(products, "settled_rows", lambda: range(0))
        patch.setattr(dispatch, "_fitting", {})
        yield


@pytest.fixture(params=["oneDNN", "torch's own"])
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    with choosing(request.param == "oneDNN"):
        yield request.param
