"""Sound files for each door, made by Langue, by our tests' helpers, or by the libraries whose formats they are."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

import labelled_rows
import pair_rows
from tiny import text, write_tiny

SHORT = {"training__steps": 2, "training__evaluate_every": 2, "training__checkpoint_every": 2}
TYPES = ["a note", 'with "quotes", and\na line', "日本語 ünder", "x" * 300]


def recipes(folder: Path) -> None:
    import langue.recipes

    for path in Path(langue.recipes.__file__).parent.glob("*.yaml"):
        shutil.copy(path, folder)
    write_tiny(folder / "tiny")
    (folder / "tiny" / "recipe.yaml").rename(folder / "tiny.yaml")
    shutil.rmtree(folder / "tiny")


def _trained(folder: Path, kind: str) -> Path:
    """A run of two steps in a folder of that name."""
    from tests.tasks import test_answer, test_tag

    import embed_rows
    import langue

    place = folder / f"{kind} data"
    if kind == "generate":
        langue.train(write_tiny(place), place / "run", report=False)
    elif kind == "embed":
        embed_rows.learn(place, "pairs", **SHORT)
    elif kind == "translate":
        langue.train(pair_rows.write_pairs(place), place / "run", report=False)
    elif kind == "answer":
        rows = test_answer.questions(40)
        labelled_rows.write_recipe(place, rows, test_answer.RECIPE)
        labelled_rows.learn(place, **SHORT)
    elif kind == "tag":
        labelled_rows.write_recipe(place, test_tag.sentences(40), test_tag.CONTENT)
        labelled_rows.learn(place, **SHORT)
    else:
        labelled_rows.learn(place, labelled_rows.sentences(60), **SHORT)
    return Path(shutil.move(place / "run", folder / kind))


def runs(folder: Path) -> None:
    for kind in ("generate", "classify", "embed", "translate"):
        run = _trained(folder, kind)
        shutil.rmtree(run / "checkpoints")
        shutil.rmtree(folder / f"{kind} data")


def checkpoints(folder: Path) -> None:
    run = _trained(folder / "made", "generate")
    for path in (run / "checkpoints").iterdir():
        shutil.move(path, folder / path.name)
    shutil.rmtree(folder / "made")


def stores(folder: Path) -> None:
    from langue.data.prepare import prepare
    from langue.text import TokenizerSettings, train_tokenizer

    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    texts = [{"text": "the old king " * number} for number in range(1, 20)]
    prepare(texts, tokenizer, folder / "store", shard=400)


def sounds(folder: Path) -> None:
    from langue.data.sounds import write_sounds

    draws = np.random.default_rng(0)
    write_sounds(folder / "store", [(draws.uniform(-1, 1, 90).astype(np.float32), word) for word in ("eins", "zwei")])


PUBLISHED = ("gpt2", "llama 3", "llama yarn", "qwen2", "bert classes", "roberta words", "t5 1.1", "bart", "marian")
PUBLISHED += ("whisper", "bert number", "llama trunk", "llama", "bert words", "t5")


def published(folder: Path) -> None:
    from tests.hub.published import save

    for name in PUBLISHED:
        save(name, folder / name.replace(" ", "-"))


def parts(folder: Path) -> None:
    from tests.hub.published import save

    for name in ("gpt2", "bert words"):
        save(name, folder / name.replace(" ", "-"), max_shard_size="8KB")


def sentence(folder: Path) -> None:
    import torch

    from langue.hub import read_source
    from langue.hub.formats import write_format
    from langue.models.build import set_embedder
    from langue.models.heads import DenseConfig, EmbedderConfig
    from sentence_folder import save_sentence_folder

    save_sentence_folder(folder / "made")
    (folder / "made" / "sentence").rename(folder / "theirs")
    checkpoint = read_source(str(folder / "theirs"))
    layers = (DenseConfig(width=8, bias=True, activation="tanh"),)
    config = EmbedderConfig(pooling="mean", layers=layers, normalise=True)
    weights = {"layers.0.linear.weight": torch.rand(8, 32), "layers.0.linear.bias": torch.rand(8)}
    set_embedder(checkpoint.model, config, weights)
    write_format("hf", checkpoint, _new(folder / "projected"))
    _open_to_changes(folder / "projected")
    shutil.rmtree(folder / "made")


def _open_to_changes(folder: Path) -> None:
    """Take away what tells that a file was changed."""
    (folder / "manifest.json").unlink(missing_ok=True)
    for path in folder.rglob("*"):
        if path.is_file() and b"langue:" in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"langue:", b"changed"))


def tokenizers(folder: Path) -> None:
    import piece_files

    for kind in ("byte-bpe", "wordpiece", "unigram", "char"):
        learnt = _learnt(kind)
        learnt.save(folder / kind)
        _open_to_changes(folder / kind)
        number = learnt.vocab_size
        roles = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "model_max_length": 512, "add_bos_token": True}
        added = {
            str(number): {"content": "<x>", "special": True, "lstrip": False, "rstrip": False, "normalized": False}
        }
        told = {**roles, "added_tokens_decoder": added, "chat_template": "{{ messages }}"}
        (folder / kind / "tokenizer_config.json").write_text(json.dumps(told))
        (folder / kind / "special_tokens_map.json").write_text(json.dumps(roles))
        (folder / kind / "added_tokens.json").write_text(json.dumps({"<x>": number, "<y>": number + 1}))
        (folder / kind / "generation_config.json").write_text(json.dumps({"eos_token_id": [3, 4]}))
    piece_files.write_marian(_new(folder / "marian"))
    for name, options in (("t5", piece_files.T5), ("llama", piece_files.LLAMA)):
        smaller = {"vocab_size": 150} if name == "t5" else {}
        path = _new(folder / name) / ("spiece.model" if name == "t5" else "tokenizer.model")
        piece_files.train_pieces(path, piece_files.lines(piece_files.ENGLISH), **{**options, **smaller})
        kind = {"t5": "T5Tokenizer", "llama": "LlamaTokenizer"}[name]
        (folder / name / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, "legacy": True}))
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *["the", "old", "king", "saw", "a", "red", "boat", "##s", "##ed"],
    ]
    (_new(folder / "bert") / "vocab.txt").write_text("\n".join(words))
    (folder / "bert" / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}'
    )


def _learnt(kind: str) -> Any:
    from langue.text import TokenizerSettings, train_tokenizer

    size = {} if kind == "char" else {"vocab_size": 300}
    return train_tokenizer(TokenizerSettings.model_validate({"kind": kind, **size}), [text(400)])


def own_tokenizers(folder: Path) -> None:
    for kind in ("byte-bpe", "wordpiece", "char"):
        _learnt(kind).save(folder / kind)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def gguf(folder: Path) -> None:
    from tests.hub import tiny_gguf

    from langue.hub.gguf import write_gguf

    tokenizer = tiny_gguf.tokenizer()
    for architecture in tiny_gguf.ARCHITECTURES:
        made = tiny_gguf.model(architecture, layers=1)
        write_gguf(made, tokenizer, folder / f"{architecture}.gguf", "Q8_0" if architecture == "qwen2" else "F16")
    _open_to_changes(folder)


def ctranslate2(folder: Path) -> None:
    from tests.hub.test_ctranslate2 import convert

    for name, kind in (("plain", None), ("int8", "int8")):
        convert(folder / name, kind)


def texts(folder: Path) -> None:
    (folder / "a.txt").write_text(text(200))
    (folder / "b.md").write_text("# Über\n\nSome *text*.\n\n```\ncode\n```\n\n日本語 and more.\r\nWindows' end.\r\n")
    (folder / "c.txt").write_bytes("\ufeffa BOM\nand a line\n".encode())


ROWS = [
    {"id": f"r{number}", "text": TYPES[number % 4] + f" {number}", "year": 2000 + number, "share": number / 7,
     "checked": number % 2 == 0, "day": f"2024-01-{number + 1:02d}", "tags": ["x", "y"][: number % 3]}
    for number in range(12)
]  # fmt: skip


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows in the format that the file's ending names; csv and tsv have no lists."""
    ending = path.suffix[1:]
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif ending == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=5)
    else:
        spelt = [
            {name: json.dumps(cell) if isinstance(cell, list | dict) else cell for name, cell in row.items()}
            for row in rows
        ]
        with path.open("w", newline="") as file:
            if ending == "csv":
                writer = csv.DictWriter(file, list(spelt[0]))
                writer.writeheader()
                writer.writerows(spelt)
            else:
                for row in [dict.fromkeys(spelt[0]) and {name: name for name in spelt[0]}, *spelt]:
                    file.write("\t".join(str(cell).replace("\n", " ") for cell in row.values()) + "\n")


def tables(*endings: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for ending in endings:
            write_table(folder / f"rows.{ending}", ROWS)

    return make


def inputs(folder: Path) -> None:
    tables("jsonl", "csv", "tsv", "parquet")(folder)
    (folder / "a.txt").write_text(text(30))


def _beside(folder: Path, kind: str, rows: list[dict[str, Any]], endings: tuple[str, ...]) -> None:
    """For each format a folder with a run and rows that it can be judged by."""
    run = _trained(folder / "made", kind)
    for name in ("checkpoints", "data"):
        shutil.rmtree(run / name, ignore_errors=True)
    for ending in endings:
        place = _new(folder / ending)
        shutil.copytree(run, place / "run")
        write_table(place / f"rows.{ending}", rows)
    shutil.rmtree(folder / "made")


def labels(folder: Path) -> None:
    _beside(folder, "classify", labelled_rows.sentences(8), ("jsonl", "csv", "tsv", "parquet"))


def pairs(folder: Path) -> None:
    rows = [{"source": source, "target": target} for source, target in pair_rows.pairs(4)]
    _beside(folder, "translate", rows, ("jsonl", "csv", "tsv", "parquet"))


def answers(folder: Path) -> None:
    from tests.data.benchmarks import test_squad
    from tests.tasks import test_answer

    _beside(folder, "answer", test_answer.questions(6), ("jsonl", "csv", "parquet"))
    shutil.copytree(folder / "jsonl", folder / "squad")
    (folder / "squad" / "rows.jsonl").unlink()
    paragraph = {"context": test_squad.CONTEXT, "qas": [test_squad.QUESTION]}
    told = {"version": "v2.0", "data": [{"title": "T", "paragraphs": [paragraph, paragraph]}]}
    (folder / "squad" / "rows.json").write_text(json.dumps(told))


def tags(folder: Path) -> None:
    from tests.tasks import test_tag

    rows = test_tag.sentences(6)
    _beside(folder, "tag", rows, ("jsonl", "csv", "parquet"))
    shutil.copytree(folder / "jsonl", folder / "conll")
    (folder / "conll" / "rows.jsonl").unlink()
    lines = ["\n".join(f"{w} x {t}" for w, t in zip(row["tokens"], row["tags"], strict=True)) for row in rows]
    (folder / "conll" / "rows.conll").write_text("-DOCSTART- -X- O\n\n" + "\n\n".join(lines) + "\n")


def aligned(folder: Path) -> None:
    pair_rows.write_pairs(folder / "aligned", rows=pair_rows.pairs(20))


def recordings(folder: Path) -> None:
    import soundfile
    from tests.data.test_sound_files import tone, write_with_ffmpeg

    sound = tone(440, 0.5)
    for kind in ("PCM_16", "PCM_U8", "FLOAT", "PCM_24", "ULAW"):
        soundfile.write(folder / f"{kind}.wav", np.stack([sound, sound], 1), 16_000, subtype=kind)
    for ending in ("flac", "ogg", "mp3", "aiff", "au"):
        soundfile.write(folder / f"a.{ending}", sound, 22_050 if ending == "flac" else 16_000)
    write_with_ffmpeg(folder / "a.m4a", "aac", "ipod", sound)
    write_with_ffmpeg(folder / "a.webm", "libopus", "webm", tone(440, 0.5, 48_000), 48_000)


def manifests(folder: Path) -> None:
    import soundfile

    soundfile.write("/dev/shm/langue-door.wav", np.zeros(8000, np.float32), 16_000)
    rows = [{"audio": "/dev/shm/langue-door.wav", "text": "eins", "start": 0.1 * n, "end": 0.3} for n in range(3)]
    for ending in ("jsonl", "csv", "parquet"):
        write_table(folder / f"rows.{ending}", rows)


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>A &amp; B</title><style>p {}</style></head><body>
<h1>Head &mdash; 日本</h1><p>One <b>bold</b> word.<table><tr><td>x<td>y</table><pre>a
 b</pre><ul><li>x<li>y</ul><script>var x = "</p>";</script><svg><title>t</title></svg><!-- no --><a href="x">z</a>
<![CDATA[ x ]]><textarea>t</textarea><select><option>o</select></body></html>"""


def html(folder: Path) -> None:
    (folder / "a.html").write_text(PAGE)
    (folder / "b.htm").write_bytes(PAGE.replace("utf-8", "iso-8859-1").encode("latin-1", "xmlcharrefreplace"))
    (folder / "c.xhtml").write_text('<?xml version="1.0" encoding="utf-8"?><html><body><p>x é</p></body></html>')
    (folder / "d.html").write_bytes(PAGE.replace("utf-8", "gb2312").encode("gb18030"))


def papers(folder: Path) -> None:
    """Documents of Office, a book, a letter and reStructuredText."""
    import docx
    import openpyxl
    import pptx
    from tests.pages.test_epub import FILES

    from zipped import write_zip

    document = docx.Document()
    document.add_paragraph("One word.")
    document.add_table(1, 1).cell(0, 0).text = "a cell"
    document.save(folder / "a.docx")
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "A slide"
    deck.save(folder / "b.pptx")
    book = openpyxl.Workbook()
    book.active.append(["a", 1.5, True])
    book.save(folder / "c.xlsx")
    write_zip(folder / "d.epub", FILES)
    letter = "Subject: =?utf-8?q?=C3=9Cber?=\nDate: Mon, 6 May 2024 07:08:00 +0200\nMIME-Version: 1.0\nContent-Type: "
    (folder / "e.eml").write_text(f'{letter}multipart/mixed; boundary="x"\n\n--x\n\nText.\n--x--\n')
    (folder / "f.rst").write_text("Head\n====\n\n:ref:`a <b>`\n\n.. note::\n   x\n\n+---+\n| t |\n+---+\n\n|a| [1]_\n")


def transcripts(folder: Path) -> None:
    """ELAN's and Praat's files."""
    from tests.data.test_annotations import EAF, grid

    (folder / "a.eaf").write_text(EAF)
    grid(folder / "b.TextGrid", words=[(0.5, 1.0, "ja")], other=[(0.2, 2.0, "x")])


def pdf(folder: Path) -> None:
    import io

    from pypdf import PdfReader, PdfWriter
    from tests.search.test_documents import pdf as written

    plain = written(["First page.", "", "Third page."])
    (folder / "a.pdf").write_bytes(plain)
    for name in ("packed", "locked"):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
        for page in writer.pages:
            page.compress_content_streams()
        if name == "locked":
            writer.encrypt("", "owner")
        writer.write(folder / f"{name}.pdf")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0.2, 0.5, "Drawn text, with ligatures fi")
    figure.savefig(folder / "drawn.pdf")


def index(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from tests.search.small import Counting

        import embed_rows
        from langue.search import Index, IndexSettings

        rows = [{"id": f"r{n}", "year": 2000 + n, **row} for n, row in enumerate(embed_rows.rows("texts", 12))]
        settings = IndexSettings.model_validate({"kind": kind})
        built = Index.build(rows, _new(folder / "whole") / "index", Counting(), settings=settings)
        built.add([{"id": "more", "text": "a boat more", "year": 1}])

    return make


def write_index_manifest(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest of an index as Langue does."""
    from langue.search.store import IndexManifest

    path.write_text(IndexManifest.model_validate(content).text())


def report(folder: Path) -> None:
    from tests.report.conftest import write_run

    write_run(folder / "run", steps=12)


def race(folder: Path) -> None:
    from tests.report.conftest import race as fixture

    fixture.__wrapped__(_new(folder / "made"))
    shutil.move(folder / "made" / "race", folder / "race")
    shutil.rmtree(folder / "made")


def benchmarks(folder: Path) -> None:
    from tests.data.benchmarks import test_glue, test_superglue

    layouts = {name: content for name, content in test_glue.LAYOUTS.items() if name.split("/")[0] != "diagnostic"}
    for number, (name, content) in enumerate(layouts.items()):
        task, file = name.split("/")
        split = "dev" if "dev" in file else "test" if "test" in file else "train"
        if task == "MNLI":
            continue
        place = _new(folder / f"glue-{number}" / task)
        (place / file).write_text(content)
        (place.parent / "name.txt").write_text(f"glue/{task} {split}")
    for task in ("BoolQ", "CB", "COPA", "MultiRC", "ReCoRD", "RTE", "WiC", "WSC"):
        place = _new(folder / task / task)
        (place / "train.jsonl").write_text(json.dumps(test_superglue.LINES[task]) + "\n")
        (place.parent / "name.txt").write_text(f"superglue/{task} train")


def beir(folder: Path) -> None:
    from tests.data.benchmarks.test_beir import write

    write(folder / "beir")
