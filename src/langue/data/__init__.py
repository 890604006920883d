"""Data: from files to documents, from documents to tokens on disk, from tokens to the rows of any step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langue.lazy import front

if TYPE_CHECKING:
    from langue.data.documents import read_documents
    from langue.data.loader import Loader, MicroBatch
    from langue.data.mix import Mix, tempered
    from langue.data.order import Permutation
    from langue.data.pack import Packed
    from langue.data.records import DocumentPiece
    from langue.data.settings import DataSettings, PairDataSettings, ReadSettings, TableDataSettings, TextDataSettings
    from langue.data.sources import find_sources
    from langue.data.split import after, before
    from langue.data.store import TokenStore
    from langue.data.stream import ArrayRows, RowStream
    from langue.data.tally import Tally
    from langue.data.windows import Windows

__all__ = [
    "ArrayRows",
    "DataSettings",
    "DocumentPiece",
    "Loader",
    "MicroBatch",
    "Mix",
    "Packed",
    "PairDataSettings",
    "Permutation",
    "ReadSettings",
    "RowStream",
    "TableDataSettings",
    "Tally",
    "TextDataSettings",
    "TokenStore",
    "Windows",
    "after",
    "before",
    "find_sources",
    "read_documents",
    "tempered",
]

__getattr__ = front(
    __name__,
    {
        "ArrayRows": "stream",
        "DataSettings": "settings",
        "DocumentPiece": "records",
        "Loader": "loader",
        "MicroBatch": "loader",
        "Mix": "mix",
        "Packed": "pack",
        "PairDataSettings": "settings",
        "Permutation": "order",
        "ReadSettings": "settings",
        "RowStream": "stream",
        "TableDataSettings": "settings",
        "Tally": "tally",
        "TextDataSettings": "settings",
        "TokenStore": "store",
        "Windows": "windows",
        "after": "split",
        "before": "split",
        "find_sources": "sources",
        "read_documents": "documents",
        "tempered": "mix",
    },
)
