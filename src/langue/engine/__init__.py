"""The engine: requests with settings of their own are read, go on side by side in one batch, and leave."""

from langue.engine.engine import Engine
from langue.engine.hypothesis import Hypothesis
from langue.engine.request import EncodedSource, Event, Request, Source
from langue.engine.settings import EngineSettings, GenerationSettings, SamplingSettings
from langue.engine.stop import StopStrings

__all__ = [
    "EncodedSource",
    "Engine",
    "EngineSettings",
    "Event",
    "GenerationSettings",
    "Hypothesis",
    "Request",
    "SamplingSettings",
    "Source",
    "StopStrings",
]
