"""The training task of `transcribe`: a model learns to write what is said in recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from langue.account import learning_from
from langue.console import progress, say
from langue.data import Tally
from langue.data.audio import RATE, read_audio
from langue.data.labelled import Labelled, read_split, require, text_of
from langue.data.order import Permutation
from langue.data.recordings import recording_of
from langue.data.records import Dropped
from langue.data.sounds import SoundStore, write_sounds
from langue.data.tally import QUARANTINE
from langue.errors import LangueError
from langue.extra import MissingLibrary
from langue.files import digest, make_folders
from langue.models import Model, evaluating
from langue.models.audio_config import AudioConfig
from langue.models.build import outline
from langue.models.count import flops_per_token
from langue.nn.mel import FRAMES, levels_of
from langue.tasks.card_words import CardWords
from langue.tasks.distill.rows import held_out, named
from langue.tasks.distill.training import Standing, WrittenTraining
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import with_vocabulary
from langue.tasks.transcribe.ctc_objective import needed_positions
from langue.tasks.transcribe.data import Spoken
from langue.tasks.transcribe.predict import Transcribe, kind_of, written
from langue.tasks.transcribe.settings import TranscribeRecipe
from langue.text import Tokenizer
from langue.training import Deciding
from langue.wording import duration, short

STORE = "sounds"
LEVELLED = 1000
"""Recordings to learn from by which a filterbank is normalised where it is normalised globally."""

UNREADABLE, TOO_LONG = "cannot be read", "text is too long for the recording"

SAMPLES = 3
"""Dev recordings that a report shows with what is written of them."""


class TranscribeTraining(WrittenTraining[TranscribeRecipe], TableTraining[TranscribeRecipe]):
    """Recordings and what is said in them."""

    words = CardWords(
        purpose="to write down what is said",
        pipeline="automatic-speech-recognition",
        command="langue transcribe {name} RECORDING.wav",
        call='print(model.transcribe("RECORDING.wav"))',
        limits="The model knows the voices, the words and the microphones that it was trained on. Others it "
        "hears\nless well, and it may write down what nobody said.",
    )
    columns = ("audio", "text")

    @classmethod
    def row_texts(cls, rows: Sequence[Labelled], recipe: TranscribeRecipe) -> Iterator[str]:
        for row in rows:
            require(row, "audio", "text")
            yield _written(row, recipe)

    @classmethod
    def complete(cls, recipe: TranscribeRecipe, tokenizer: Tokenizer) -> TranscribeRecipe:
        recipe = with_vocabulary(recipe, tokenizer)
        if recipe.model.form == "decoder":
            raise LangueError("task: transcribe wants model.form: encoder or seq2seq, not decoder")
        update: dict[str, Any] = {"audio": _with_levels(recipe.model.audio or AudioConfig(), recipe)}
        if recipe.model.form == "encoder":
            update["tie_embeddings"] = False
        return recipe.replace(model=update)

    @classmethod
    def prepare(cls, recipe: TranscribeRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        """All recordings to learn from, at one rate, in one file; what is left out is told and quarantined."""
        rows = read_split(recipe.data, "train")
        make_folders(folder)
        tally = Tally(folder / QUARANTINE)
        with (
            learning_from(str(recipe.data.train)),
            progress("reading recordings", float(len(rows)), "recordings") as advance,
        ):
            write_sounds(folder / STORE, _learnable(rows, recipe, tokenizer, tally, advance))
        tally.close()
        data, account = recipe.data, tally.account()["records"]
        if account["dropped"]:
            left = ", ".join(
                f"{count:,} {reason} (first: {_place(tally.first[reason])})"
                for reason, count in account["dropped"].items()
            )
            kept = account["in"] - account["kept"]
            say(f"left out {kept:,} of {account['in']:,} recordings: {left}; see quarantine.jsonl")
        audio = recipe.model.audio
        strides = audio.strides if audio is not None and audio.features != "waveform" else ()
        if TOO_LONG in account["dropped"] and recipe.model.form == "encoder" and len(strides) > 1:
            say(f"positions half as long have room for such texts: --model.audio.strides '{list(strides[:-1])}'")
        tally.check([str(data.train)], data.max_dropped, data.option, harmless=())

    def judged(self, task: Transcribe, rows: int) -> Standing:
        chosen = (self.rows["test"] or self.rows["dev"])[:rows]
        truncated = self.recipe.transcribe.truncated
        heard = task.hear([recording_of(row, truncated).read() for row in chosen], beams=self.recipe.transcribe.beams)
        written, expected = [one.text for one in heard], [row.values["text"] for row in chosen]
        return Standing("wer", *task.statistics(written, expected).counts["wer"], "recordings")

    @classmethod
    def inputs_for(cls, recipe: TranscribeRecipe, teacher: Transcribe) -> list[Labelled]:
        return cls.learnt(recipe)

    @classmethod
    def rows_by(cls, recipe: TranscribeRecipe, teacher: Transcribe, inputs: list[Labelled]) -> list[dict[str, Any]]:
        assert recipe.distill is not None
        sounds = [recording_of(row, recipe.transcribe.truncated).read() for row in inputs]
        heard = teacher.hear(sounds, beams=recipe.distill.texts.beams)
        return [
            named(recipe.data, {**_kept(row), "text": transcript.text})
            for row, transcript in zip(inputs, heard, strict=True)
        ]

    @classmethod
    def held_out(cls, recipe: TranscribeRecipe) -> list[dict[str, Any]] | None:
        return held_out(recipe.data, _kept)

    def learn(self, rows: list[Labelled]) -> Spoken:
        if not self.folder.joinpath(STORE).is_dir():
            raise LangueError("what a training on recordings will take is known only when they were read; begin it")
        return Spoken(SoundStore(self.folder / STORE), self._outlined.encode)

    def check(self, row: Labelled) -> None:
        require(row, "audio", "text")
        text_of(row, "text")
        recording_of(row, self.recipe.transcribe.truncated).read()

    def objective(self) -> Any:
        return self._outlined.objective(self.recipe.training.label_smoothing)

    @cached_property
    def _outlined(self) -> Transcribe:
        """The task of a model without content, which knows how it is taught."""
        return self._task(outline(self.recipe.architecture()))

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:  # type: ignore[override]
        """The hashes of the tables, and of the recordings that are heard again; those to learn from lie in the run."""
        places = (recording_of(row).audio for split in ("dev", "test") for row in self.rows[split])
        files = {str(path): digest(Path(path)) for path in places if isinstance(path, str | Path)}
        return {**super().fingerprints, **files}

    def describe(self) -> str:
        count, seconds = len(self.train), self.train.tokens / FRAMES
        return f"{count:,} recordings of {short(seconds / count)} s, {duration(seconds)} in all"

    @property
    def deciding(self) -> Deciding:
        return Deciding("wer", higher=False)

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        sounds = self._dev_sounds if rows is self.rows["dev"] else None
        return self._task(model).evaluate(rows, self.recipe.training.precision, sounds)

    @cached_property
    def _dev_sounds(self) -> list[np.ndarray]:
        """Read once, since they are heard at every evaluation."""
        truncated = self.recipe.transcribe.truncated
        return [recording_of(row, truncated).read() for row in self.rows["dev"]]

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and bool(self.rows["dev"])

    def sample(self, model: Model) -> str:
        chosen = self.rows["dev"][:SAMPLES]
        transcripts = self._task(model).hear(self._dev_sounds[:SAMPLES])
        return "\n\n".join(
            f"{row.values['text']}\n→ {transcript.text}" for row, transcript in zip(chosen, transcripts, strict=True)
        )

    def _task(self, model: Model) -> Transcribe:
        with evaluating(model):
            return kind_of(model.config, self.tokenizer)(model, self.tokenizer, self.recipe.transcribe)

    @cached_property
    def flops_per_target(self) -> float:
        """Operations for a token, with its share of the positions that are heard."""
        config = self.recipe.architecture()
        assert config.audio is not None
        length = max(1, round(self.train.tokens / config.audio.stride / len(self.train)))
        return self.tokens_per_target / config.audio.stride * flops_per_token(config, length)

    @property
    def tokens_per_target(self) -> float:
        return self.train.tokens / max(1, sum(map(len, self.train.targets)))


def _with_levels(audio: AudioConfig, recipe: TranscribeRecipe) -> AudioConfig:
    """Fill in the levels of each bin, of some recordings to learn from that are taken by key.

    Raises:
        LangueError: none of them can be read.
    """
    if audio.normalisation != "global" or audio.levels:
        return audio
    rows = read_split(recipe.data, "train")
    chosen = Permutation(max(1, len(rows)), recipe.training.seed, "levels")[np.arange(min(len(rows), LEVELLED))]
    with progress("listening for levels", float(len(chosen)), "recordings") as advance:
        sounds = _readable((rows[n] for n in chosen.tolist()), recipe, advance)
        levels = levels_of(map(torch.from_numpy, sounds), audio.bins)
    if not levels:
        raise LangueError(f"none of the recordings in {recipe.data.train} can be read")
    return audio.replace(levels=levels)


def _readable(rows: Iterable[Labelled], recipe: TranscribeRecipe, advance: Any) -> Iterator[np.ndarray]:
    """Recordings that can be read; the others are left out here, and told when all are read."""
    for row in rows:
        advance(1.0)
        try:
            yield recording_of(row, recipe.transcribe.truncated).read()
        except MissingLibrary:
            raise
        except LangueError:
            continue


def _learnable(
    rows: Iterable[Labelled], recipe: TranscribeRecipe, tokenizer: Tokenizer, tally: Tally, advance: Any
) -> Iterator[tuple[np.ndarray, str]]:
    model = recipe.architecture()
    assert model.audio is not None
    ctc = model.form == "encoder"
    longest = (model if ctc else model.encoder_config()).context * model.audio.hop
    for number, row in enumerate(rows, 1):
        advance(1.0)
        text = _written(row, recipe)
        reason, samples = "", np.empty(0, np.float32)
        try:
            samples = recording_of(row, recipe.transcribe.truncated).read()
        except MissingLibrary:
            raise
        except LangueError as error:
            reason, text = UNREADABLE, str(error)
        tokens = [] if reason else tokenizer.encode(text)
        # The text of a decoder has some tokens around it: what it begins with, its times, its end.
        room = _room(len(samples), model.audio) if ctc else model.context - 8
        if not reason and not text:
            reason = "empty"
        elif not reason and len(samples) > longest:
            reason = "longer than the model can hear"
        elif not reason and (needed_positions(tokens) if ctc else len(tokens)) > room:
            reason = TOO_LONG
        if reason:
            tally.drop(Dropped(reason, row.place, number, samples.nbytes, text[:200]))
            continue
        tally.keep(samples.nbytes)
        yield samples, text


def _room(samples: int, audio: AudioConfig) -> int:
    """Positions that so many samples have in any case."""
    return min(samples // audio.hop, int(audio.positions(torch.tensor(samples // audio.frame))))


def _kept(row: Labelled) -> dict[str, Any]:
    """A row as JSON lines anywhere hold it: with the path of its recording, or its samples."""
    audio = recording_of(row).audio
    kept = str(audio) if isinstance(audio, str | Path) else {"array": read_audio(audio).tolist(), "sampling_rate": RATE}
    return {**row.values, "audio": kept}


def _place(dropped: Dropped) -> str:
    """The place of a record that was left out; of one that cannot be read, the reason, which names the place."""
    return dropped.begins if dropped.reason == UNREADABLE else dropped.origin


def _written(row: Labelled, recipe: TranscribeRecipe) -> str:
    """A row's text as the model learns to write it; nothing where it has none."""
    text = row.values.get("text")
    return written(text, recipe.transcribe) if isinstance(text, str) else ""
