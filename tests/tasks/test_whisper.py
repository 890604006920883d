"""Whisper: windows that follow one another, texts with times, and what is said of what cannot be asked."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.hub.published import WHISPER
from tokenizers import AddedToken

import langue
from langue import cli
from langue.adapters.settings import AdaptSettings
from langue.data.audio import RATE, read_blocks
from langue.data.look import look_at
from langue.data.playback import Playback
from langue.engine.hypothesis import Hypothesis
from langue.environments import policy_of
from langue.errors import LangueError
from langue.experiment import train
from langue.experiment.guess import guess
from langue.hub import PretrainedModel, read_published
from langue.hub.write import write_published
from langue.models import Model, ModelConfig, build
from langue.nn.mel import HOP
from langue.recipes import find_recipe
from langue.tasks.recipes import read_recipe
from langue.tasks.transcribe.predict import Transcript
from langue.tasks.transcribe.sound import features_of, filled
from langue.tasks.transcribe.whisper import Whisper, WhisperOptions, _Recording
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer, whisper_tokens
from policy_runs import rows_in
from spoken_rows import write_spoken

LANGUAGES = ("en", "fr", "de")
SPECIAL = [
    "startoftranscript", *LANGUAGES, "translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    engine = train_tokenizer(TokenizerSettings(kind="byte"), [""]).engine
    engine.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in ("endoftext", *SPECIAL)])
    return Tokenizer(engine, {"eos_token": "<|endoftext|>"})


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Model:
    config = ModelConfig(
        form="seq2seq", vocab_size=tokenizer.vocab_size + 51, position="learned", norm="layer", bias=True,
        feedforward="gelu", width=32, layers=1, heads=2, context=40, initializer_range=0.35,
        encoder={"context": 50, "layers": 2}, audio={"features": "whisper", "bins": 20, "strides": (1, 2)},
        decoder_start_token_id=tokenizer.engine.token_to_id("<|startoftranscript|>"),
    )  # fmt: skip
    return build(config, seed=2)


@pytest.fixture
def task(model: Model, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> Whisper:
    monkeypatch.setattr(whisper_tokens, "MULTILINGUAL", 1)
    return Whisper(model, tokenizer)


def sounds() -> list[np.ndarray]:
    draws = np.random.default_rng(0)
    return [(0.1 * draws.standard_normal(int(seconds * RATE))).astype(np.float32) for seconds in (0.4, 2.7, 1.0, 3.9)]


CALM = {"temperatures": (0.0,), "likelihood": -100.0, "compression": 1e9, "beams": 2}


def test_a_window_is_as_long_as_the_encoder_has_positions(task: Whisper) -> None:
    assert task.window == RATE
    assert task.tokens.first == task.tokenizer.vocab_size
    assert set(task.tokens.languages) == set(LANGUAGES)


def test_many_recordings_are_heard_as_each_alone(task: Whisper) -> None:
    together = task.hear(sounds(), **CALM)
    alone = [task.hear([sound], **CALM)[0] for sound in sounds()]
    assert [each.text for each in together] == [each.text for each in alone]
    for one, other, sound in zip(together, alone, sounds(), strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-4)
        assert one.seconds == len(sound) / RATE
        times = [time for segment in one.segments for time in (segment.start, segment.end)]
        assert times == sorted(times)
        assert one.language in LANGUAGES
    assert len({each.text for each in together}) > 2
    assert any(len(each.segments) > 1 for each in together)


def test_all_of_a_recording_is_heard_once(task: Whisper) -> None:
    heard: list[float] = []
    task.hear(sounds(), advance=lambda seconds: heard.append(seconds), **CALM)
    assert sum(heard) == pytest.approx(sum(len(sound) for sound in sounds()) / RATE)


def test_blocks_are_heard_as_the_whole(task: Whisper) -> None:
    sound = sounds()[3]
    assert task.hear([iter(np.array_split(sound, 9))], **CALM) == task.hear([sound], **CALM)


def test_words_change_no_text_and_have_times(task: Whisper) -> None:
    plain, timed = task.hear(sounds(), **CALM), task.hear(sounds(), words=True, **CALM)
    assert [each.text for each in timed] == [each.text for each in plain]
    assert not any(each.words for each in plain)
    assert sum(len(each.words) for each in timed) > 8
    for each in timed:
        for segment in each.segments:
            for word in segment.words:
                assert 0 <= word.start <= word.end <= each.seconds
                assert 0 < word.probability <= 1
        starts = [word.start for word in each.words]
        assert starts == sorted(starts)
        assert len(set(starts)) > len(starts) // 4


def test_what_nobody_speaks_in_is_left_out_and_times_know_it(task: Whisper) -> None:
    noise, silence = sounds()[2], np.zeros(6 * RATE, np.float32)
    heard: list[float] = []
    [found] = task.hear([np.concatenate([silence, noise, silence])], vad="energy", advance=heard.append, **CALM)
    assert found.seconds == sum(heard) == 13.0
    assert found.segments
    for segment in found.segments:
        assert 5.6 < segment.start <= segment.end < 7.4
    assert task.hear([silence], vad="energy", **CALM)[0].text == ""


@pytest.mark.parametrize(
    ("said", "heard", "parts"),
    [
        ("<0>ab<5>", None, [(0, 5, "ab")]),  # ends at a time: silence up to the window's end
        ("<0>ab<5><5>cd<9>", None, [(0, 5, "ab"), (5, 9, "cd")]),
        ("<0>ab<5><7>cd", 5, [(0, 5, "ab")]),  # has begun and not ended: heard again from there on
        ("<2>ab", None, [(0, 2, "ab")]),
        ("<0>ab", None, [(0, 50, "ab")]),
        ("ab", None, [(0, 50, "ab")]),
    ],
)
def test_times_part_segments(task: Whisper, said: str, heard: int | None, parts: list) -> None:
    tokens: list[int] = []
    for piece in said.replace(">", "<").split("<"):
        tokens += [task.tokens.first + int(piece)] if piece.isdigit() else task.tokenizer.encode(piece)
    told, found = task.rule.parts(tokens, 50)
    assert told == heard
    assert [(part.start, part.end, task.tokens.text(part.tokens)) for part in found] == parts


def test_what_is_not_believed_is_drawn_again(task: Whisper) -> None:
    asked = WhisperOptions()
    words = task.tokenizer.encode("one two three")
    assert task._is_believed(Hypothesis(words, -2.0, True, 0.0, []), asked)
    assert not task._is_believed(Hypothesis(words, -2.0 * len(words), True, 0.0, []), asked)
    again = task.tokenizer.encode("no " * 40)
    assert not task._is_believed(Hypothesis(again, -2.0, True, 0.0, []), asked)
    # Random weights are believed by nobody: the last temperature's text counts, and is the same each time.
    options = {"temperatures": (0.0, 0.4), "beams": 2, "silence": 2.0}
    first = task.hear(sounds()[:2], **options)
    assert first == task.hear(sounds()[:2], **options)
    assert first != task.hear(sounds()[:2], **{**options, "temperatures": (0.0,)})


def test_the_first_temperature_whose_text_is_believed_counts(task: Whisper) -> None:
    every, calm = (0.0, 0.6, 0.8, 1.0), {"beams": 2, "draws": 1, "silence": 2.0, "likelihood": -1e9}
    chosen = set()
    for sound in (each[: RATE // 3] for each in sounds()):
        listening = _Recording(Playback(read_blocks(sound)), [])
        assert task._goes_on(listening, lambda seconds: None)
        task._encode([listening])
        repeats, alone = {}, {}
        for each in every:
            [(written, temperature)] = task._write([listening], WhisperOptions(temperatures=(each,), **calm))
            assert temperature == each
            text = task.tokens.text(written.tokens).encode()
            repeats[each] = len(text) / len(zlib.compress(text)) if text else 0.0
            alone[each] = task.hear([sound], temperatures=(each,), compression=-1.0, **calm)
        for threshold in sorted(set(repeats.values())):
            right = next(each for each in every if repeats[each] <= threshold)
            chosen.add(right)
            assert task.hear([sound], temperatures=every, compression=threshold, **calm) == alone[right]
    assert len(chosen) > 1
    assert max(chosen) > 0.5
    # Where none is believed, the last counts.
    assert task.hear([sound], temperatures=every, compression=-1.0, **calm) == alone[1.0]
    assert task.hear([sound], temperatures=every, **{**calm, "likelihood": 0.0}) == alone[1.0]


@pytest.mark.parametrize(
    ("temperature", "is_told"), [(0.0, True), (0.4, True), (0.5, True), (0.6, False), (1.0, False)]
)
def test_what_was_drawn_at_a_high_temperature_is_not_told_to_the_next_window(
    task: Whisper, temperature: float, is_told: bool
) -> None:
    options = {**CALM, "silence": 2.0, "temperatures": (temperature,), "draws": 1}
    told, untold = (task.hear(sounds()[3:], previous=previous, **options) for previous in (True, False))
    assert told[0].segments[0] == untold[0].segments[0]
    assert (told != untold) == is_told


def test_silence_is_skipped(task: Whisper) -> None:
    found = task.hear(sounds()[:1], temperatures=(0.0,), likelihood=0.0, silence=-1.0)
    assert found == [Transcript("", 0.4, [], 0.0, found[0].language)]


def test_the_language_is_told_or_found(task: Whisper) -> None:
    sound = sounds()[1]
    found = task.hear([sound], **CALM)[0].language
    assert found in LANGUAGES
    each = {name: task.hear([sound], language=name, **CALM)[0] for name in LANGUAGES}
    assert task.hear([sound], **CALM)[0] == each[found]
    assert len({one.text for one in each.values()}) > 1
    assert task.hear([sound], translate=True, language="fr", **CALM)[0].text != each["fr"].text
    with pytest.raises(LangueError, match="does not know the language 'xx'; it knows de, en, fr"):
        task.hear([sound], language="xx")


def test_what_was_said_before_is_told(task: Whisper) -> None:
    long = sounds()[3]
    assert task.hear([long], **CALM)[0].text != task.hear([long], previous=False, **CALM)[0].text
    assert task.hear([long], **CALM)[0].text != task.hear([long], prompt="Bonjour", **CALM)[0].text


def test_a_model_of_english_alone_says_so(model: Model, tokenizer: Tokenizer) -> None:
    task = Whisper(model, tokenizer)
    assert task.hear(sounds()[:1], **CALM)[0].language == "en"
    with pytest.raises(LangueError, match="knows English alone"):
        task.hear(sounds()[:1], language="fr")
    with pytest.raises(LangueError, match="unknown key beam; did you mean beams"):
        task.hear(sounds()[:1], beam=3)


def test_a_tokenizer_that_cannot_ask_is_refused(model: Model) -> None:
    with pytest.raises(LangueError, match=r"has no token <\|startoftranscript\|>"):
        Whisper(model, train_tokenizer(TokenizerSettings(kind="byte"), [""]))


@pytest.fixture
def folder(model: Model, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    import soundfile

    write_published(PretrainedModel(model, tokenizer), tmp_path)
    for number, sound in enumerate(sounds()):
        soundfile.write(tmp_path / f"{number}.wav", sound, RATE)
    return tmp_path


def test_a_folder_is_written_and_read_back(folder: Path, model: Model) -> None:
    found = read_published(folder)
    assert isinstance(langue.load(folder), Whisper)
    for one, other in zip(model.parameters(), found.model.parameters(), strict=True):
        assert one.shape == other.shape
    assert torch.equal(found.model.embedding.table.weight, model.embedding.table.weight)
    assert json.loads((folder / "config.json").read_text())["model_type"] == WHISPER.get("model_type", "whisper")


def test_recordings_alone_are_learnt_by_a_whispers_recipe(folder: Path, tmp_path: Path) -> None:
    table = str(write_spoken(tmp_path / "data").parent / "test.tsv")
    made = guess(look_at([table]), {"train": table}, start_from=folder)
    assert made.recipe.transcribe == read_recipe(find_recipe("transcribe-whisper")).transcribe


def test_transformers_generates_from_a_folder_of_ours(
    model: Model, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

    monkeypatch.setattr(whisper_tokens, "MULTILINGUAL", 1)
    heads = model.config.audio.model_copy(update={"alignment_heads": ((0, 1),)})
    timed = build(model.config.model_copy(update={"audio": heads}), seed=2)
    write_published(PretrainedModel(timed, tokenizer), tmp_path)
    assert read_published(tmp_path).model.config.audio == heads
    told = json.loads((tmp_path / "generation_config.json").read_text())
    assert told["alignment_heads"] == [[0, 1]]
    assert "alignment_heads" not in json.loads((tmp_path / "config.json").read_text())
    theirs, ours = WhisperForConditionalGeneration.from_pretrained(tmp_path), Whisper(timed, tokenizer)
    extractor = WhisperFeatureExtractor.from_pretrained(tmp_path)
    assert set(theirs.generation_config.suppress_tokens) <= set(ours.suppress_tokens)
    sound = sounds()[1][:RATE]
    features = ours._window(sound).T[None]
    assert extractor(sound, sampling_rate=RATE, return_tensors="pt").input_features.shape == features.shape
    said = {}
    for language in LANGUAGES:
        options = {"language": language, "task": "transcribe", "return_timestamps": True, "max_new_tokens": 20}
        row = theirs.generate(features, suppress_tokens=list(ours.suppress_tokens), **options)[0].tolist()
        row = [token for token in row if token < tokenizer.end or token >= ours.tokens.first]
        each = _Recording(Playback([sound]), [], language=ours.tokens.languages[language])
        ours._goes_on(each, print)
        ours._encode([each])
        [(written, _)] = ours._write([each], WhisperOptions(temperatures=(0.0,), beams=1))
        # Behind whole segments theirs goes on with another window, whose features are the first one's.
        said[language] = [token for part in ours.rule.parts(written.tokens, 50)[1] for token in part.tokens]
        assert len(said[language]) > 3
        assert row[: len(said[language])] == said[language]
    assert len(set(map(tuple, said.values()))) > 1


def test_subtitles_in_every_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wav = str(folder / "3.wav")
    run = ["transcribe", str(folder), wav, "--beams", "2"]
    assert cli.run([*run, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    texts = [segment["text"] for segment in told["segments"]]
    assert told["language"] == "en"
    for kind, opening in (("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0"), ("tsv", "start\tend\ttext\n")):
        assert cli.run([*run, "--format", kind]) == 0
        found = capsys.readouterr().out
        assert found.startswith(opening)
        assert found.count("-->") == (0 if kind == "tsv" else len(texts))
    assert cli.run([*run, "--format", "vtt", "--words"]) == 0
    assert re.search(r"-->.*\n.+<00:00:0\d\.\d{3}>", capsys.readouterr().out)
    assert cli.run([*run, "--json", "--words"]) == 0
    words = [word for segment in json.loads(capsys.readouterr().out)["segments"] for word in segment["words"]]
    assert all(set(word) == {"word", "start", "end", "probability"} for word in words)
    several = ["transcribe", str(folder), str(folder / "0.wav"), wav, "--beams", "2", "--format", "srt"]
    assert cli.run(several) == 2
    assert "needs --out with a folder" in capsys.readouterr().err
    assert cli.run([*several, "--out", str(folder / "subtitles")]) == 0
    assert sorted(path.name for path in (folder / "subtitles").iterdir()) == ["0.srt", "3.srt"]


def test_clocks() -> None:
    from langue.tasks.transcribe.captions import _clock

    assert _clock(3723.4567, ",") == "01:02:03,457"
    assert _clock(0.0004, ".") == "00:00:00.000"


class WholeFile(Whisper):
    """Takes its windows out of the features of the whole recording, as Transformers does."""

    sound: np.ndarray

    def _window(self, samples: np.ndarray) -> torch.Tensor:
        begin = int(np.flatnonzero(self.sound == samples[0])[0]) // HOP
        return filled(features_of(self.sound, self.audio)[begin : begin + self.window // HOP], self.window)


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("previous", [False, True])
def test_long_recordings_go_on_as_transformers_generate_does(
    model: Model, tokenizer: Tokenizer, tmp_path: Path, previous: bool, beams: int
) -> None:
    from transformers import WhisperForConditionalGeneration

    model = build(model.config.model_copy(update={"context": 160, "initializer_range": 0.2}), seed=5)
    write_published(PretrainedModel(model, tokenizer), tmp_path)
    theirs = WhisperForConditionalGeneration.from_pretrained(tmp_path).eval()
    task, count = WholeFile(model, tokenizer), 0
    for seed in range(3):
        task.sound = (0.1 * np.random.default_rng(seed).standard_normal(7 * RATE)).astype(np.float32)
        found = task.hear([task.sound], **{**CALM, "beams": beams, "previous": previous})[0]
        features = features_of(task.sound, task.audio).T[None]
        # What a rule leaves over is made probabilities again, as in the paper's own code.
        expected = theirs.generate(
            features, attention_mask=torch.ones(features.shape[::2]), return_timestamps=True, return_segments=True,
            temperature=(0.0,), num_beams=beams, renormalize_logits=True, condition_on_prev_tokens=previous,
            suppress_tokens=list(task.suppress_tokens), max_new_tokens=model.config.context // 2 - 1,
        )["segments"][0]  # fmt: skip
        told = [(task.tokens.text(each["tokens"].tolist()).strip(), each["start"], each["end"]) for each in expected]
        # Theirs may end behind the recording.
        times = [(text, min(float(start), 7.0), min(float(end), 7.0)) for text, start, end in told]
        assert [(each.text, each.start, each.end) for each in found.segments] == [
            (text, pytest.approx(start, abs=1e-3), pytest.approx(end, abs=1e-3)) for text, start, end in times if text
        ]
        count += len(told)
    assert count > 20


PLAYING = """\
task: play
play: {environment: {name: Langue/Transcribe-v0, data: DATA, reward: cer}, algorithm: rloo, max_tokens: 60, group: 4,
       episodes: 2}
policy: {transcribe: {language: fr}}
training: {steps: 3, batch_size: 8, optimizer: adamw, learning_rate: 0.01, evaluate_every: 3, log_every: 1, device: cpu}
samples: {max_tokens: 0}
"""


@pytest.mark.parametrize("adapt", [None, AdaptSettings(rank=2)], ids=["whole", "adapters"])
def test_it_is_a_policy(
    model: Model,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    adapt: AdaptSettings | None,
) -> None:
    """What it draws without times is what it learns from; its prompt is not drawn, and texts end within the context."""
    monkeypatch.setattr(whisper_tokens, "MULTILINGUAL", 1)
    model = build(model.config.replace(encoder={"context": 150, "layers": 2}), seed=5)
    (tmp_path / "whisper").mkdir()
    write_published(PretrainedModel(model, tokenizer), tmp_path / "whisper")
    write_spoken(tmp_path)
    (tmp_path / "play.yaml").write_text(PLAYING.replace("DATA", str(tmp_path / "train.jsonl")))
    recipe = read_recipe(tmp_path / "play.yaml").replace(adapt=adapt)
    run = train(recipe, tmp_path / "run", start_from=tmp_path / "whisper", report=False).folder.path
    rows = rows_in(run, "train")
    assert max(row["drift"] for row in rows) < 1e-4
    assert rows[0]["gradient_norm"] > 0
    assert max(row["length"] for row in rows) <= model.config.context - 3
    task = langue.load(run, task="transcribe")
    assert isinstance(task, Whisper)
    special = {name: tokenizer.engine.token_to_id(f"<|{name}|>") for name in SPECIAL}
    sound = sounds()[0]
    policy = policy_of(task, within_context=True, temperature=1.0, max_tokens=60, seed=2)
    info = {"seed": 0, "episode_number": 0, "turn": 0, "audio": sound}
    for reply in policy(["a.wav"] * 9, [{**info, "sample": number} for number in range(9)]):
        prompt = [special[name] for name in ("startoftranscript", "fr", "transcribe", "notimestamps")]
        assert list(reply.written.ids[:4]) == prompt
        assert reply.written.authors == ("prompt",) * 4 + ("model",) * (len(reply.written.ids) - 4)
        assert max(reply.written.ids[4:]) <= tokenizer.end
        assert len(reply.written.ids) <= model.config.context + 1
        assert reply.source.shape == task._window(sound).shape
    with pytest.raises(LangueError, match="longer than the 3 s that the model hears at once"):
        policy(["b.wav"], [{**info, "sample": 0, "audio": sounds()[3]}])
