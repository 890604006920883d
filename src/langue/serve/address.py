"""The address of a server, and the keys of those who may use it from elsewhere."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

from langue.errors import LangueError, reading
from langue.serve.settings import ServeSettings

VARIABLE = "LANGUE_API_KEY"
"""The variable of the environment that may hold a key."""

SHORTEST_KEY = 16
"""Characters of a key, at least: what is shorter can be guessed."""


def read_keys(file: Path | None) -> list[str]:
    """The keys of a file, one a line, without empty lines and those that begin with #; and that of the environment.

    Raises:
        LangueError: the file cannot be read or has none, or a key is too short.
    """
    keys = [key] if (key := os.environ.get(VARIABLE, "").strip()) else []
    if file is not None:
        with reading(file):
            lines = [line.strip() for line in file.read_text(encoding="utf-8").split("\n")]
        keys += (lines := [line for line in lines if line and not line.startswith("#")])
        if not lines:
            raise LangueError(f"{file} holds no key; write one on each line")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise LangueError(
            f"a key has fewer than {SHORTEST_KEY} characters; make one by: python -c 'import secrets; "
            "print(secrets.token_urlsafe(32))'"
        )
    return keys


def check_open(host: str, keys: list[str], no_key: bool) -> None:
    """Refuse to be open to all without being told so.

    Raises:
        LangueError: others than this machine reach the address, and nobody is asked for a key.
    """
    if not keys and not no_key and not is_loopback(host):
        raise LangueError(
            f"at {host} others than this machine reach the server; give it keys by --key-file or {VARIABLE}, or say "
            f"--no-key if everybody may use it"
        )


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(settings: ServeSettings) -> socket.socket:
    """A socket at the address.

    Raises:
        LangueError: it is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio lets small answers go at once where it sees that a socket is TCP's, and otherwise 40 ms later.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise LangueError(
            f"cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}; take another by "
            f"--host or --port"
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
