"""Recordings that linguists have transcribed: ELAN's, Praat's and Common Voice's own layouts, as rows to learn from."""

import numpy as np
import pytest
import soundfile
from praatio import textgrid

from langue.data.annotations import annotated_rows
from langue.data.labelled import read_labelled
from langue.data.recordings import recording_of
from langue.data.settings import TableDataSettings
from langue.data.spoken_folders import spoken_rows
from langue.errors import LangueError

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///gone/a%20b.wav" RELATIVE_MEDIA_URL="./sound/a%20b.wav" TIME_ORIGIN="500"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1000"/>
    <TIME_SLOT TIME_SLOT_ID="t3"/><TIME_SLOT TIME_SLOT_ID="t4" TIME_VALUE="1500"/>
  </TIME_ORDER>
  <TIER TIER_ID="tx" LINGUISTIC_TYPE_REF="x" PARTICIPANT="Ann">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
      <ANNOTATION_VALUE>ein  Boot &amp; mehr</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="t2" TIME_SLOT_REF2="t3">
      <ANNOTATION_VALUE>without a time</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="t2" TIME_SLOT_REF2="t4">
      <ANNOTATION_VALUE> </ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER TIER_ID="other" LINGUISTIC_TYPE_REF="x">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="t2" TIME_SLOT_REF2="t4">
      <ANNOTATION_VALUE>ja</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER TIER_ID="gloss" LINGUISTIC_TYPE_REF="x" PARENT_REF="tx">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1">
      <ANNOTATION_VALUE>a boat</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


def sound(path, seconds: float = 3.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(16_000 * seconds), np.float32), 16_000)
    return path


def test_elans_own_tiers_are_rows_of_its_recording(tmp_path):
    audio = sound(tmp_path / "sound" / "a b.wav")
    (tmp_path / "talk.eaf").write_text(EAF)
    at = {"audio": str(tmp_path / "sound" / "a b.wav")}
    assert [row.values for row in annotated_rows(tmp_path / "talk.eaf")] == [
        {**at, "start": 0.5, "end": 1.5, "text": "ein Boot & mehr", "tier": "tx", "speaker": "Ann"},
        {**at, "start": 1.5, "end": 2.0, "text": "ja", "tier": "other", "speaker": "other"},
    ]
    data = TableDataSettings(train=str(tmp_path / "talk.eaf"))
    rows = list(read_labelled(data.train, data))
    assert [len(recording_of(row).read()) for row in rows] == [16_000, 8_000]
    assert rows[0].place == f"{tmp_path}/talk.eaf, tx, 0.50 s"
    audio.rename(tmp_path / "talk.wav")
    assert {row.values["audio"] for row in annotated_rows(tmp_path / "talk.eaf")} == {str(tmp_path / "talk.wav")}
    (tmp_path / "talk.wav").unlink()
    with pytest.raises(LangueError, match=r"the recording of .*talk.eaf is not there; put it beside it, as talk.wav"):
        list(annotated_rows(tmp_path / "talk.eaf"))


def grid(path, form: str = "short_textgrid", **tiers):
    whole = textgrid.Textgrid()
    for name, entries in tiers.items():
        whole.addTier(textgrid.IntervalTier(name, entries, 0, 3))
    whole.addTier(textgrid.PointTier("clicks", [(0.1, "x")], 0, 3))
    whole.save(str(path), form, includeBlankSpaces=True)
    return path


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
def test_praats_tiers_are_rows_without_those_that_divide_others(tmp_path, form):
    sound(tmp_path / "talk.flac")
    path = grid(
        tmp_path / "talk.TextGrid",
        form,
        phones=[(0.5, 0.7, "ç"), (0.7, 1.0, "a")],
        sentences=[(0.5, 1.5, "ja gut"), (2.0, 2.5, 'er sagt "nein"')],
        words=[(0.5, 1.0, "ja"), (1.0, 1.5, "gut")],
        other=[(1.4, 2.1, "hm")],
    )
    found = [(row.values["text"], row.values["start"], row.values["end"], row.values["tier"])
             for row in annotated_rows(path)]  # fmt: skip
    assert found == [
        ("ja gut", 0.5, 1.5, "sentences"), ('er sagt "nein"', 2.0, 2.5, "sentences"), ("hm", 1.4, 2.1, "other"),
    ]  # fmt: skip


def test_a_folder_of_transcribed_recordings_is_read_whole(tmp_path):
    for name in ("a", "b"):
        sound(tmp_path / f"{name}.wav")
        grid(tmp_path / f"{name}.TextGrid", s=[(0.0, 1.0, f"text {name}")])
    (tmp_path / "a.txt").write_text("a note")
    assert [row.values["text"] for row in spoken_rows(tmp_path)] == ["text a", "text b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.eaf", "<ANNOTATION_DOCUMENT>", "damaged or no file of ELAN's"),
        ("a.eaf", "<html/>", "damaged or no file of ELAN's: it is html"),
        ("a.eaf", EAF.replace('TIME_VALUE="1000"', 'TIME_VALUE="soon"'), "damaged or no file of ELAN's"),
        ("a.TextGrid", "no grid", "damaged or no TextGrid of Praat's"),
    ],
)
def test_a_damaged_transcript_is_one_sentence(tmp_path, name, content, message):
    sound(tmp_path / "a.wav")
    (tmp_path / name).write_text(content)
    with pytest.raises(LangueError, match=message):
        list(annotated_rows(tmp_path / name))


HEADER = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale\tsegment\n"


def test_common_voice_is_read_by_folder_and_by_table(tmp_path):
    for number in range(3):
        sound(tmp_path / "clips" / f"common_voice_br_{number}.mp3")
    line = '{0}x\tcommon_voice_br_{0}.mp3\tUr "vag {0}\t2\t0\ttwenties\t\tLeon\tbr\t\n'
    (tmp_path / "train.tsv").write_text(HEADER + line.format(0) + line.format(1))
    (tmp_path / "test.tsv").write_text(HEADER + line.format(2).replace(".mp3", ""))
    known = {"age": "twenties", "accent": "Leon", "language": "br"}
    assert [row.values for row in spoken_rows(tmp_path)] == [
        {"audio": f"{tmp_path}/clips/common_voice_br_{n}.mp3", "text": f'Ur "vag {n}', "speaker": f"{n}x", **known}
        for n in range(2)
    ]
    data = TableDataSettings(train=str(tmp_path / "test.tsv"))
    [row] = read_labelled(data.train, data)
    assert row.values["text"] == 'Ur "vag 2'
    assert len(recording_of(row).read()) == pytest.approx(48_000, abs=3_000)
    (tmp_path / "durations.tsv").write_text("clip\tduration[ms]\na\t1\n")
    assert spoken_rows(tmp_path / "durations.tsv") == []
