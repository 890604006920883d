"""The engine: requests with settings of their own are read, go on side by side in one batch, and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langue.lazy import front

if TYPE_CHECKING:
    from langue.engine.engine import Engine
    from langue.engine.hypothesis import Hypothesis
    from langue.engine.request import EncodedSource, Event, Request, Source
    from langue.engine.settings import EngineSettings, GenerationSettings, SamplingSettings
    from langue.engine.stop import StopStrings
    from langue.engine.structure import OutputSettings, StructureProcessor

__all__ = [
    "EncodedSource",
    "Engine",
    "EngineSettings",
    "Event",
    "GenerationSettings",
    "Hypothesis",
    "OutputSettings",
    "Request",
    "SamplingSettings",
    "Source",
    "StopStrings",
    "StructureProcessor",
]

__getattr__ = front(
    __name__,
    {
        "EncodedSource": "request",
        "Engine": "engine",
        "EngineSettings": "settings",
        "Event": "request",
        "GenerationSettings": "settings",
        "Hypothesis": "hypothesis",
        "OutputSettings": "structure",
        "Request": "request",
        "SamplingSettings": "settings",
        "Source": "request",
        "StopStrings": "stop",
        "StructureProcessor": "structure",
    },
)
