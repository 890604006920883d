"""Preparing: every document encoded, everything accounted for, and nothing left that only looks finished."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langue import machine
from langue.data import ReadSettings, Tally, TokenStore, after, before, find_sources, read_documents
from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.text import TokenizerSettings, encoder, train_tokenizer


def documents(store: TokenStore, tokenizer) -> list[str]:
    """The text of each document, whose last token must be the end mark."""
    found, start = [], 0
    for end in store.document_ends.tolist():
        ids = store.read(start, end - start).tolist()
        assert ids[-1] == tokenizer.end
        assert tokenizer.end not in ids[:-1]
        found.append(tokenizer.decode(ids[:-1]))
        start = end
    assert start == store.tokens
    return found


def balanced(store: TokenStore) -> bool:
    """in = kept + Σ dropped."""
    accounts = [store.manifest[name] for name in ("records", "bytes")]
    return all(account["in"] == account["kept"] + sum(account["dropped"].values()) for account in accounts)


def test_documents_come_back_in_order(tmp_path, write, byte_tokenizer):
    files = [str(write(f"{name}.txt", f"text of {name}\nin two lines\n")) for name in "bca"]
    store = prepare(files, byte_tokenizer, tmp_path / "out")
    assert documents(store, byte_tokenizer) == [f"text of {name}\nin two lines\n" for name in "bca"]
    assert store.manifest["sources"] == files


def test_many_batches_keep_their_order(tmp_path, byte_tokenizer, monkeypatch):
    module = sys.modules["langue.data.prepare"]  # whose name in the package is the function's
    monkeypatch.setattr(module, "BATCH", 50)
    monkeypatch.setattr(module, "BATCH_PIECES", 3)
    texts = [f"{number}:" + "x" * random.Random(number).randrange(40) for number in range(300)]
    assert documents(prepare(iter(texts), byte_tokenizer, tmp_path / "out"), byte_tokenizer) == texts


def test_a_long_document_gives_the_tokens_of_the_whole(tmp_path, write):
    rng = random.Random(0)
    words = ["def", "return", "  ", "\n", "\n\n", "\n    ", " ", "naïve", "x", ".", "1", "\n"]
    text = "".join(rng.choice(words) for _ in range(150_000)) + "the end\n"
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=400), [text[:50_000]])
    store = prepare(write("long.txt", text), tokenizer, tmp_path / "out")
    assert len(text) > 5 * (1 << 16)
    assert store.read(0, store.tokens).tolist() == [*tokenizer.encode(text), tokenizer.end]
    assert store.documents == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.lists(
        st.sampled_from(
            [b"good", b"", b"\n", b"\r\n", b"\r", b"\xff", b"\xc3", "é".encode(), b" ", b"x" * 30, b"\n\n"]
        ),
        max_size=40,
    ),
    unit=st.sampled_from(["file", "line", "paragraph"]),
)
def test_everything_is_accounted_for(tmp_path_factory, byte_tokenizer, content, unit):
    folder = tmp_path_factory.mktemp("account")
    path = folder / "some.txt"
    path.write_bytes(b"".join(content))
    (folder / "more.txt").write_bytes(b"something\n")
    store = prepare(
        folder, byte_tokenizer, folder / "out", ReadSettings(documents=unit, max_line_bytes=20, max_dropped=1)
    )
    assert balanced(store)
    assert store.manifest["bytes"]["in"] == path.stat().st_size + 10
    raw = path.read_bytes()
    *ended, rest = raw.split(b"\n") if b"\n" in raw else raw.split(b"\r")
    lines = len(ended) + bool(rest) or 1
    assert store.manifest["records"]["in"] == lines + 1
    dropped = sum(store.manifest["records"]["dropped"].values())
    quarantine = folder / "out" / "quarantine.jsonl"
    listed = quarantine.read_text(encoding="utf-8").splitlines() if quarantine.exists() else []
    assert bool(listed) == bool(dropped)
    assert sum(json.loads(line)["bytes"] for line in listed) == sum(store.manifest["bytes"]["dropped"].values())
    text = "".join(documents(store, byte_tokenizer))
    assert (store.text_characters, store.text_bytes) == (len(text), len(text.encode()))


def test_what_is_dropped_is_quarantined_with_its_place(tmp_path, write, byte_tokenizer):
    path = write("mixed.txt", b"one\n\xff\xfebad\nthree\n" + b"y" * 50 + b"\nfive\n")
    store = prepare(path, byte_tokenizer, tmp_path / "out", ReadSettings(max_line_bytes=20, max_dropped=1))
    assert documents(store, byte_tokenizer) == ["one\nthree\nfive\n"]
    assert store.manifest["records"]["dropped"] == {"invalid UTF-8": 1, "line too long": 1}
    listed = [json.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()]
    assert [(line["file"], line["record"], line["reason"], line["bytes"]) for line in listed] == [
        (str(path), 2, "invalid UTF-8", 6),
        (str(path), 4, "line too long", 51),
    ]
    assert listed[0]["begins"] == r"\xff\xfebad"


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_share_takes_the_end_at_the_exact_character(tmp_path, write, byte_tokenizer, share):
    text = "".join(random.Random(1).choices("abc é\n", k=200_000))
    path = write("text.txt", text)
    cut = int(len(text) * (1 - share))
    train = prepare(path, byte_tokenizer, tmp_path / "train", select=lambda events: before(events, cut))
    dev = prepare(path, byte_tokenizer, tmp_path / "dev", select=lambda events: after(events, cut))
    assert documents(train, byte_tokenizer) == [text[:cut]]
    assert documents(dev, byte_tokenizer) == [text[cut:]]
    size = path.stat().st_size
    assert train.manifest["bytes"]["in"] + dev.manifest["bytes"]["in"] == size
    assert train.manifest["records"]["in"] + dev.manifest["records"]["in"] == len(text.splitlines())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from([b"some text", b"\xffbad", b"", b"short", b"x" * 40]), min_size=6, max_size=20),
    share=st.floats(0.2, 0.8),
)
def test_parts_of_a_split_account_for_the_whole(tmp_path_factory, byte_tokenizer, lines, share):
    folder = tmp_path_factory.mktemp("split")
    path = folder / "lines.txt"
    path.write_bytes(b"first\n" + b"\n".join(lines) + b"\nlast line")
    reading = ReadSettings(documents="line", max_line_bytes=20, max_dropped=1)
    whole = prepare(path, byte_tokenizer, folder / "whole", reading)
    cut = int(whole.text_characters * (1 - share))
    parts = [
        prepare(path, byte_tokenizer, folder / "train", reading, select=lambda events: before(events, cut)),
        prepare(path, byte_tokenizer, folder / "dev", reading, select=lambda events: after(events, cut)),
    ]
    for name in ("records", "bytes"):
        assert sum(part.manifest[name]["in"] for part in parts) == whole.manifest[name]["in"]
        for reason, count in whole.manifest[name]["dropped"].items():
            assert sum(part.manifest[name]["dropped"].get(reason, 0) for part in parts) == count
    assert "".join("".join(documents(part, byte_tokenizer)) for part in parts) == "".join(
        documents(whole, byte_tokenizer)
    )
    assert parts[0].text_characters == cut


def test_the_same_input_gives_the_same_files(tmp_path, write, byte_tokenizer):
    path = write("text.txt", "some text\n" * 100)
    stores = [prepare(path, byte_tokenizer, tmp_path / name, shard=300) for name in ("one", "two")]
    names = [sorted(file.name for file in store.folder.iterdir()) for store in stores]
    assert names[0] == names[1]
    for name in names[0]:
        assert (stores[0].folder / name).read_bytes() == (stores[1].folder / name).read_bytes()


@pytest.mark.parametrize("kind", ["byte-bpe", "char"])
def test_the_number_of_processes_changes_no_byte(tmp_path, write, kind, monkeypatch):
    rng = random.Random(0)
    words = ["the", "quick", "isn't", "Zwölf", "12", "  ", "\n", "😀", "日本語", "x" * 30]
    path = write("text.txt", "".join(" ".join(rng.choices(words, k=rng.randrange(1, 60))) + "\n" for _ in range(300)))
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), [path.read_text()])
    module = sys.modules["langue.data.prepare"]
    monkeypatch.setattr(module, "BATCH", 5_000)
    monkeypatch.setattr(encoder, "MUCH", 10_000)
    stores = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(machine, "cores", lambda cores=cores: cores)
        reading = ReadSettings(documents="line")
        stores.append(prepare(path, tokenizer, tmp_path / f"on-{cores}", reading, shard=7_000))
    assert stores[0].read(0, stores[0].tokens).tolist() == [
        token
        for line in path.read_text().splitlines()
        if line.strip()
        for token in [*tokenizer.encode(line), tokenizer.end]
    ]
    for store in stores[1:]:
        for file in stores[0].folder.iterdir():
            assert (store.folder / file.name).read_bytes() == file.read_bytes()


def test_large_vocabularies_take_four_bytes(tmp_path):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["".join(map(chr, range(0x20000, 0x20000 + 66_000)))])
    store = prepare([{"text": chr(0x20000 + 65_999)}], tokenizer, tmp_path / "out")
    assert store.manifest["dtype"] == "uint32"
    assert documents(store, tokenizer) == [chr(0x20000 + 65_999)]


@pytest.mark.parametrize("content", ["", "\n\n  \n", b"\xff\n\xfe\n"])
def test_no_text_is_a_sentence_and_leaves_nothing(tmp_path, write, byte_tokenizer, content):
    path = write("empty.txt", content)
    with pytest.raises(LangueError, match=r"there is no text in .*empty\.txt"):
        prepare(path, byte_tokenizer, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty.txt"]


def test_garbage_is_a_sentence_and_leaves_nothing(tmp_path, write, byte_tokenizer):
    # Among so many lines of noise, some short ones are text by chance.
    path = write("garbage.txt", bytes(random.Random(0).choices(range(1, 256), k=20_000)) + b"\nand some text\n")
    with pytest.raises(LangueError, match=r"9\d\.\d% of .*garbage\.txt would be lost, .*: \d+ invalid UTF-8, .*; mend"):
        prepare(path, byte_tokenizer, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["garbage.txt"]


LONG = b"short line\n" * 400 + b"x" * 200_000 + b"\n" + b"short line\n" * 400
BROKEN = b'{"text": "cut\n' * 270 + b'{"text": "whole"}\n' * 30


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("long.txt", LONG, r"^95\.8% of .*long\.txt would be lost, and 5\.0% may be: 1 line too long, 200,001 bytes "
         r"\(the largest: .*long\.txt, record 401, 200,001 bytes\); mend the data, "
         r"read longer lines by --max-line-bytes 200001, or allow it by --max-dropped 0\.96$"),
        ("one.txt", b"x" * 3_000, r"^there is no text in .*one\.txt: 1 line too long, .*--max-line-bytes 3000, or"),
        ("b.jsonl", BROKEN, r"^90\.0% of .*b\.jsonl would be lost.*: 270 invalid JSON, "),
        ("c.csv", "n,text\n" + "1,a\n" * 90 + "1\n" * 10, r"^10\.0% of .*: 10 wrong number of columns, "),
        ("n.jsonl", '{"text": "a"}\n' + '{"text": null}\n' * 5, "name the column of the text by --text, or allow"),
    ],
)  # fmt: skip
def test_more_than_a_little_is_never_lost_in_silence(tmp_path, write, byte_tokenizer, name, content, said):
    path = write(name, content)
    for limit in (1_000, 1_000_000) if name.startswith(("b", "c", "n")) else (1_000,):
        with pytest.raises(LangueError, match=said):
            prepare(path, byte_tokenizer, tmp_path / "out", ReadSettings(max_line_bytes=limit))
        with pytest.raises(LangueError, match=said):
            list(read_documents(find_sources(path), ReadSettings(max_line_bytes=limit), Tally()))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_little_may_be_lost_and_what_is_empty_is_no_loss(tmp_path, write, byte_tokenizer):
    write("a.jsonl", '{"text": "some text"}\n' * 96 + '{"text": ""}\n' * 200 + '{"text":\n' * 4)
    store = prepare(tmp_path / "a.jsonl", byte_tokenizer, tmp_path / "out")
    assert store.manifest["records"]["dropped"] == {"empty": 200, "invalid JSON": 4}


def test_a_tokenizer_of_another_script_is_refused(tmp_path, write):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["only latin letters"])
    path = write("greek.txt", "καλημέρα κόσμε\n" * 10)
    with pytest.raises(LangueError, match=r"does not fit .*greek\.txt: 9\d% of the characters are unknown to it, such"):
        prepare(path, tokenizer, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["greek.txt"]


def test_unknown_tokens_are_counted(tmp_path):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["abc"])
    store = prepare([{"text": "abcabcabcabcabcabcaZbcabcabc"}], tokenizer, tmp_path / "out")
    assert store.manifest["unknown"] == 1


def test_what_exists_is_not_overwritten(tmp_path, byte_tokenizer):
    (tmp_path / "out").mkdir()
    prepare([{"text": "first"}], byte_tokenizer, tmp_path / "out")
    with pytest.raises(LangueError, match="already exists"):
        prepare([{"text": "second"}], byte_tokenizer, tmp_path / "out")
    assert documents(TokenStore.open(tmp_path / "out"), byte_tokenizer) == ["first"]


def test_an_error_on_the_way_leaves_nothing(tmp_path, byte_tokenizer):
    def failing():
        yield {"text": "fine"}
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        prepare(failing(), byte_tokenizer, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from langue.data.prepare import prepare
from langue.text import TokenizerSettings, train_tokenizer

def texts():
    for number in range(10**9):
        yield {"text": f"text {number} " * 50}
        if number == 2000:
            Path(sys.argv[2]).touch()

prepare(texts(), train_tokenizer(TokenizerSettings(kind="byte"), []), sys.argv[1], shard=10_000)
"""


def test_a_kill_leaves_nothing_that_looks_finished(tmp_path, byte_tokenizer):
    out, sign = tmp_path / "out", tmp_path / "sign"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(out), str(sign)])
    deadline = time.monotonic() + 60
    while not sign.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    assert not list(tmp_path.rglob("manifest.json"))
    prepare([{"text": "again"}], byte_tokenizer, out)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "sign"]


FULL = """
import resource, sys
from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.text import TokenizerSettings, train_tokenizer

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    prepare([{"text": "x" * 100_000}], train_tokenizer(TokenizerSettings(kind="byte"), []), sys.argv[1])
except LangueError as error:
    print(error)
"""


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path):
    """The system lets no file grow beyond 50,000 bytes, as a full disk would."""
    out = tmp_path / "out"
    found = subprocess.run([sys.executable, "-c", FULL, str(out)], capture_output=True, text=True, check=True)
    assert found.stdout == f"{out} could not be written: the disk is full; make room and try again\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_text(tmp_path, write):
    """400 MB of text in a process that may not take 600 MB more than it has when it begins."""
    path = write("large.txt", ("The quick brown fox jumps over the lazy dog. " * 20 + "\n") * 440_000)
    script = (
        "import resource, sys\n"
        "from langue.data.prepare import prepare\n"
        "from langue.text import TokenizerSettings, train_tokenizer\n"
        "tokenizer = train_tokenizer(TokenizerSettings(kind='byte'), [])\n"
        "begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "prepare(sys.argv[1], tokenizer, sys.argv[2])\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun) // 1024)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(path), str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 600
