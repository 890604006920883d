"""The process that reads pages: `python -m langue.pages.worker PAGE_SECONDS FILE_SECONDS BYTES`.

Each line of its input is a JSON object with the `path` of a file, its `kind` as a fault calls it, and the `target`, the
function that reads it. It answers by JSON lines with the `text`, the `place` and what is `known` of each page, and at
last one with the `fault`, or null. Where a page or a file
takes too long it ends itself, by a clock that no loop can stop.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from langue.lazy import fetch
from langue.pages.page import PageError


def main(page_seconds: float, file_seconds: float, memory: int) -> None:
    """Read what is asked for until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes at a terminal; our parent ends us
    _bound(memory)
    # What a library prints must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as out, open(os.devnull, "w") as nowhere, suppress(BrokenPipeError):
        os.dup2(nowhere.fileno(), 1)
        for line in sys.stdin.buffer:
            end = time.monotonic() + file_seconds
            for answer in _answers(json.loads(line), page_seconds, end, nowhere):
                out.write(json.dumps(answer).encode() + b"\n")
                out.flush()
            faulthandler.cancel_dump_traceback_later()


def _answers(request: dict[str, str], page_seconds: float, end: float, nowhere: TextIO) -> Iterator[dict[str, Any]]:
    def wind() -> None:
        left = max(0.001, min(page_seconds, end - time.monotonic()))
        faulthandler.dump_traceback_later(left, exit=True, file=nowhere)

    fault = None
    try:
        wind()
        for page in fetch(request["target"])(Path(request["path"])):
            yield page._asdict()
            wind()
    except PageError as error:
        fault = str(error)
    except MemoryError:
        fault = "takes too much memory"
    except OSError:
        fault = "unreadable file"
    except Exception:  # parsers of other people's files raise whatever they stumble over
        fault = f"unreadable {request['kind']}"
    yield {"fault": fault}


def _bound(memory: int) -> None:
    """Let no file take all of the machine's memory, where the system can see to it."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
