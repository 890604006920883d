"""Denoising as a task: what an encoder–decoder that learnt from text alone makes of a text."""

from __future__ import annotations

from langue.tasks.rewrite import Rewrite


class Denoise(Rewrite):
    """A model to go on from: `langue train … --start-from RUN` teaches it to translate or to summarise."""

    name = "denoise"
    columns = ("text", "text")
    long = "cut"
