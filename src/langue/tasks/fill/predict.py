"""The fill task: a text with gaps in, what may stand in them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from langue.data import TokenStore
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics.check import check_columns
from langue.metrics.classification import accuracy
from langue.models import Model
from langue.models.finite import refuse_not_finite
from langue.objectives.padding import by_length
from langue.randomness import RowRandomness
from langue.tasks.fill.evaluate import SEED, evaluate_masked
from langue.tasks.fill.objective import Masked
from langue.tasks.fill.settings import FillRecipe, MaskingSettings
from langue.tasks.framing import Framed, batch_tokens, framed_batch
from langue.tasks.inputs import as_list
from langue.tasks.losses import RowLosses
from langue.tasks.task import SupervisedTask, check_vocabulary
from langue.text import Tokenizer


class Fill(SupervisedTask):
    """A model that guesses hidden tokens.

    Args:
        model: an encoder.
        tokenizer: the one it was trained with.
        settings: how tokens were hidden when it learnt.

    Raises:
        LangueError: the tokenizer has no token that hides others, or more tokens than the model knows.
    """

    name = "fill"
    measured_on = "text"
    measure_options = ("documents", "text")

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: MaskingSettings | None = None):
        if tokenizer.mask is None:
            raise LangueError(
                "the tokenizer has no token that hides others, such as <|mask|>, so there is no gap to fill"
            )
        check_vocabulary(model, tokenizer)
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings or MaskingSettings()

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: FillRecipe | None = None) -> Fill:
        return cls(pretrained.model, tokenizer, None if recipe is None else recipe.masking)

    def objective(self) -> Masked:
        return Masked(self.tokenizer, self.settings)

    def row_losses(self, rows: Sequence[Any]) -> RowLosses:
        objective = Masked(self.tokenizer, self.settings.replace(pairs="none"))
        examples = enumerate(self.examples(rows))
        return RowLosses(objective, [objective.batch([example], RowRandomness(SEED, n)) for n, example in examples])

    @staticmethod
    def mask_name(tokenizer: Tokenizer) -> str:
        """The spelling of a gap, such as <|mask|> or [MASK]."""
        assert tokenizer.mask is not None
        return str(tokenizer.engine.id_to_token(tokenizer.mask))

    @classmethod
    def check(cls, tokenizer: Tokenizer, text: str) -> None:
        """Refuse a text without a gap, or with characters that nobody knows.

        Raises:
            LangueError: so it is.
        """
        name = cls.mask_name(tokenizer)
        if name not in text:
            raise LangueError(f"there is no gap in {text!r:.60}; write {name} where a token is to be guessed")
        if tokenizer.unknown is not None and tokenizer.unknown in tokenizer.encode(text.replace(name, "")):
            raise LangueError(f"the model's tokenizer does not know some characters of {text!r:.60}")

    def fill(self, texts: str | Sequence[str], *, top: int = 5, special: bool = False) -> Any:
        """Say what may stand in the gaps of one text or many.

        Args:
            texts: with the mask's name, such as <|mask|>, in each gap.
            top: guesses for each gap.
            special: let the names of other special tokens in a text be these tokens too; otherwise they are letters.

        Returns:
            For one text a list of its gaps, each a list of `{"token": …, "probability": …}`, the likeliest first; for
            several texts a list of that.

        Raises:
            LangueError: a text has no gap, or is longer than the model's context.
        """
        if top < 1:
            raise LangueError(f"top must be at least 1, not {top}")
        rows = [self._encode(text, special) for text in as_list(texts, "a text")]
        guesses: list[Any] = [None] * len(rows)
        for numbers in by_length([len(ids) for ids, _ in rows], batch_tokens(self.model)):
            for number, gaps in zip(numbers.tolist(), self._guess([rows[n] for n in numbers], top), strict=True):
                guesses[number] = gaps
        return guesses[0] if isinstance(texts, str) else guesses

    def check_input(self, value: str, place: str, special: bool = False) -> None:
        self._encode(value, special)

    def evaluate_store(self, store: TokenStore, stride: int | None = None) -> dict[str, float]:
        """Metrics on all text of a store; rows do not overlap, so `stride` has no say."""
        return evaluate_masked(self.model, self.tokenizer, store, self.settings)

    def score(self, predicted: Sequence[Any], expected: Sequence[Sequence[str]]) -> dict[str, float]:
        """Share of gaps whose likeliest guess is the expected token, but for white space around it."""
        check_columns(predicted, expected)
        for gaps, right in zip(predicted, expected, strict=True):
            check_columns(gaps, right)
        guesses = [guesses[0]["token"].strip() for gaps in predicted for guesses in gaps]
        return {"accuracy": accuracy(guesses, [token.strip() for right in expected for token in right])}

    def _encode(self, text: str, special: bool) -> Framed:
        tokenizer = self.tokenizer.reading_specials(special)
        self.check(tokenizer, text)
        assert self.tokenizer.mask is not None
        ids: list[int] = []
        pieces = text.split(self.mask_name(self.tokenizer))
        for number, piece in enumerate(pieces):
            # What byte-level pieces begin with is the space before a word, which belongs to the gap.
            kept = piece if number == len(pieces) - 1 or not self._joins_spaces else piece.removesuffix(" ")
            ids += ([self.tokenizer.mask] if number else []) + tokenizer.encode(kept)
        framed = self.tokenizer.pair(ids)
        if len(framed[0]) > self.model.config.context:
            raise LangueError(f"{text!r:.40} has {len(framed[0])} tokens; the model sees {self.model.config.context}")
        return framed

    @property
    def _joins_spaces(self) -> bool:
        """True if the tokenizer has tokens that begin with a space and belong to the word after it."""
        return len(self.tokenizer.encode("a a")) == 2

    @torch.inference_mode()
    def _guess(self, rows: Sequence[Framed], top: int) -> list[Any]:
        batch = framed_batch(rows)
        gaps = torch.eq(batch.ids, self.tokenizer.mask or 0)
        batch = batch.to(self.model.device)
        logits = self.model.head(self.model.hidden(batch)[gaps.to(batch.ids.device)]).float()
        refuse_not_finite(logits)
        never = sorted(self.tokenizer.specials) + list(range(self.tokenizer.vocab_size, logits.shape[-1]))
        logits[:, never] = -torch.inf
        best = logits.softmax(-1).topk(min(top, logits.shape[-1] - len(never)))
        guesses = [
            [
                {"token": self.tokenizer.decode([token]), "probability": share}
                for token, share in zip(tokens, shares, strict=True)
            ]
            for tokens, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        ends = gaps.sum(1).cumsum(0).tolist()
        return [guesses[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
