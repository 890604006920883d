"""Settings of an index. It keeps them, and goes by them whatever is added to it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from langue.data.settings import Unit
from langue.search.words import Analyzer, analyzer
from langue.settings import Settings

Kind = Literal["lance", "memory", "postgres"]
Storage = Literal["float32", "int8", "binary"]


class IndexSettings(Settings):
    """Settings of an index: what is a document, what is a passage, and how vectors are kept."""

    kind: Kind = "lance"
    """Back end: LanceDB in a folder, flat arrays whose vectors are read into memory whole, or PostgreSQL with pgvector.
    An index of words alone is of flat arrays, unless another is named."""
    size: int = Field(default=800, ge=40)
    """The longest passage, in bytes of UTF-8, to which tokens are closer than to characters whatever the script; 800
    are about 180 tokens of English."""
    overlap: int = Field(default=1, ge=0)
    """Sentences that a passage has in common with the one before."""
    storage: Storage = "float32"
    """Form of kept vectors: as they are; in a byte a number; or in a bit a number to find candidates by, and in a byte
    a number to rank them by."""
    documents: Unit = "file"
    """One document of a text file."""
    id: str = "id"
    """The column of a table that names its rows; `_id` is taken as well, and a row without them goes by its number."""
    text: str = "text"
    """The column of a table that holds the text."""
    title: str = "title"
    """The column of a table whose words begin the text, where there is one."""
    metadata: tuple[str, ...] | None = None
    """The columns of a table to filter by; null takes all others that hold numbers, truth values or short texts."""
    language: str | None = None
    """The language whose stems stand for words in full-text search, such as english or german, by Snowball; null finds
    words as they are written."""
    stop_words: Literal["drop", "keep"] = "drop"
    """With a language: leave out its words that are everywhere, such as "the", where Snowball has a list of them."""
    web: Literal["all", "main"] = "all"
    """Text of a web page: all that a browser shows, or the main text without menus and banners, as trafilatura finds
    it."""
    scans: bool = False
    """True to recognize the text of PDF files that hold none but pictures of it, by docling and its models."""
    max_line_bytes: int = Field(default=1 << 24, ge=1, lt=1 << 31)
    """Longer lines are left out."""

    @property
    def words(self) -> Analyzer:
        """The words by which a text is found.

        Raises:
            LangueError: nobody knows the language's stems.
        """
        return analyzer(self.language, self.stop_words == "drop")
