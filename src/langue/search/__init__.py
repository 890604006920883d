"""Search: documents become passages, passages an index, and questions are answered by what the index holds."""

from langue.search.index import Hit, Index, open_index
from langue.search.settings import IndexSettings

__all__ = ["Hit", "Index", "IndexSettings", "open_index"]
