"""Data: from files to documents, from documents to tokens on disk, from tokens to the rows of any step."""

from langue.data.documents import Piece, read_documents
from langue.data.loader import Loader, MicroBatch, Windows
from langue.data.mix import Mix, tempered
from langue.data.order import Permutation
from langue.data.prepare import prepare
from langue.data.settings import DataSettings, ReadSettings
from langue.data.sources import find_sources
from langue.data.split import after, before
from langue.data.store import TokenStore
from langue.data.tally import Tally

__all__ = [
    "DataSettings",
    "Loader",
    "MicroBatch",
    "Mix",
    "Permutation",
    "Piece",
    "ReadSettings",
    "Tally",
    "TokenStore",
    "Windows",
    "after",
    "before",
    "find_sources",
    "prepare",
    "read_documents",
    "tempered",
]
