"""An index in a folder under attack: flipped bits, full disks, other processes, and files of the user's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.search.small import Counting, rows

from langue.errors import LangueError
from langue.files.manifest import MANIFEST, describe
from langue.randomness import numpy_generator
from langue.search import Index, IndexSettings
from langue.search.store import read_manifest

KINDS = ("memory", "lance")
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "index"


def answers(place: Path, storage="float32"):
    index = Index.open(place, Counting())
    found = [
        index.search(query, 20, mode=mode, where=where)
        for query in ("a river", "Number3 orchid")
        for mode in ("dense", "text")
        for where in (None, "year>=2010")
    ]
    return [[hit.as_json() for hit in hits] for hits in found], index.manifest


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def changed(place: Path, kind: str, storage="float32") -> None:
    """An index with a history: built, added to, and taken from."""
    index = Index.build(rows(40), place, Counting(), IndexSettings(kind=kind, storage=storage))
    index.add([{"id": "new", "text": "A new river.", "year": 2011}])
    index.delete(["row-3"])


@pytest.mark.parametrize(("kind", "storage"), [("memory", "int8"), ("lance", "float32")], indirect=["kind"])
def test_every_flipped_bit_is_caught_or_changes_nothing(place, kind, storage):
    changed(place, kind, storage)
    expected, draw, harmless = answers(place), numpy_generator("flips", kind, storage), set()
    for name, content in files(place).items():
        for bit in {0, *draw.integers(0, 8 * max(1, len(content)), 2).tolist()} if content else ():
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            (place / name).write_bytes(damaged)
            try:
                assert answers(place) == expected, name
                harmless.add(name)
            except LangueError as error:
                if str(place) not in str(error):
                    raise
        (place / name).write_bytes(content)
    # The version before is there for those who have opened it, and Lance's hint says where to begin to look.
    assert all(name.startswith("postings-000002/") or name.endswith("version_hint.json") for name in harmless - {
        name for name in harmless if name.startswith("passages-000002/")
    })  # fmt: skip
    assert answers(place) == expected


def test_a_file_that_is_missing_or_cut_is_one_sentence(place, kind):
    changed(place, kind)
    expected = answers(place)
    for name, content in files(place).items():
        if name.startswith((".", "postings-000002", "passages-000002")) or name.endswith("hint.json"):
            continue
        for damage in (content[: len(content) // 2], content + b"\0", None):
            if damage is None:
                (place / name).unlink()
            else:
                (place / name).write_bytes(damage)
            try:
                assert answers(place) == expected, name  # what Lance alone knows that it needs no more
                assert damage is None, name
            except LangueError:
                pass
            (place / name).write_bytes(content)
    assert answers(place) == expected


def test_a_large_file_is_read_once_and_a_damaged_one_is_named(place, kind, monkeypatch, tmp_path):
    module = sys.modules["langue.files.hashing"]
    monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    changed(place, kind)
    answers(place)
    read, whole = [], module.read_digest
    monkeypatch.setattr(module, "read_digest", lambda path: read.append(path.stat().st_size) or whole(path))
    answers(place)
    assert max(read) < 1000
    with module.every_byte():
        answers(place)
    assert max(read) >= 1000
    name = [name for name in files(place) if name.endswith("passages.bin") or "/data/" in name][-1]
    content = bytearray((place / name).read_bytes())
    content[len(content) // 2] ^= 1
    (place / name).write_bytes(content)
    with pytest.raises(LangueError, match=f"is damaged: {name} is not what"):
        Index.open(place)


TAKEN = ("lock", ".lock", ".langue.lock", "postings-000001", "thesis.txt", "lance")


@pytest.mark.parametrize("name", TAKEN)
def test_a_folder_of_the_users_is_left_as_it_is(place, kind, name):
    place.mkdir()
    (place / name).write_text("mine")
    (place / "letters").mkdir()
    (place / "letters" / "a.txt").write_text("mine too")
    before = files(place)
    with pytest.raises(LangueError, match="is there and is no index"):
        Index.build(rows(3), place, settings=IndexSettings(kind=kind))
    assert files(place) == before


def test_files_of_the_users_within_an_index_survive(place, kind):
    changed(place, kind)
    mine = ["notes.txt", "postings-000003/notes.txt", "postings-000099/notes.txt", "passages-old/a", "lance/notes.txt"]
    for name in mine:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("mine")
    for step in range(4):
        index = Index.open(place, Counting())
        index.add([{"id": f"more-{step}", "text": "More."}])
        index.delete([f"row-{step}"])
        Index.build(rows(15 + step), place, Counting(), IndexSettings(kind=kind))
    assert all((place / name).read_text() == "mine" for name in mine)
    assert not (place / "postings-000003" / "rows.npy").exists()
    assert len(list(place.glob("postings-*"))) == 4  # two versions, and the two of the user's


def test_what_is_broken_off_leaves_nothing_but_what_was_there(place, kind, tmp_path):
    class Broken(Counting):
        def embed(self, texts, *, prompt):
            raise RuntimeError("broken off")

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Text.")
    for parent in (place, tmp_path / "new" / "deeper"):
        with pytest.raises(RuntimeError, match="broken off"):
            Index.build(rows(3), parent, Broken(), IndexSettings(kind=kind))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs"]
    changed(place, kind)
    before = files(place)
    with pytest.raises(RuntimeError, match="broken off"):
        Index.open(place, Broken()).add([{"id": "z", "text": "z"}])
    assert files(place) == before


def run(code: str, *arguments: object, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


HELD = """
import sys, time
from langue.search import Index, IndexSettings, change
from tests.search.small import Counting, rows
change.BATCH = 5
place, kind, moment = sys.argv[1:]

class Slow(Counting):
    def embed(self, texts, *, prompt):
        if len(self.encoded) >= int(moment):
            print("half", flush=True)
            time.sleep(60)
        return super().embed(texts, prompt=prompt)

Index.build(rows(40), place, Slow(), IndexSettings(kind=kind))
"""


def test_a_second_process_is_refused_and_what_a_kill_left_is_built_anew(place, kind):
    running = run(HELD, place, kind, 20)
    assert running.stdout.readline() == "half\n"
    before = files(place)
    with pytest.raises(LangueError, match="another process is writing"):
        Index.build(rows(3), place, Counting(), IndexSettings(kind=kind))
    assert files(place) == before
    running.send_signal(signal.SIGKILL)
    running.wait()
    with pytest.raises(LangueError, match="broken off before it was done"):
        Index.open(place)
    Index.build(rows(3), place, Counting(), IndexSettings(kind=kind))
    assert len(answers(place)[0][0]) == 3
    assert not [path for path in place.rglob("*.writing") if path.is_dir()]
    fresh = place.with_name("fresh")
    Index.build(rows(3), fresh, Counting(), IndexSettings(kind=kind))
    assert sorted(path.name for path in place.iterdir()) == sorted(path.name for path in fresh.iterdir())


FULL = """
import resource, signal, sys
from langue.errors import LangueError
from langue.search import Index, IndexSettings
from tests.search.small import Counting, rows
place, kind, limit = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
Index.open(place, Counting()).search("x")  # all libraries are loaded
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    Index.open(place, Counting()).add([{"id": f"n{n}", "text": f"word{n} " * 9} for n in range(3000)])
except LangueError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [1000, 60_000])
def test_a_full_disk_is_one_sentence_and_leaves_the_version_before(place, kind, limit):
    changed(place, kind)
    expected, before = answers(place), set(files(place))
    out, err = run(FULL, place, kind, limit).communicate()
    assert err == ""
    assert "could not be written: the disk is full; make room and try again" in out
    assert answers(place) == expected
    assert {name for name in set(files(place)) - before if not name.startswith("lance/")} == set()
    Index.open(place, Counting()).add([{"id": "later", "text": "There is room again."}])
    assert len(answers(place)[0][0]) == 20


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("passages-000001/passages.bin", lambda content: content[:-9]),
        ("passages-000001/passages.bin", lambda content: content.replace(b"[", b"\xff")),
        ("passages-000001/keys.npy", lambda content: content.replace(b"(40,)", b"(39,)")),
        ("passages-000001/keys.npy", lambda content: content[:-8] + content[-16:-8]),
        ("postings-000001/rows.npy", lambda content: content[:128] + b"\xff" * (len(content) - 128)),
        ("postings-000001/keys.npy", lambda content: content[:128] + b"\x7f" * (len(content) - 128)),
    ],
)
def test_arrays_that_do_not_fit_together_are_one_sentence_whatever_their_hashes_say(place, name, change):
    Index.build(rows(40), place, Counting(), IndexSettings(kind="memory"))
    (place / name).write_bytes(change((place / name).read_bytes()))
    manifest = read_manifest((place / MANIFEST).read_text(), str(place))
    listed = {**manifest.files, name: describe(place / name)}
    (place / MANIFEST).write_text(manifest.model_copy(update={"files": listed}).text())
    with pytest.raises(LangueError, match=r"index.* cannot be read: .*; remove it and build it again"):
        answers(place)
