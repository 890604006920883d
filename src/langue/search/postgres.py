"""Passages in PostgreSQL with pgvector, for many who share one index on a server.

A change is one transaction, so nobody sees half of it and nothing of it is left when it is broken off. BM25 is the same
formula as in `postings.py`, worked out by the server over a table of the same entries.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from langue.errors import LangueError, reason
from langue.extra import need
from langue.search.postings import K1, B
from langue.search.settings import IndexSettings
from langue.search.store import IndexManifest, IndexWriter, Passage, Scored, Store, ranked, read_manifest, shown
from langue.search.vectors import CANDIDATES, cosines, stored, to_bits
from langue.search.where import NEGATIVE, Condition, Where

psycopg, pgvector = (need(library, "postgres", "an index in PostgreSQL") for library in ("psycopg", "pgvector"))
_sql, _json, _vectors = (import_module(name) for name in ("psycopg.sql", "psycopg.types.json", "pgvector.psycopg"))
SQL, Identifier, Literal, Placeholder = _sql.SQL, _sql.Identifier, _sql.Literal, _sql.Placeholder

EXACT = 20_000
"""Passages up to which every vector is compared."""
NEIGHBOURS = 100
"""Candidates that the graph of vectors is searched for, at least (pgvector's `hnsw.ef_search`)."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,49}")
_COLUMNS = "key, document, digest, source, number, first, last, text, metadata"

_TABLES = """
CREATE TABLE {schema}.manifest (content text NOT NULL);
CREATE TABLE {schema}.passages (
    key bigint NOT NULL, document text NOT NULL, digest text NOT NULL, source text NOT NULL, number int NOT NULL,
    first int NOT NULL, last int NOT NULL, text text NOT NULL, metadata jsonb NOT NULL, words int NOT NULL {vector});
CREATE TABLE {schema}.postings (word text NOT NULL, passage bigint NOT NULL, count int NOT NULL, words int NOT NULL);
"""
# After the first filling: an index that grows row by row takes several times as long.
_INDEXES = """
ALTER TABLE {schema}.passages ADD PRIMARY KEY (key);
CREATE INDEX ON {schema}.passages (document);
ALTER TABLE {schema}.postings ADD PRIMARY KEY (word, passage);
CREATE INDEX ON {schema}.postings (passage);
ANALYZE {schema}.passages;
ANALYZE {schema}.postings;
"""
_BM25 = """
WITH counted AS (SELECT (content::jsonb ->> 'passages')::float8 AS passages,
        greatest(1, (content::jsonb #>> '{{place,words}}')::float8 / nullif((content::jsonb ->> 'passages')::float8, 0))
        AS mean
    FROM {schema}.manifest),
asked AS (SELECT word, times, (SELECT count(*) FROM {schema}.postings WHERE word = given.word) AS n
    FROM unnest(%(words)s::text[], %(times)s::float8[]) AS given (word, times)),
rare AS (SELECT word, times * ln(1 + (passages - n + 0.5) / (n + 0.5)) AS weight, mean FROM asked, counted)
SELECT found.passage,
    sum(weight * count / (count + %(k1)s * (1 - %(b)s + %(b)s * found.words / mean)) ORDER BY word) AS score
FROM rare JOIN {schema}.postings AS found USING (word) {condition}
GROUP BY found.passage ORDER BY score DESC, found.passage LIMIT %(k)s
"""


class PostgresStore(Store):
    """A `Store` in a schema of a PostgreSQL database.

    Args:
        connection: with autocommit.
        name: of the schema.
        settings: of a new index.
    """

    def __init__(self, connection: Any, name: str, settings: IndexSettings | None):
        self._connection, self.name = connection, name
        self.manifest = self.read()
        self.settings = settings if self.manifest is None else self.manifest.settings

    @classmethod
    def open(cls, place: str, settings: IndexSettings | None) -> PostgresStore:
        """The index at postgresql://USER@HOST/DATABASE#NAME; without a name, it is called langue.

        Raises:
            LangueError: nobody answers, the server lacks pgvector, or there is no index and none is to be made.
        """
        url, _, name = place.partition("#")
        name = name or "langue"
        if not _NAME.fullmatch(name):
            raise LangueError(f"an index cannot be called {name!r}; take small letters, digits and _")
        try:
            connection = psycopg.connect(url, autocommit=True)
        except psycopg.Error as error:
            raise LangueError(f"the database does not answer: {reason(error)}") from None
        try:
            connection.execute("SET client_min_messages = warning")
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            _vectors.register_vector(connection)
        except psycopg.Error as error:
            connection.close()
            raise LangueError(f"the database has no pgvector, or lets nobody create it: {reason(error)}") from None
        store = cls(connection, name, settings)
        if store.manifest is None and settings is None:
            command = f"langue index build DOCS --out {shlex.quote(shown(place))}"
            raise LangueError(f"there is no index {name} in the database; to make one: {command}")
        return store

    def read(self) -> IndexManifest | None:
        """The manifest as it is now."""
        with self._asking():
            there = self._connection.execute("SELECT to_regclass(%s)", [f"{self.name}.manifest"]).fetchone()[0]
        rows = self._run("SELECT content FROM {schema}.manifest").fetchall() if there else []
        return read_manifest(rows[0][0], self.name) if rows else None

    def _run(self, query: str, parameters: Any = None, **parts: Any) -> Any:
        """Run a query, in whose text nothing is put but names that are quoted and parts that are composed here."""
        with self._asking():
            return self._connection.execute(SQL(query).format(schema=Identifier(self.name), **parts), parameters)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what the server says no to into one sentence.

        Raises:
            LangueError: its disk is full, it has gone, or somebody has taken away or damaged the index.
        """
        try:
            yield
        except psycopg.Error as error:
            raise LangueError(f"the database cannot do that to the index {self.name}: {reason(error)}") from None

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        condition, parameters = _conditions(where)
        condition = SQL("WHERE ") + condition if where else SQL("")
        assert self.manifest is not None
        with self._asking(), self._connection.transaction():
            indexed = self.manifest.passages > EXACT
            if indexed:
                # With conditions, the graph is searched on until enough passages meet them.
                self._connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
                self._connection.execute(f"SET LOCAL hnsw.ef_search = {min(1000, max(NEIGHBOURS, 2 * int(k)))}")
            short = self.manifest.settings.storage != "float32"
            query = {"vector": _bits(to_bits(vector)) if short else vector, "k": CANDIDATES * k if short else k}
            rows = self._run(
                "SELECT key, {distance} AS distance {columns} FROM {schema}.passages {condition} "
                "ORDER BY {order} LIMIT %(k)s",
                {**parameters, **query},
                distance=SQL("bits <~> %(vector)s" if short else "vector <#> %(vector)s"),
                columns=SQL(", bits, codes, scale" if short else ""),
                condition=condition,
                # A second key would keep the server from using the graph.
                order=SQL("distance" if indexed else "distance, key"),
            ).fetchall()
        keys = [row[0] for row in rows]
        if short and rows:
            return ranked(keys, cosines(_kept(rows), vector).tolist())[:k]
        return ranked(keys, [-row[1] for row in rows])

    def text(self, words: Sequence[str], k: int, where: Where) -> list[Scored]:
        condition, parameters = _conditions(where)
        if where:
            condition = (
                SQL("JOIN {schema}.passages ON key = found.passage WHERE ").format(schema=Identifier(self.name))
                + condition
            )
        counted = Counter(words)
        parameters |= {"words": list(counted), "times": list(counted.values()), "k1": K1, "b": B, "k": k}
        return self._run(_BM25, parameters, condition=condition).fetchall()

    def both(self, vector: np.ndarray, words: Sequence[str], k: int, where: Where) -> tuple[list[Scored], list[Scored]]:
        """See `Store`; one after the other, on one connection."""
        return self.dense(vector, k, where), self.text(words, k, where)

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        rows = self._run(f"SELECT {_COLUMNS} FROM {{schema}}.passages WHERE key = ANY(%s)", [list(keys)]).fetchall()
        passages = {row[0]: Passage(*row) for row in rows}
        return [passages[key] for key in keys if key in passages]

    @contextmanager
    def writing(self) -> Iterator[_PostgresWriter]:
        try:
            with self._asking(), self._connection.transaction() as transaction:
                lock = self._connection.execute(
                    "SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"langue {self.name}"]
                )
                if not lock.fetchone()[0]:
                    raise LangueError(f"another process is writing the index {self.name}; wait until it is done")
                self.manifest = self.read()
                writer = _PostgresWriter(self, transaction)
                yield writer
                if writer.manifest is None:
                    raise psycopg.Rollback(transaction)
        finally:
            if not self._connection.closed:
                self.manifest = self.read()

    def close(self) -> None:
        self._connection.close()


class _PostgresWriter(IndexWriter):
    """A change of an index in a transaction, which ends with its `writing`."""

    def __init__(self, store: PostgresStore, transaction: Any):
        self._store, self._transaction = store, transaction
        self._run = store._run
        self.manifest: IndexManifest | None = None
        assert store.settings is not None
        self._settings = store.settings
        self._made = store.manifest is not None
        self._words = 0 if store.manifest is None else int(store.manifest.place["words"])

    def digests(self) -> dict[str, str]:
        if not self._made:
            return {}
        return dict(self._run("SELECT document, digest FROM {schema}.passages WHERE number = 0").fetchall())

    def delete(self, documents: Sequence[str]) -> int:
        if not documents:
            return 0
        rows = self._run(
            "DELETE FROM {schema}.passages WHERE document = ANY(%s) RETURNING key, words", [list(documents)]
        ).fetchall()
        self._run("DELETE FROM {schema}.postings WHERE passage = ANY(%s)", [[key for key, _ in rows]])
        self._words -= sum(words for _, words in rows)
        return len(rows)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        if not self._made:
            self._make(0 if vectors is None else vectors.shape[1])
        analyze = self._settings.words
        counted = [analyze(passage.text) for passage in passages]
        self._words += sum(map(len, counted))
        kinds = ["int8", "text", "text", "text", "int4", "int4", "int4", "text", "jsonb", "int4"]
        kept = {} if vectors is None else stored(vectors, self._settings.storage)
        named = ", ".join([_COLUMNS, "words", *kept])
        with self._copy(f"COPY {{schema}}.passages ({named}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([*kinds, *(_KINDS[name] for name in kept)])
            for row, (passage, words) in enumerate(zip(passages, counted, strict=True)):
                known = _json.Jsonb(dict(passage.metadata), dumps=partial(json.dumps, ensure_ascii=False))
                vector = (_VALUES[name](array[row]) for name, array in kept.items())
                copy.write_row((*passage[:-1], known, len(words), *vector))
        with self._copy("COPY {schema}.postings (word, passage, count, words) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int8", "int4", "int4"])
            for passage, words in zip(passages, counted, strict=True):
                for word, count in Counter(words).items():
                    copy.write_row((word, passage.key, min(count, 65535), len(words)))

    @contextmanager
    def _copy(self, query: str) -> Iterator[Any]:
        with (
            self._store._connection.cursor() as cursor,
            cursor.copy(SQL(query).format(schema=Identifier(self._store.name))) as copy,
        ):
            yield copy

    def _make(self, size: int) -> None:
        columns = ", vector vector({size})"
        if self._settings.storage != "float32":
            columns = ", bits bit({bits}), codes bytea, scale real"
        bits = 8 * ((size + 7) // 8)
        vector = SQL(columns if size else "").format(size=Literal(size), bits=Literal(bits))
        self._run("CREATE SCHEMA IF NOT EXISTS {schema}")
        for statement in filter(str.strip, _TABLES.split(";")):
            self._run(statement, vector=vector)
        self._made = True

    def commit(self, manifest: IndexManifest) -> None:
        before = self._store.manifest
        generation = 1 + (0 if before is None else before.generation)
        if before is None:
            for statement in filter(str.strip, _INDEXES.split(";")):
                self._run(statement)
        if manifest.model is not None and manifest.passages > EXACT and (before is None or before.passages <= EXACT):
            # In a memory of the usual size, making the graph goes through the disk and takes many times as long.
            self._store._connection.execute("SET LOCAL maintenance_work_mem = '2GB'")
            short = self._settings.storage != "float32"
            by = "bits bit_hamming_ops" if short else "vector vector_ip_ops"
            self._run("CREATE INDEX ON {schema}.passages USING hnsw ({by})", by=SQL(by))
        self.manifest = manifest.replace(generation=generation, place={"words": self._words})
        self._run("DELETE FROM {schema}.manifest")
        self._run("INSERT INTO {schema}.manifest VALUES (%s)", [self.manifest.text()])


def _bits(row: np.ndarray) -> Any:
    return pgvector.Bit(np.unpackbits(row).astype(bool))


_KINDS = {"vector": "vector", "bits": "bit", "codes": "bytea", "scale": "float4"}
_VALUES: dict[str, Callable[[Any], Any]] = {
    "vector": lambda row: row, "bits": _bits, "codes": lambda row: row.tobytes(), "scale": float,
}  # fmt: skip


def _kept(rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """Short forms of the vectors of rows (key, distance, bits, codes, scale)."""
    if rows[0][3] is None:
        return {"bits": np.stack([np.packbits(_bools(row[2])) for row in rows])}
    codes = np.stack([np.frombuffer(row[3], np.int8) for row in rows])
    return {"codes": codes, "scale": np.array([row[4] for row in rows], np.float32)}


def _bools(bit: Any) -> np.ndarray:
    return np.array([sign == "1" for sign in bit], bool) if isinstance(bit, str) else bit.to_numpy()


def _conditions(where: Where) -> tuple[Any, dict[str, Any]]:
    """Conditions as composed SQL, with their fields and values as parameters."""
    parts, parameters = [], {}
    for number, condition in enumerate(where):
        parts.append(_condition(number, condition))
        values = [value if isinstance(value, str) else float(value) for value in condition.values]
        parameters |= {f"field{number}": condition.field, f"values{number}": values}
    return SQL(" AND ").join(parts), parameters


def _condition(number: int, condition: Condition) -> Any:
    """A condition that any of a document's values meets; one that says no, if there are values and none is equal."""
    if condition.numeric:
        value = (
            "CASE jsonb_typeof(each.value) WHEN 'number' THEN (each.value #>> '{{}}')::float8 "
            "WHEN 'boolean' THEN (each.value #>> '{{}}')::boolean::int::float8 END"
        )
    else:
        # By code points, as Python and Lance compare, and not by the rules of the server's language.
        value = "CASE jsonb_typeof(each.value) WHEN 'string' THEN each.value #>> '{{}}' END COLLATE \"C\""
    operator = NEGATIVE.get(condition.operator, condition.operator)
    if operator == "begins":
        compared = "EXISTS (SELECT 1 FROM unnest({values}) AS begun WHERE starts_with(({value}), begun))"
    elif operator in ("==", "in"):
        compared = "({value}) = ANY({values})"
    else:
        compared = "({value}) " + operator + " ({values})[1]"
    met = "EXISTS (SELECT 1 FROM jsonb_array_elements({all}) AS each WHERE {compared})"
    if condition.operator in NEGATIVE:
        met = (
            "(EXISTS (SELECT 1 FROM jsonb_array_elements({all}) AS each WHERE ({value}) IS NOT NULL) AND NOT "
            + met
            + ")"
        )
    every = (
        "CASE jsonb_typeof(metadata -> {field}::text) WHEN 'array' THEN metadata -> {field}::text "
        "ELSE jsonb_build_array(metadata -> {field}::text) END"
    )
    met = met.replace("{all}", every).replace("{compared}", compared).replace("{value}", value)
    kind = "float8[]" if condition.numeric else "text[]"
    names = {
        "field": Placeholder(f"field{number}"),
        "values": SQL("{v}::" + kind).format(v=Placeholder(f"values{number}")),
    }
    return SQL(met).format(**names)
