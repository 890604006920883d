"""`/`: a page to use the models by, one file without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from langue.report.palette import stylesheet

FILE = Path(__file__).with_name("page.html")

COLOURS = "/* colours */"
"""The place of the colours, which are those of reports."""

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


async def page(request: Request) -> Response:
    """The page, which holds nothing of the server's: it asks for a key itself, and calls the routes as others do."""
    content, policy = page_and_policy()
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(content, headers=headers)


@cache
def page_and_policy() -> tuple[str, str]:
    """The HTML, and a policy that lets run its own script and style alone and reach this server alone."""
    content = FILE.read_text(encoding="utf-8").replace(COLOURS, stylesheet())
    hashes = {kind: _hash(inside) for kind, inside in _INLINE.findall(content)}
    policy = {
        "default-src": "'none'",
        "script-src": hashes["script"],
        "style-src": hashes["style"],
        "connect-src": "'self'",
        "img-src": "data:",
        "media-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return content, "; ".join(f"{name} {value}" for name, value in policy.items())


def _hash(text: str) -> str:
    """A source of a policy: the one text that is allowed."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
