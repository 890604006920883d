"""The training task of `translate`: an encoder–decoder learns from pairs of texts and their translations."""

from __future__ import annotations

from langue.tasks.card_words import CardWords
from langue.tasks.rewriting.training import PairTraining
from langue.tasks.translate.predict import Translate


class TranslateTraining(PairTraining):
    """Sentences and their translations."""

    task = Translate
    usual_too_long = "drop"
    compared_by = "chrf"
    words = CardWords(
        purpose="to translate",
        pipeline="translation",
        command="langue translate {name} {prompt}",
        call="print(model.translate({prompt}))",
        limits="The model knows the words and the kind of text that it was trained on. Of anything else it makes "
        "something that reads well\nand may be wrong; it does not say when it does not know.",
    )
