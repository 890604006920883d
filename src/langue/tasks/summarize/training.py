"""The training task of `summarize`: an encoder–decoder learns from texts and their summaries."""

from __future__ import annotations

from langue.tasks.card_words import CardWords
from langue.tasks.rewriting.training import PairTraining
from langue.tasks.summarize.predict import Summarize


class SummarizeTraining(PairTraining):
    """Long texts and what people said of them in short."""

    task = Summarize
    usual_too_long = "cut"
    compared_by = "rouge_l"
    words = CardWords(
        purpose="to summarise",
        pipeline="summarization",
        command="langue summarize {name} {prompt}",
        call="print(model.summarize({prompt}))",
        limits="The model has learnt what summaries of its training texts look like. It may say what a text does not.",
    )
