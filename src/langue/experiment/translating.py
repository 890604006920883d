"""The course of `translate`: an encoder–decoder learns from pairs of texts and their translations."""

from __future__ import annotations

from langue.experiment.course import CardWords
from langue.experiment.pairing import Pairing
from langue.tasks.translate import Translate


class Translating(Pairing):
    """Sentences and their translations."""

    task = Translate
    usual_too_long = "drop"
    words = CardWords(
        purpose="to translate",
        pipeline="translation",
        command="langue translate {name} {prompt}",
        call="print(model.translate({prompt}))",
        limits="The model knows the words and the kind of text that it was trained on. Of anything else it makes "
        "something that reads well\nand may be wrong; it does not say when it does not know.",
    )
