"""The course of `summarize`: an encoder–decoder learns from texts and their summaries."""

from __future__ import annotations

from langue.experiment.course import CardWords
from langue.experiment.pairing import Pairing
from langue.tasks.summarize import Summarize


class Summarizing(Pairing):
    """Long texts and what people said of them in short."""

    task = Summarize
    usual_too_long = "cut"
    words = CardWords(
        purpose="to summarise",
        pipeline="summarization",
        command="langue summarize {name} {prompt}",
        call="print(model.summarize({prompt}))",
        limits="The model has learnt what summaries of its training texts look like. It may say what a text does not.",
    )
