"""Errors as OpenAI's clients read them: one object with a message, a type, the parameter and a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TYPES = {401: "authentication_error", 429: "rate_limit_error"}
"""Types by status, where they are neither the client's mistake (4xx) nor the server's (5xx)."""


class RequestError(Exception):
    """A request that is refused, or has failed.

    Args:
        message: one sentence that says what is wrong and what to do.
        status: of HTTP.
        param: the parameter that it is about.
        code: a name for programs.
        headers: of the response.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code
        self.headers = dict(headers or {})

    def content(self) -> dict[str, Any]:
        """The body of the response."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def too_busy(seconds: int) -> RequestError:
    """The error for a request that would have to wait behind too many others."""
    return RequestError(
        f"too many requests wait already; try again in {seconds} s",
        429,
        code="queue_full",
        headers={"Retry-After": str(seconds)},
    )
