"""Speech from recordings to text: learnt, resumed, measured and used, from the command line and from Python."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from pathlib import Path

import jiwer
import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
import torch.nn.functional as F
import yaml

import langue
from cli.test_bad_input import complain
from langue.batch import Batch
from langue.cli import run as command
from langue.data.audio import RATE, read_audio
from langue.data.playback import Playback
from langue.engine import Hypothesis
from langue.errors import LangueError
from langue.experiment import train
from langue.models import ModelConfig, build
from langue.nn.mel import levels_of, log_mel
from langue.tasks.recipes import read_recipe
from langue.tasks.transcribe.predict import cut
from langue.tasks.transcribe.seq2seq_transcriber import Seq2SeqTranscriber
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.text import Tokenizer
from langue.training import TrainingSettings, freeze
from spoken_rows import TRAIN, say, texts, write_spoken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech") / "all"
    train(read_recipe(write_spoken(folder)), folder / "run")
    return folder


def quiet(samples: int) -> np.ndarray:
    return (0.003 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


def test_it_learns_what_tones_mean(folder: Path) -> None:
    found = langue.load(folder / "run")
    said = found.transcribe([say(text) for text in texts(12, seed=1)])
    assert jiwer.wer(texts(12, seed=1), said) < 0.1
    rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    test = next(row for row in rows if row["split"] == "test")
    assert test["wer"] < 0.1
    assert test["cer"] <= test["wer"]
    assert "→" in next(row["sample"] for row in rows if row["split"] == "dev")
    assert "wer" in (folder / "run" / "report.html").read_text()


def test_an_exported_ctc_model_writes_what_langue_writes(folder: Path, tmp_path: Path) -> None:
    """By onnxruntime, features and the tokenizer beside the graph alone."""
    assert command(["export", str(folder / "run"), str(tmp_path / "out"), "--format", "onnx"]) == 0
    tokenizer, session = Tokenizer.load(tmp_path / "out"), onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    audio = json.loads((tmp_path / "out" / "onnx.json").read_text())["audio"]
    for text in texts(5, seed=2):
        sound = say(text)
        features = log_mel(torch.from_numpy(sound), audio["features"], audio["bins"])[None]
        whole = np.ones(features.shape[:2], bool)
        logs = session.run(None, {"features": features.numpy(), "features_valid": whole})[0][0]
        letters = [int(token) for token, _ in itertools.groupby(logs.argmax(-1)) if token != tokenizer.pad]
        assert tokenizer.decode(letters) == langue.load(folder / "run").transcribe(sound)


def test_a_line_for_each_recording_in_order(folder: Path, tmp_path: Path, capsys) -> None:
    names = [str(folder / "wav" / f"{number}.wav") for number in (TRAIN, TRAIN + 1, TRAIN + 2)]
    run = str(folder / "run")
    assert command(["transcribe", run, *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == langue.load(run).transcribe(names)
    assert langue.load(run).transcribe(names[0]) == lines[0]
    table = str(folder / "test.tsv")
    assert command(["transcribe", run, names[0], "--file", table, "--json", "--out", str(tmp_path / "out")]) == 0
    found = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [each["text"] for each in found[:4]] == [lines[0], *lines]
    assert len(found) == 13
    for each in found:
        words = [word for segment in each["segments"] for word in segment["words"]]
        assert [word["word"] for word in words] == each["text"].split()
        assert each["seconds"] == pytest.approx(soundfile.info(each["audio"]).duration, abs=1e-3)
        times = [time for word in words for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert times[-1] <= each["seconds"] + 0.05
    assert command(["transcribe", run, str(folder / "wav"), "--beams", "4"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == TRAIN + 12


def test_words_stand_where_they_were_said(folder: Path) -> None:
    sound = np.concatenate([quiet(RATE // 2), say("ab dc")])
    found = langue.load(folder / "run").hear([sound])[0]
    assert [word.text for word in found.words] == ["ab", "dc"]
    for word, start in zip(found.words, (0.55, 0.97), strict=True):  # each letter takes 0.14 s
        assert start - 0.05 <= word.start < word.end <= start + 0.3
    assert [segment.text for segment in found.segments] == ["ab dc"]


def test_a_batch_hears_what_each_recording_says_alone(folder: Path) -> None:
    task = langue.load(folder / "run")
    sounds = [say(text) for text in ("a", "abcd dcb", "bb cad", "dda")]
    assert task.transcribe(sounds, beams=3) == [task.transcribe(sound, beams=3) for sound in sounds]


def test_a_long_recording_is_cut_where_it_is_quiet(folder: Path) -> None:
    said = texts(60, seed=3)
    sound = np.concatenate([np.concatenate([say(text), quiet(4000)]) for text in said])
    pieces = list(cut(Playback([sound]), 8 * RATE))
    assert len(pieces) > 5
    assert max(len(piece) for _, piece in pieces) <= 8 * RATE
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), sound)
    assert [start for start, _ in pieces] == np.cumsum([0, *(len(piece) for _, piece in pieces[:-1])]).tolist()
    found = langue.load(folder / "run").transcribe(sound)
    # It has never heard where one recording's words end and another's begin, so its spaces do not count here.
    assert jiwer.cer("".join(said).replace(" ", ""), found.replace(" ", "")) < 0.1


def test_an_evaluation_tells_rates_with_intervals(folder: Path, capsys) -> None:
    table = str(folder / "test.tsv")
    assert command(["evaluate", str(folder / "run"), "--data", table, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    said = langue.load(folder / "run").transcribe([str(folder / "wav" / f"{n}.wav") for n in range(TRAIN, TRAIN + 12)])
    assert found["metrics"]["wer"] == pytest.approx(jiwer.wer(texts(12, seed=1), said))
    low, high = found["intervals"]["wer"]
    assert low <= found["metrics"]["wer"] <= high
    assert command(["compare", *[str(folder / "run")] * 2, "--data", table, "--json"]) == 0
    differences = json.loads(capsys.readouterr().out)["metrics"]
    assert differences["cer"]["difference"] == 0
    assert differences["cer"]["p"] == 1


def test_resuming_changes_no_bit(folder: Path, tmp_path: Path) -> None:
    common = {"training.steps": "20", "training.checkpoint_every": "10", "model.dropout": "0.1", "data.test": "null"}
    recipe = read_recipe(folder / "recipe.yaml", common)
    train(recipe, tmp_path / "whole", report=False)
    train(recipe, tmp_path / "parts", report=False)
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000020")
    train(recipe, tmp_path / "parts", resume=True, report=False)
    files = [tmp_path / name / "checkpoints" / "step-00000020" / "model.safetensors" for name in ("whole", "parts")]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert digests[0] == digests[1]


def test_a_filterbank_is_normalised_by_all_that_is_learnt_from(folder: Path, tmp_path: Path, capsys) -> None:
    here = tmp_path / "here"
    shutil.copytree(folder, here, ignore=shutil.ignore_patterns("run"))
    (here / "wav" / "0.wav").write_bytes(b"no sound")
    audio = "{features: filterbank, bins: 24, normalisation: global}"
    changes = {"model.audio": audio, "training.steps": "2", "training.checkpoint_every": "1", "data.test": "null"}
    recipe = read_recipe(here / "recipe.yaml", {**changes, "data.dev": "null"})
    train(recipe, here / "run", report=False)
    found = langue.load(here / "run").model.config.audio
    assert found is not None
    sounds = [torch.from_numpy(read_audio(here / "wav" / f"{number}.wav")) for number in range(1, TRAIN)]
    np.testing.assert_allclose(found.levels, levels_of(sounds, 24), atol=2e-4)
    shutil.rmtree(here / "run" / "checkpoints" / "step-00000002")
    train(recipe, here / "run", resume=True, report=False)
    shutil.move(here / "run", tmp_path / "moved")
    shutil.rmtree(here)
    assert isinstance(langue.load(tmp_path / "moved").transcribe(say("abba")), str)
    wrong = [
        "train",
        str(folder / "recipe.yaml"),
        "--model.audio.normalisation",
        "global",
        "--out",
        str(tmp_path / "new"),
    ]
    assert "whisper features have a scale of their own" in complain(wrong, folder, capsys)


def test_what_cannot_be_learnt_from_is_left_out_and_said(folder: Path, tmp_path: Path, capsys) -> None:
    here = tmp_path / "here"
    shutil.copytree(folder, here, ignore=shutil.ignore_patterns("run"))
    rows = [json.loads(line) for line in (here / "train.jsonl").read_text().splitlines()]
    rows[0]["text"], rows[1]["text"], rows[2]["audio"] = "…", "ab" * 200, "wav/none.wav"
    rows[3]["end"] = 0.01
    (here / "wav" / "4.wav").write_bytes(b"no sound")
    (here / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {"training.steps": "2", "data.dev": "null", "data.test": "null"}
    with pytest.raises(LangueError, match=r"% of .*train\.jsonl would be lost, .*allow it by --data\.max_dropped 0\."):
        train(read_recipe(here / "recipe.yaml", {**changes, "data.max_dropped": "0.03"}), here / "run", report=False)
    assert not (here / "run").exists()
    capsys.readouterr()
    train(read_recipe(here / "recipe.yaml", changes), here / "run", report=False)
    told = capsys.readouterr().err
    assert f"left out 5 of {TRAIN} recordings: 2 cannot be read (first: there is no recording wav/none.wav (" in told
    table = here / "train.jsonl"
    assert f"line 3, wav/none.wav)), 1 empty (first: {table}, line 1), 2 text is too long for the recording" in told
    assert "have room for such texts: --model.audio.strides '[2]'" in told
    train(read_recipe(here / "recipe.yaml", {**changes, "model.audio.strides": "[2]"}), here / "other", report=False)
    assert "have room" not in capsys.readouterr().err
    kept = [json.loads(line) for line in (here / "run" / "data" / "quarantine.jsonl").read_text().splitlines()]
    assert len(kept) == 5
    assert kept[2]["begins"].startswith("there is no recording wav/none.wav (")


@pytest.mark.parametrize("split", ["dev", "test"])
def test_what_it_is_to_be_measured_by_is_heard_before_the_training(folder: Path, tmp_path: Path, split: str) -> None:
    here = tmp_path / "here"
    shutil.copytree(folder, here, ignore=shutil.ignore_patterns("run"))
    (here / "bad.tsv").write_text(f"audio\ttext\nwav/{TRAIN}.wav\tab\nbad.wav\tab\n")
    (here / "bad.wav").write_bytes(b"no sound")
    changes = {"training.steps": "2", f"data.{split}": str(here / "bad.tsv")}
    with pytest.raises(LangueError, match=r"bad.tsv, line 3, .*cannot be read as a recording"):
        train(read_recipe(here / "recipe.yaml", changes), here / "run", report=False)
    assert not (here / "run" / "metrics.jsonl").exists()


def test_a_bad_recording_stops_no_others(folder: Path, tmp_path, capsys) -> None:
    run, good = str(folder / "run"), [str(folder / "wav" / f"{number}.wav") for number in range(2)]
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    half = Path(good[0]).read_bytes()
    (tmp_path / "half.wav").write_bytes(half[: len(half) // 2])
    names = [good[0], str(tmp_path / "bad.wav"), str(tmp_path / "half.wav"), "nowhere.wav", good[1]]
    expected = langue.load(run).transcribe(good)
    out = tmp_path / "out.txt"
    assert command(["transcribe", run, *names, "--out", str(out)]) == 1
    assert out.read_text().split("\n") == [expected[0], "", "", "", expected[1], ""]
    told = capsys.readouterr().err
    for reason in ("bad.wav cannot be read", "half.wav is cut short", "there is no recording nowhere.wav", "3 of 5"):
        assert reason in told
    assert command(["transcribe", run, *names, "--json", "--truncated", "accept"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in each for each in found] == [False, True, False, True, False]
    assert command(["transcribe", run, *names, "--format", "srt", "--out", str(tmp_path / "subtitles")]) == 1
    assert sorted(path.name for path in (tmp_path / "subtitles").iterdir()) == ["0.srt", "1.srt"]
    (tmp_path / "list.tsv").write_text(f"audio\ttext\tend\n{good[0]}\tab\t\n{good[0]}\tab\tsoon\n\tb\t\n")
    page = tmp_path / "page.html"
    assert command(["transcribe", run, "--file", str(tmp_path / "list.tsv"), "--mistakes", str(page)]) == 1
    assert "line 3: end should be a number of seconds, got 'soon'" in capsys.readouterr().err
    assert page.is_file()
    assert command(["transcribe", run, *names[1:4], "--out", str(out)]) == 2
    assert out.read_text().split("\n") == [expected[0], "", "", "", expected[1], ""]
    assert "none of the 3 recordings can be used; " in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert command(["transcribe", run, str(tmp_path / "empty"), good[1]]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"\n{expected[1]}\n"
    assert f"{tmp_path / 'empty'} holds no .wav" in shown.err


def test_mistakes_are_told_in_a_sentence(folder: Path, capsys) -> None:
    run, recipe = str(folder / "run"), str(folder / "recipe.yaml")
    out = ["--out", str(folder / "new")]
    assert "there is no recording nowhere.wav" in complain(["transcribe", run, "nowhere.wav"], folder, capsys)
    assert "there is no recording; give one" in complain(["transcribe", run], folder, capsys)
    assert "cannot be read as a recording" in complain(["transcribe", run, recipe], folder, capsys)
    heard = str(folder / "wav" / f"{TRAIN}.wav")
    for option in (["--out", heard], ["--mistakes", heard]):
        command_line = ["transcribe", run, "--file", str(folder / "test.tsv"), *option]
        assert "is read as well, and would be lost" in complain(command_line, folder, capsys)
    wrong = ["train", recipe, "--model.form", "decoder", *out]
    assert "audio is for encoders" in complain(wrong, folder, capsys)
    text = ["generate", run, "a"]
    assert "use it by: langue transcribe" in complain(text, folder, capsys)
    wrong = ["train", recipe, "--data.columns", "{audio: sound}", *out]
    assert "has no column sound" in complain(wrong, folder, capsys)
    with pytest.raises(LangueError, match="takes tie_embeddings: false"):
        read_recipe(folder / "recipe.yaml", {"model.tie_embeddings": "true"})


def test_a_plan_knows_how_much_there_is_to_hear(folder: Path, capsys) -> None:
    assert command(["plan", str(folder / "recipe.yaml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    longest = max(soundfile.info(folder / "wav" / f"{number}.wav").duration for number in range(TRAIN))
    assert 50 < found["context"] <= 100 * longest + 1
    assert found["steps"] == 240


def test_an_encoder_decoder_learns_by_dictation(folder: Path, tmp_path: Path, capsys) -> None:
    changes = {
        "model": "{form: seq2seq, mixer: gru, position: none, width: 32, layers: 1, heads: 2, feedforward: none, "
        "encoder: {context: 256}, audio: {features: whisper, bins: 24, ctc: true}, context: 24}",
        "training.steps": "40",
        "training.label_smoothing": "0.1",
    }
    train(read_recipe(folder / "recipe.yaml", changes), tmp_path / "run", report=False)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row["split"] == "train"]
    assert losses[-1] < 0.8 * losses[0]
    assert {"loss", "wer", "cer"} <= next(row for row in rows if row["split"] == "test").keys()
    task = langue.load(tmp_path / "run")
    sounds = [say(text) for text in ("a", "abcd dcb", "bb cad")]
    assert task.transcribe(sounds) == [task.transcribe(sound) for sound in sounds]
    assert command(["transcribe", str(tmp_path / "run"), str(folder / "wav" / "0.wav"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == " ".join(segment["text"] for segment in found["segments"])
    assert task.model.config.form == "seq2seq"


def test_what_hears_can_be_frozen() -> None:
    model = {"form": "seq2seq", "width": 16, "layers": 1, "heads": 2, "audio": {}, "vocab_size": 9, "context": 16}
    hears = build(ModelConfig(**model))
    freeze(hears, TrainingSettings(freeze="encoder"))
    learning = {name.split(".")[0] for name, each in hears.named_parameters() if each.requires_grad}
    assert learning == {"embedding", "stack"}
    with pytest.raises(LangueError, match="freeze: encoder is for models of form: seq2seq"):
        freeze(build(ModelConfig(**{**model, "form": "decoder", "audio": None})), TrainingSettings(freeze="encoder"))


def test_a_language_model_of_the_same_letters_helps(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "text.txt").write_text("\n".join(texts(400, seed=5)) + "\n")
    words = {
        "task": "generate", "tokenizer.path": str(folder / "run"), "data.train": str(tmp_path / "text.txt"),
        "data.documents": "line", "data.dev": "0.1", "data.test": "null", "training.steps": "30",
        "model": "{layers: 1, width: 16, heads: 2, context: 16}",
    }  # fmt: skip
    content = yaml.safe_load((folder / "recipe.yaml").read_text())
    del content["transcribe"]
    train(read_recipe(content, words), tmp_path / "writer", report=False)
    sounds = [say(text) for text in ("a", "abcd dcb", "bb cad")]
    task, writer = langue.load(folder / "run"), langue.load(tmp_path / "writer")
    plain = task.hear(sounds, beams=16)
    silent = task.hear(sounds, language_model=writer, weight=0.0, bonus=0.0)
    assert [each.text for each in silent] == [each.text for each in plain]
    loud = task.hear(sounds, language_model=writer, weight=50.0, bonus=0.0)
    assert sum(len(each.text) for each in loud) < sum(len(each.text) for each in plain)
    wav = str(folder / "wav" / "0.wav")
    assert command(["transcribe", str(folder / "run"), wav, "--language-model", str(tmp_path / "writer")]) == 0
    assert capsys.readouterr().out.strip()
    silenced = ["--language-model", str(tmp_path / "writer"), "--weight", "0", "--bonus", "0"]
    assert command(["transcribe", str(folder / "run"), wav, "--beams", "16", "--json"]) == 0
    heard = json.loads(capsys.readouterr().out)
    assert command(["transcribe", str(folder / "run"), wav, *silenced, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(heard["score"], abs=1e-3)
    with pytest.raises(LangueError, match="a language model is a decoder, and this one was trained to transcribe"):
        task.hear(sounds, language_model=task)


def test_a_page_of_what_was_misheard(folder: Path, tmp_path: Path, capsys) -> None:
    page, table = tmp_path / "page.html", str(folder / "test.tsv")
    asked = [
        "transcribe",
        str(folder / "run"),
        "--file",
        table,
        "--out",
        str(tmp_path / "out"),
        "--mistakes",
        str(page),
    ]
    assert command(asked) == 0
    content = page.read_text()
    assert content.count("data:audio/wav;base64,") == 12
    assert "What run misheard" in content
    assert command([*asked, str(folder / "wav" / "0.wav")]) == 2
    assert "give them by --file alone" in capsys.readouterr().err


def test_attention_and_ctc_judge_together(folder: Path) -> None:
    model = {
        "form": "seq2seq", "mixer": "gru", "position": "none", "width": 16, "layers": 1, "heads": 2, "context": 12,
        "encoder": {"context": 64}, "audio": {"bins": 24, "features": "whisper", "ctc": True},
    }  # fmt: skip
    tokenizer = langue.load(folder / "run").tokenizer
    hears = build(ModelConfig(**model, vocab_size=tokenizer.vocab_size, initializer_range=0.5), seed=4)
    sounds = [say(text) for text in ("abc d", "dd", "ca b")]
    features = [log_mel(torch.from_numpy(sound), "whisper", 24) for sound in sounds]
    for share in (0.0, 0.4, 0.9):
        task = Seq2SeqTranscriber(hears, tokenizer, TranscribeSettings(ctc_weight=share))
        assert task.transcribe(sounds) == [task.transcribe(sound) for sound in sounds]
        scores = {"ab": -3.0, "d": -2.5, "abcdabcdabcdabcdabcdabcd": -1.0}  # the last has no room
        given = [Hypothesis(tokenizer.encode(text), score, True, 0.0, []) for text, score in scores.items()]
        judged = task._judged(given, features[0])
        logs = hears.ctc_head(hears.encode(Batch(torch.zeros(1, 0).long(), source=features[0][None])).hidden)
        logs = logs[0].log_softmax(-1)[:, None]

        def joint(each: Hypothesis, share: float = share, logs: torch.Tensor = logs) -> float:
            size = [len(each.tokens)]
            loss = F.ctc_loss(logs, torch.tensor([each.tokens]), [len(logs)], size, tokenizer.pad, reduction="sum")
            return (1 - share) * each.score - share * min(loss.item(), 1e9)

        assert judged == sorted(given, key=joint, reverse=True)
