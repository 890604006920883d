"""Decoding: filters, one search for greedy, sampling and beam, and stop strings."""

from langue.decode.search import Hypothesis, Search, Writing
from langue.decode.settings import SearchSettings
from langue.decode.stop import StopStrings

__all__ = ["Hypothesis", "Search", "SearchSettings", "StopStrings", "Writing"]
