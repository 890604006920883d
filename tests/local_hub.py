"""A hub on this machine: as much of Hugging Face's as fetching and pushing a model takes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ready_python import ready_python

REVISION = "0123456789" * 4
"""The one commit of every repository."""


@dataclass
class LocalHub:
    """Repositories by name, and what was asked of them.

    Attributes:
        port: at which it listens.
        repositories: files by name, by the repositories' names.
        private: names of those that nobody else may see.
        fetched: files that were asked for.
    """

    port: int = 0
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)

    def run(self, *code: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Python with this hub in the place of Hugging Face's."""
        return run_python(*code, home=home, port=self.port, **more)


def run_python(*code: str, home: Path, port: int, **more: str) -> subprocess.CompletedProcess[str]:
    """Python whose hub is at a port of this machine."""
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **more}
    environment = {**os.environ, **hub, "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run([*ready_python(), *code], env=environment, capture_output=True, text=True, timeout=240)


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    """A hub that answers inside."""
    hub = LocalHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            self._tell_about(*path.removeprefix("/api/models/").split("/", 2))
            return
        owner, name, _, _, file = path.removeprefix("/").split("/", 4)
        self.hub.fetched.add(file)
        self._answer(self.hub.repositories[f"{owner}/{name}"][file], "application/octet-stream")

    def _tell_about(self, owner: str, name: str, rest: str = "") -> None:
        files = self.hub.repositories.get(f"{owner}/{name}")
        if files is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif rest.startswith("tree/"):
            self._json(
                [{"type": "file", "path": file, "size": len(data), "oid": _sha(data)} for file, data in files.items()]
            )
        else:
            siblings = [{"rfilename": file} for file in files]
            private = f"{owner}/{name}" in self.hub.private
            self._json({"id": f"{owner}/{name}", "sha": REVISION, "siblings": siblings, "private": private})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "Authorization" not in self.headers:
            self._send(401, b'{"error": "who are you?"}', {"Content-Type": "application/json"})
        elif self.path == "/api/repos/create":
            self._create(**json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif self.path.endswith("/preupload/main"):
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            self._json({"files": [{**file, "shouldIgnore": False} for file in files]})
        else:
            owner, name = self.path.removeprefix("/api/models/").split("/")[:2]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.hub.repositories[f"{owner}/{name}"][line["value"]["path"]] = content
            self._json(
                {
                    "commitUrl": f"http://127.0.0.1:{self.hub.port}/{owner}/{name}/commit/{REVISION}",
                    "commitOid": REVISION,
                }
            )

    def _create(self, name: str, organization: str | None = None, private: bool = False, **more: Any) -> None:
        place = f"{organization}/{name}" if organization else name
        url = {"url": f"http://127.0.0.1:{self.hub.port}/{place}"}
        if place in self.hub.repositories:
            self._send(409, json.dumps(url).encode(), {"Content-Type": "application/json"})
            return
        self.hub.repositories[place] = {}
        if private or more.get("visibility") == "private":  # as newer clients say it
            self.hub.private.add(place)
        self._json(url)

    def _json(self, content: Any) -> None:
        self._answer(json.dumps(content).encode(), "application/json")

    def _answer(self, data: bytes, kind: str) -> None:
        self._send(200, data, {"Content-Type": kind, "X-Repo-Commit": REVISION, "ETag": f'"{_sha(data)}"'})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _sha(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
