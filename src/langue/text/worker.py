"""The process that encodes text: `python -m langue.text.worker DTYPE`, tokenizer and texts on its input.

It answers by why the tokenizer fails on some texts, a list of one, or by an empty list, their lengths and their tokens.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress

import numpy as np
from tokenizers import Tokenizer as Engine

from langue.errors import LangueError
from langue.text.encoder import LocalEncoder, receive, send
from langue.text.tokenizer import Tokenizer


def main(dtype: str) -> None:
    """Encode until the input ends."""
    # Ctrl-C goes to all processes at a terminal; whoever started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        engine, roles = receive(sys.stdin.buffer)
        encoder = LocalEncoder(Tokenizer(Engine.from_str(engine), json.loads(roles)), np.dtype(dtype))
        while True:
            _answer(encoder, receive(sys.stdin.buffer))


def _answer(encoder: LocalEncoder, texts: list[str]) -> None:
    """Write the tokens of texts, or why there are none."""
    try:
        flat = encoder.encode(texts)
    except LangueError as error:
        send(sys.stdout.buffer, [str(error)])
        return
    send(sys.stdout.buffer, [])
    sys.stdout.buffer.write(flat.lengths.tobytes())
    sys.stdout.buffer.write(flat.tokens.tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
