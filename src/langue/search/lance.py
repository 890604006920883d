"""Passages in a LanceDB table: columns on disk, versions, and an approximate index of the vectors (Apache Lance).

Up to some ten thousand passages every vector is compared. Above, vectors are sorted into partitions, and each has a
code of four bits a number (RaBitQ: Gao et al., SIGMOD 2025); the codes of the nearest partitions give candidates, whose
vectors are then compared as they are.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property, reduce
from importlib import import_module
from operator import and_, or_
from pathlib import Path
from typing import Any

import numpy as np

from langue.errors import LangueError, reading
from langue.extra import need
from langue.files import disk_fault, replacing
from langue.search.settings import Storage
from langue.search.store import ADVICE, IndexManifest, Passage, Scored, Table, ranked
from langue.search.vectors import CANDIDATES, cosines, stored, to_bits
from langue.search.where import COMPARE, LAST, NEGATIVE, Condition, Where

# Lance warns of its defaults on standard error unless it is told not to; errors come as exceptions.
os.environ.setdefault("LANCEDB_LOG", "error")
lancedb, pyarrow = (need(library, "search", "an index in a folder") for library in ("lancedb", "pyarrow"))
_index, _expressions = import_module("lancedb.index"), import_module("lancedb.expr")
col, lit = _expressions.col, _expressions.lit

NAME = "passages"
ROW = "_rowid"
"""Lance's name of the place of a row in a version."""

EXACT = 20_000
"""Passages up to which every vector is compared, which takes some milliseconds."""
PARTITION = 2000
"""Passages of a partition, about."""
CODE_BITS = 4
"""Bits of a code for each number. Of a million vectors, codes of 1 bit found 93 % of the nearest 10 with 40 candidates
for each, codes of 4 bits 97 % with 40 more than are asked for, in less time. They take an eighth of the vectors'
bytes."""
PROBES = 64
"""Partitions that are looked into."""
SPARE = 40
"""Candidates whose vectors are compared, beyond those that are asked for. Five for each of 100 found the same 10 and
took a fifth more time."""
GROWTH = 2
"""Factor of growth from which on the partitions of an index are made anew."""
LOOSE = 10_000
"""New passages that are compared one by one, which takes 8 ms of a query, before they are put into partitions."""
CHANGES = 20
"""Changes that leave pieces of their own before the table is put together. LanceDB writes nearly all of it anew for
either: in an index of a million passages that takes 13 s, and a change of 1,000 without it less than one."""
BATCH = 1 << 20
"""Rows that LanceDB is asked for at once. It reads a million keys in 8 ms so, and in 80 as it likes."""
BUFFER = 1 << 15
"""Passages that are written together: a fragment of the table each."""
KEPT = timedelta(hours=1)
"""Time for which versions are kept for those who read them."""
_INTEGERS = {"key": pyarrow.int64(), **dict.fromkeys(("number", "start", "end"), pyarrow.int32())}
"""Columns of passages that hold no texts."""
BETWEEN = "\x1f"
"""Separator of several values of a field, a control character for that."""


class LanceTable(Table):
    """A `Table` of LanceDB.

    Args:
        path: the folder of the database.
        database: the connection.
        table: in the version to be seen; None where there is none yet.
        place: what the manifest remembers: the version, the columns of each field, how many passages were indexed, and
            how many changes and passages are to be put together with the rest.
        storage: how vectors are kept.
        stage: of a first version, brings it to its place when it is closed.
    """

    def __init__(
        self,
        path: Path,
        database: Any,
        table: Any,
        place: Mapping[str, Any],
        storage: Storage,
        stage: ExitStack | None = None,
    ):
        self._path, self._database, self._table, self._stage = path, database, table, stage
        self.storage: Storage = storage
        self._fields: dict[str, int] = dict(place.get("fields", {}))
        self._indexed: int = place.get("indexed", 0)
        self._changes: int = place.get("changes", 0)
        self._loose: int = place.get("loose", 0)
        self._buffer: list[tuple[Sequence[Passage], np.ndarray | None]] = []
        self._buffered = 0

    @classmethod
    def open(
        cls, path: Path, storage: Storage, manifest: IndexManifest | None, writing: ExitStack | None
    ) -> LanceTable:
        """The version that a manifest says, of the database in a folder.

        Raises:
            LangueError: LanceDB has no such version any more.
        """
        if manifest is None:
            assert writing is not None
            # The first version is made beside its place, so that no file of Lance's is left where it is broken off.
            stage = ExitStack()
            writing.push(stage)
            return cls(path, lancedb.connect(stage.enter_context(replacing(path))), None, {}, storage, stage)
        version = manifest.place["version"]
        with reading(path, ADVICE):
            database = lancedb.connect(path)
            table = database.open_table(NAME)
            if writing is None:
                table.checkout(version)
            elif table.version != version:
                table.restore(version)  # what a writer left that was broken off is left behind
        return cls(path, database, table, manifest.place, storage)

    def digests(self) -> dict[str, str]:
        if self._table is None:
            return {}

        rows = self._select(col("number") == lit(0), ["document", "digest"])
        return dict(zip(rows["document"].to_pylist(), rows["digest"].to_pylist(), strict=True))

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        if self.storage == "float32":
            query = self._table.search(vector, vector_column_name="vector").distance_type("dot").limit(k)
            if self._indexed:
                query = query.nprobes(PROBES).refine_factor(1 + math.ceil(SPARE / k))
            rows = self._run(query, where, ["_distance"])
            scores = 1 - rows["_distance"].to_numpy()  # Lance's distance of this kind is 1 minus the product
        else:
            query = self._table.search(to_bits(vector), vector_column_name="bits").distance_type("hamming")
            query = query.limit(CANDIDATES * k)
            if self._indexed:
                query = query.nprobes(PROBES)
            names = ["bits"] if self.storage == "binary" else ["codes", "scale"]
            rows = self._run(query, where, names)
            scores = cosines({name: _numpy(rows[name]) for name in names}, vector)
        keys = self._rows.keys(rows[ROW].to_numpy())
        return ranked(keys.tolist(), scores.tolist())[:k]

    def _run(self, query: Any, where: Where, columns: list[str]) -> Any:
        if where:
            query = query.where(self._expression(where))
        return query.with_row_id(True).select([*columns, ROW]).to_arrow()

    @cached_property
    def _rows(self) -> PassageRows:
        """The places of the passages of this version."""
        table = self._table.search().select(["key"]).with_row_id(True).to_batches(BATCH).read_all()
        return PassageRows(table[ROW].to_numpy(), table["key"].to_numpy())

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        if not keys:
            return []
        places = self._rows.places(np.array(keys, np.int64)).tolist()
        taken = self._table.take_row_ids(places).select(list(Passage._fields)).to_arrow().to_pylist()
        passages = {row["key"]: Passage(**{**row, "metadata": json.loads(row["metadata"])}) for row in taken}
        return [passages[key] for key in keys]

    def allowed(self, where: Where) -> np.ndarray:
        return np.sort(self._select(self._expression(where), ["key"])["key"].to_numpy())

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        if not documents or self._table is None:
            return np.empty(0, np.int64)

        return np.sort(self._select(col("document").isin(list(documents)), ["key"])["key"].to_numpy())

    def _select(self, condition: Any, columns: list[str]) -> Any:
        return self._table.search().where(condition).select(columns).to_batches(BATCH).read_all()

    def _expression(self, where: Where) -> Any:
        return reduce(and_, (self._condition(condition) for condition in where))

    def _condition(self, condition: Condition) -> Any:
        """As an expression of Lance's, in which values are values."""
        number = self._fields.get(condition.field)
        if number is None:
            return col("key") < lit(0)  # no document has the field
        name = f"field{number}_{'number' if condition.numeric else 'text'}"
        parts = []
        if name in self._columns:
            parts.append(_single(condition, col(name)))
        if f"{name}_all" in self._columns:
            parts.append(_several(condition, col(f"{name}_all"), col(f"{name}_low"), col(f"{name}_high")))
        return reduce(or_, parts) if parts else col("key") < lit(0)

    def delete(self, documents: Sequence[str]) -> None:
        if documents and self._table is not None:
            with self._writing():
                self._table.delete(col("document").isin(list(documents)))

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        self._buffer.append((passages, vectors))
        self._buffered += len(passages)
        if self._buffered >= BUFFER:
            with self._writing():
                self._flush()

    def _flush(self) -> None:
        passages = [passage for some, _ in self._buffer for passage in some]
        vectors = [some for _, some in self._buffer if some is not None]
        self._buffer, self._buffered = [], 0
        if not passages:
            return
        values = self._know(passages)
        self._loose += len(passages)
        data = self._arrow(passages, values, np.concatenate(vectors) if vectors else None)
        if self._table is None:
            self._table = self._database.create_table(NAME, data=data)
        else:
            self._table.add(data)

    @property
    def _columns(self) -> set[str]:
        return set() if self._table is None else set(self._table.schema.names)

    def _know(self, passages: Sequence[Passage]) -> list[dict[str, Any]]:
        """The values of passages by column, and new columns in the table for those that it lacks.

        Columns bear numbers because a field may be called anything.
        """
        for passage in passages:
            for name in passage.metadata:
                self._fields.setdefault(name, len(self._fields))
        values = [
            {column: value for name, known in passage.metadata.items() for column, value in self._values(name, known)}
            for passage in passages
        ]
        new = sorted({column for row in values for column in row} - self._columns)
        if new and self._table is not None:
            self._table.add_columns(_fields_of(new))
        return values

    def _values(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """One value stands in a column by itself; of several, the smallest, the greatest, and all in a row."""
        several = value if isinstance(value, list) else [value]
        values = [single if isinstance(single, str) else float(single) for single in several]
        column = f"field{self._fields[name]}_{'text' if isinstance(values[0], str) else 'number'}"
        if len(values) == 1:
            yield column, values[0]
            return
        yield f"{column}_low", min(values)
        yield f"{column}_high", max(values)
        yield f"{column}_all", "".join(f"{BETWEEN}{_spelt(single)}" for single in values) + BETWEEN

    def _arrow(
        self, passages: Sequence[Passage], values: Sequence[Mapping[str, Any]], vectors: np.ndarray | None
    ) -> Any:
        """The columns of new passages."""
        columns: dict[str, Any] = {
            name: pyarrow.array([getattr(passage, name) for passage in passages], _INTEGERS.get(name, pyarrow.string()))
            for name in Passage._fields[:-1]
        }
        known = [json.dumps(dict(passage.metadata), ensure_ascii=False) for passage in passages]
        columns["metadata"] = pyarrow.array(known)
        for field in _fields_of(sorted({column for row in values for column in row})):
            columns[field.name] = pyarrow.array([row.get(field.name) for row in values], field.type)
        for name, array in ({} if vectors is None else stored(vectors, self.storage)).items():
            flat = pyarrow.array(array.reshape(-1))
            columns[name] = flat if array.ndim == 1 else pyarrow.FixedSizeListArray.from_arrays(flat, array.shape[1])
        return pyarrow.table(columns)

    def finish(self, generation: int) -> dict[str, Any]:
        with self._writing():
            self._flush()
            self._put_in_order(generation)
        if self._stage is not None:
            self._stage.close()
        return {
            "version": self._table.version, "fields": self._fields, "indexed": self._indexed,
            "changes": self._changes, "loose": self._loose,
        }  # fmt: skip

    def _put_in_order(self, generation: int) -> None:
        """Make the index of vectors, or put what changes have left together with the rest, where it is worth it."""
        self._changes += 1
        count = self._table.count_rows()
        vectors = {"vector", "bits"}.intersection(self._table.schema.names)
        if vectors and count > EXACT and count > GROWTH * self._indexed:
            self._make_index(count)
            self._changes = self._loose = 0
        elif generation > 1 and (self._changes >= CHANGES or self._loose > LOOSE):
            self._table.optimize(cleanup_older_than=KEPT)
            self._changes = self._loose = 0

    def _make_index(self, count: int) -> None:
        options = {"num_partitions": max(1, count // PARTITION), "max_iterations": 20, "sample_rate": 64}
        if self.storage == "float32":
            self._table.create_index(
                "vector", config=_index.IvfRq(distance_type="dot", num_bits=CODE_BITS, **options), replace=True
            )
        else:
            self._table.create_index("bits", config=_index.IvfFlat(distance_type="hamming", **options), replace=True)
        self._indexed = count

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the disk refuses into one sentence; LanceDB tells the system's reason in its text alone."""
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            if "os error" not in str(error) and not isinstance(error, OSError):
                raise
            raise LangueError(
                f"{self._path} could not be written: {disk_fault(error)}; make room and try again"
            ) from None


class PassageRows:
    """The places of one version's passages in a table, so that none has to be looked for.

    Of a million passages, LanceDB finds 10 by their places in two thirds of the time that it takes by their keys. A
    search for the nearest 100 takes a third less when it is asked for their places, which it knows, and not for their
    keys, which it reads.

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


def _numpy(column: Any) -> np.ndarray:
    """A column of numbers, or of lists that are equally long, as (rows,) or (rows, length)."""
    if not pyarrow.types.is_fixed_size_list(column.type):
        return column.to_numpy()
    chunks = [chunk.flatten().to_numpy() for chunk in column.chunks]
    return np.concatenate([*chunks, np.empty(0, column.type.value_type.to_pandas_dtype())]).reshape(
        -1, column.type.list_size
    )


def _fields_of(columns: Iterable[str]) -> list[Any]:
    """Columns of numbers and of texts, by their names."""
    numbers = ("_number", "_number_low", "_number_high")
    return [pyarrow.field(name, pyarrow.float64() if name.endswith(numbers) else pyarrow.string()) for name in columns]


def _spelt(value: Any) -> str:
    return value.replace(BETWEEN, " ") if isinstance(value, str) else repr(float(value))


def _single(condition: Condition, column: Any) -> Any:
    """A condition on a column that holds one value a document, as an expression in which values are values."""
    values = [value if isinstance(value, str) else float(value) for value in condition.values]
    if condition.operator in ("begins", "avoids"):
        met = _any([(column >= lit(value)) & (column < lit(f"{value}{LAST}")) for value in values])
        return met if condition.operator == "begins" else ~met
    if condition.operator == "in":
        return column.isin([lit(value) for value in values])
    return COMPARE[condition.operator](column, lit(values[0]))


def _several(condition: Condition, column: Any, low: Any, high: Any) -> Any:
    """The same on columns of several values a document, of which any may meet it."""
    operator = NEGATIVE.get(condition.operator, condition.operator)
    if operator in ("<", "<=", ">", ">="):
        value = condition.value if isinstance(condition.value, str) else float(condition.value)
        return COMPARE[operator](low if operator in ("<", "<=") else high, lit(value))
    end = "" if operator == "begins" else BETWEEN
    met = _any([column.contains(lit(f"{BETWEEN}{_spelt(value)}{end}")) for value in condition.values])
    return ~met if condition.operator in NEGATIVE else met


def _any(parts: Sequence[Any]) -> Any:
    """One of some expressions holds; halved and halved again, since a database goes through them by recursion."""
    half = len(parts) // 2
    return parts[0] if len(parts) == 1 else _any(parts[:half]) | _any(parts[half:])
