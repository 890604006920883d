"""Training on pairs of texts: their pairs, filtered, encoded once, and batched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

from langue.account import learning_from
from langue.console import remark, say
from langue.data import Tally, tempered
from langue.data.buckets import Buckets
from langue.data.pair_encoder import CorpusShares, PairEncoder, PairExamples, harmless_reasons, training_examples
from langue.data.parallel import LANGUAGE, TAG, Pair, read_pairs, valid_pairs, without_empty
from langue.data.settings import PairDataSettings, PairSettings
from langue.data.tally import QUARANTINE
from langue.errors import LangueError
from langue.files import make_folders
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.metrics.languages import check_language
from langue.models import Model, evaluating
from langue.models.count import flops_per_token
from langue.objectives import Seq2SeqObjective
from langue.tasks.distill.rows import named
from langue.tasks.distill.training import Standing, WrittenTraining
from langue.tasks.fingerprints import Fingerprints
from langue.tasks.rewriting.predict import Rewrite, first_token_of, opening_of
from langue.tasks.rewriting.settings import RewriteRecipe
from langue.tasks.training_task import WeightsOrigin, set_up, with_vocabulary
from langue.tasks.workload import Load, Shape, buckets_of
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.tokenizer import FILE
from langue.wording import short

SAMPLES = 3
"""Dev texts that a report shows with what becomes of them."""


class PairTraining(WrittenTraining[RewriteRecipe]):
    """A training task on pairs of texts.

    Attributes:
        task: the class of the model's use.
        usual_too_long: what becomes of longer pairs, where the recipe does not say.
        compared_by: the metric that a student is held against its teacher by.
        dropped: how many of the pairs to learn from were left out, by reason, once they have been read.
    """

    task: ClassVar[type[Rewrite]]
    usual_too_long: ClassVar[str]
    compared_by: ClassVar[str]

    def __init__(self, recipe: RewriteRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        self.source_tokenizer = tokenizer if recipe.source_tokenizer is None else Tokenizer.load(folder / "source")
        settings = self._settings(recipe)
        opening = opening_of(recipe.model, tokenizer)
        self.sides = PairEncoder.of(self.source_tokenizer, tokenizer, settings, recipe.model.context, opening)
        # The test part as well, lest a training of hours end with a file that is not there.
        self._read = Fingerprints()
        self.dropped: Mapping[str, int] = {}
        self._dev, self._test = self._whole("dev"), self._whole("test")

    @cached_property
    def train(self) -> PairExamples:
        """The examples to learn from; what was left out is told and quarantined."""
        settings = self._settings(self.recipe)
        tally = Tally(self.folder / QUARANTINE if self.folder.exists() else None)
        pairs = self._read.of_pairs(read_pairs(self.recipe.data, "train", self.task.columns))
        kept = without_empty(pairs, duplicates=settings.duplicates)
        data = self.recipe.data
        with learning_from(str(data.train)):
            examples = training_examples(kept, self.sides, settings, tally)
        tally.close()
        self.dropped = tally.dropped()
        account = tally.account()["records"]
        tally.check([str(data.train)], data.max_dropped, data.option, harmless_reasons(data.pairs))
        if account["dropped"]:
            where = "; see quarantine.jsonl" if self.folder.exists() else ""
            left = account["in"] - account["kept"]
            say(f"left out {left:,} of {account['in']:,} pairs: {tally.words()}{where}")
        if not len(examples):
            raise LangueError(f"none of the pairs in {self.recipe.data.train} can be learnt from")
        return examples

    @classmethod
    def texts(cls, recipe: RewriteRecipe) -> Iterator[str]:
        for pair in read_pairs(recipe.data, "train", cls.task.columns):
            if isinstance(pair, Pair):
                yield pair.target
                if recipe.source_tokenizer is None:
                    yield pair.source

    @classmethod
    def complete(cls, recipe: RewriteRecipe, tokenizer: Tokenizer) -> RewriteRecipe:
        if recipe.model.form != "seq2seq":
            raise LangueError(f"task: {recipe.task} wants model.form: seq2seq, not {recipe.model.form}")
        pairs = recipe.data.pairs
        if pairs.language is not None:
            check_language(pairs.language)
        if not pairs.tags:
            pairs = pairs.replace(**_tags(recipe, cls.task.columns, tokenizer))
            recipe = recipe.replace(data={"pairs": pairs})
        size = recipe.model.vocab_size
        recipe = with_vocabulary(recipe, tokenizer)
        name, source = "vocab_size", tokenizer
        if recipe.source_tokenizer is not None:
            source = source_tokenizer(recipe, cls.task.columns)
            # Weights to begin with may have one table of vectors for two tokenizers that share their numbers.
            if recipe.model.path is None or recipe.model.source_vocab_size:
                name, size = "source_vocab_size", recipe.model.source_vocab_size
        needed = source.vocab_size + len(pairs.tags)
        if size and size < needed:
            raise LangueError(f"model.{name} is {size:,}, but {needed:,} are needed, tags included; leave it out")
        return recipe.replace(model={name: size or needed})

    @classmethod
    def begun_from(cls, recipe: RewriteRecipe, origin: WeightsOrigin) -> RewriteRecipe:
        if origin.source_tokenizer is None or recipe.source_tokenizer is not None:
            return recipe
        return recipe.replace(source_tokenizer=origin.source_tokenizer)

    @classmethod
    def prepare(cls, recipe: RewriteRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        make_folders(folder)
        if recipe.source_tokenizer is not None:
            source_tokenizer(recipe, cls.task.columns).save(folder / "source")

    def judged(self, task: Any, rows: int) -> Standing:
        pairs = (self._test or self._dev)[:rows]
        written, expected = task.write(pairs), [pair.target for pair in pairs]
        statistics = task.statistics(written, expected, task.languages_of(pairs))
        counts, score = statistics.counts[self.compared_by]
        return Standing(self.compared_by, counts, score, "pairs")

    @classmethod
    def inputs_for(cls, recipe: RewriteRecipe, teacher: Rewrite) -> list[Pair]:
        pairs = read_pairs(recipe.data, "train", cls.task.columns)
        return [pair for pair in without_empty(pairs, duplicates=True) if isinstance(pair, Pair)]

    @classmethod
    def rows_by(cls, recipe: RewriteRecipe, teacher: Rewrite, inputs: list[Pair]) -> list[dict[str, Any]]:
        assert recipe.distill is not None
        texts = teacher.write(inputs, beams=recipe.distill.texts.beams)
        written = zip(inputs, texts, strict=True)
        return [cls._row(recipe, pair._replace(target=text)) for pair, text in written if text.strip()]

    @classmethod
    def held_out(cls, recipe: RewriteRecipe) -> list[dict[str, Any]] | None:
        if not isinstance(recipe.data.dev, float):
            return None
        pairs = read_pairs(recipe.data, "dev", cls.task.columns)
        return [cls._row(recipe, pair) for pair in pairs if isinstance(pair, Pair)]

    @classmethod
    def _row(cls, recipe: RewriteRecipe, pair: Pair) -> dict[str, Any]:
        """A pair as a row of a table, its first tag as the language and the second as another."""
        tags = zip((LANGUAGE, TAG), pair.tags, strict=False)
        source, target = cls.task.columns
        return named(recipe.data, {source: pair.source, target: pair.target, **dict(tags)})

    def objective(self) -> Seq2SeqObjective:
        start = first_token_of(self.recipe.model.decoder_start_token_id, self.tokenizer)
        return Seq2SeqObjective(start, self.recipe.training.label_smoothing)

    def batches(self, rank: int, world: int) -> Buckets:
        training, data = self.recipe.training, self.recipe.data
        pick = None
        if isinstance(data.train, dict):
            shares = list(tempered(data.train, data.temperature).values())
            pick = CorpusShares(self.train.corpora, shares, training.seed)
        return buckets_of(self.train, self.train.lengths, training, rank, world, pick)

    @cached_property
    def steps_per_epoch(self) -> float:
        return self.batches(0, 1).steps_per_epoch

    @cached_property
    def largest(self) -> Shape:  # type: ignore[override]
        """The one of the first epoch's batches that needs most memory."""
        buckets, model = self.batches(0, 1), self.recipe.architecture()
        fixed, heads = 20 * model.width, model.heads
        shape, most = Shape(0, 0, 0), -1
        for place in range(buckets.batches):
            members, _ = buckets.members(0, place)
            source, target = self.train.lengths[members].max(0).tolist()
            # Roughly: what each position leaves in a block, and how it looked at the others.
            left = source * (fixed + heads * source) + target * (fixed + heads * (source + target))
            if len(members) * left > most:
                shape, most = Shape(len(members), target, source), len(members) * left
        return shape

    @property
    def fingerprints(self) -> Mapping[str, str]:
        assert len(self.train)  # which are read at the first question
        return self._read.by_source()

    def describe(self) -> str:
        source, target = self.train.lengths.mean(0)
        return f"{len(self.train):,} pairs of {short(source)} and {short(target)} tokens"

    @classmethod
    def load_of(cls, recipe: RewriteRecipe) -> Load:
        """The pairs are encoded, since their lengths decide."""
        with set_up(cls, recipe) as (task, _):
            largest, targets = task.largest, int(task.train.lengths[:, 1].sum())
            return Load(
                config=task.recipe.architecture(),
                rows=largest.rows,
                longest=largest.length,
                tokens_per_step=targets / task.steps_per_epoch,
                steps_per_epoch=task.steps_per_epoch,
                flops_per_token=round(task.flops_per_target),
                source=largest.source,
                dropped=task.dropped,
            )

    @property
    def has_dev(self) -> bool:
        return bool(self._dev)

    def evaluate(self, model: Model) -> dict[str, float]:
        """The loss alone, because to write takes a hundred times as long."""
        return self._task(model).loss(self._dev, self.recipe.training.precision)

    def test(self, model: Model) -> dict[str, float] | None:
        return self._task(model).evaluate(self._test, self.recipe.training.precision)[0] if self._test else None

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and bool(self._dev)

    def sample(self, model: Model) -> str:
        chosen = self._dev[:SAMPLES]
        task = self._task(model)
        texts = [task.rewrite([pair.source], tags=pair.tags, beams=1)[0].text for pair in chosen]
        return "\n\n".join(f"{pair.source}\n→ {text}" for pair, text in zip(chosen, texts, strict=True))

    @cached_property
    def flops_per_target(self) -> float:
        source, target = self.train.lengths.mean(0).tolist()
        return flops_per_token(self.recipe.architecture(), max(1, round(target)), source)

    @property
    def notes(self) -> Mapping[str, str]:
        if self.recipe.source_tokenizer is None:
            return {}
        return {SOURCE_TOKENIZER: (self.folder / "source" / FILE).read_text(encoding="utf-8")}

    def _task(self, model: Model) -> Any:
        with evaluating(model):
            return self.task(model, self.tokenizer, self.recipe.data.pairs, self.source_tokenizer)

    def _whole(self, split: str) -> list[Pair]:
        data = self.recipe.data
        source = data.train if split == "dev" and isinstance(data.dev, float) else getattr(data, split)
        read = self._read.of_pairs(read_pairs(data, split, self.task.columns))
        tally = Tally()
        pairs = valid_pairs(read, source, data, data.option, tally)
        if tally.records:
            remark(f"left out of {len(pairs):,} {split} pairs: {tally.words()}")
        with learning_from(f"the {split} pairs"):
            self.sides.encode_sources([pair.source for pair in pairs])
            self.sides.target.encode_batch([pair.target for pair in pairs])
        return pairs

    def _settings(self, recipe: RewriteRecipe) -> PairSettings:
        settings = recipe.data.pairs
        return settings.replace(too_long=settings.too_long or self.usual_too_long)


def _tags(recipe: RewriteRecipe, columns: tuple[str, str], tokenizer: Tokenizer) -> dict[str, Any]:
    """All tags of the training pairs that are no tokens of languages, by the alphabet, and True if every pair has
    some tag."""
    combinations = {pair.tags for pair in read_pairs(recipe.data, "train", columns) if isinstance(pair, Pair)}
    every = {tag for tags in combinations for tag in tags}
    tags = tuple(sorted(tag for tag in every if tokenizer.language(tag) is None))
    return {"tags": tags, "tagged": bool(combinations) and all(combinations)}


def source_tokenizer(recipe: RewriteRecipe, columns: tuple[str, str]) -> Tokenizer:
    """The tokenizer of the sources, learnt once a process."""
    assert recipe.source_tokenizer is not None
    return _learn_source(recipe.source_tokenizer.model_dump_json(), recipe.data.model_dump_json(), columns)


@lru_cache(maxsize=1)
def _learn_source(settings: str, data: str, columns: tuple[str, str]) -> Tokenizer:
    pairs = read_pairs(PairDataSettings.model_validate_json(data), "train", columns)
    texts = (pair.source for pair in pairs if isinstance(pair, Pair))
    return train_tokenizer(TokenizerSettings.model_validate_json(settings), texts)
