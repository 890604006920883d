"""Settings of a server: its address and its limits."""

from __future__ import annotations

from pydantic import Field

from langue.settings import Settings


class ServeSettings(Settings):
    """Address and limits of a server."""

    host: str = "127.0.0.1"
    """Address to listen at; the loopback alone unless told."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port; 0 takes a free one."""
    rows: int = Field(default=64, ge=1)
    """Texts that one model writes side by side, at most."""
    batch_tokens: int = Field(default=32_768, ge=1)
    """Positions of texts and sources that these may have together, padding included, when others join."""
    prompt_tokens: int | None = Field(default=256, ge=1)
    """Positions of prompts that are read in one step, so that texts under way need not wait for long ones."""
    prefix_tokens: int = Field(default=8192, ge=0)
    """Positions of texts that each model remembers for later ones that begin alike, as a conversation's next turn."""
    speculate: int = Field(default=0, ge=0)
    """Tokens that are proposed from the text itself and read at a time, which changes no text; for few clients."""
    inputs_together: int = Field(default=64, ge=1)
    """Texts or recordings that are one call of a model that writes no tokens."""
    queue: int = Field(default=256, ge=1)
    """Requests that may wait; more are refused with status 429."""
    seconds: float = Field(default=600.0, gt=0)
    """Seconds that a request may take, its upload included."""
    drain_seconds: float = Field(default=30.0, ge=0)
    """Seconds that requests under way may still take when the server is to end."""
    body_bytes: int = Field(default=4 << 20, ge=1)
    """Bytes of a request's body; recordings have a limit of their own."""
    upload_bytes: int = Field(default=256 << 20, ge=1)
    """Bytes of an uploaded recording."""
    audio_seconds: float = Field(default=7200.0, gt=0)
    """Seconds of an uploaded recording."""
    uploads: int = Field(default=8, ge=1)
    """Recordings that are received or wait at once, each of which may take half a gigabyte."""
    header_bytes: int = Field(default=32 << 10, ge=1 << 10)
    """Bytes of a request's headers."""
    header_seconds: float = Field(default=10.0, gt=0)
    """Seconds that a connection may stay without a whole request's headers."""
    connections: int = Field(default=512, ge=1)
    """Connections at once."""
    max_prompt_tokens: int | None = Field(default=None, ge=1)
    """Tokens of a prompt; as many as the model's context has room for by default."""
    max_new_tokens: int = Field(default=4096, ge=1)
    """New tokens of each text that a request may ask for."""
    choices: int = Field(default=16, ge=1)
    """Texts that a request may ask for: prompts times n."""
    inputs: int = Field(default=2048, ge=1)
    """Texts of a request for vectors, scores or translations."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call the server from a browser."""
