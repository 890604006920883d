"""Data: from files to documents, from documents to tokens on disk, from tokens to the rows of any step."""

from langue.data.documents import read_documents
from langue.data.loader import Loader, MicroBatch
from langue.data.mix import Mix, tempered
from langue.data.order import Permutation
from langue.data.pack import Packed
from langue.data.prepare import prepare
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
    "prepare",
    "read_documents",
    "tempered",
]
