"""Decoding: filters, one search for greedy, sampling and beam, and stop strings."""

from langue.decode.rank import Hypothesis
from langue.decode.rows import Encoded, Source
from langue.decode.search import Search
from langue.decode.settings import SearchSettings
from langue.decode.stop import StopStrings
from langue.decode.writing import Writing

__all__ = ["Encoded", "Hypothesis", "Search", "SearchSettings", "Source", "StopStrings", "Writing"]
