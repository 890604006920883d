"""Adapters: small matrices that learn beside large ones that do not."""

from langue.adapters.low_rank import AdaptedLinear, adapted
from langue.adapters.settings import AdapterConfig

__all__ = ["AdaptedLinear", "AdapterConfig", "adapted"]
