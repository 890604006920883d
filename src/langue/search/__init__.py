"""Search: documents become passages, passages an index, and questions are answered by what the index holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langue.lazy import front

if TYPE_CHECKING:
    from langue.search.index import Hit, Index, open_index
    from langue.search.settings import IndexSettings

__all__ = ["Hit", "Index", "IndexSettings", "open_index"]

__getattr__ = front(__name__, {"Hit": "index", "Index": "index", "IndexSettings": "settings", "open_index": "index"})
