"""Small SentencePiece models, and texts that are hard on them."""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

ENGLISH = """the old king saw a red boat on the sea and sang of long lost days while his daughters were reading letters
from abroad nobody knew whether this would ever end well but everybody hoped that summer might come back soon please
press enter to open a menu with 12 files or 3,500 words (see page 47) don't worry it's only half-finished"""
GERMAN = """der alte König sah ein rotes Boot auf dem Meer und sang von längst vergangenen Tagen während seine Töchter
Briefe aus Übersee lasen niemand wußte ob das je gut ausgehen würde aber alle hofften daß der Sommer bald wiederkäme
bitte die Eingabetaste drücken um ein Menü mit 12 Dateien oder 3.500 Wörtern zu öffnen (siehe Seite 47)"""
FRENCH = """le vieux roi vit un bateau rouge sur la mer et chanta les jours perdus tandis que ses filles lisaient des
lettres venues d’ailleurs personne ne savait si l’affaire finirait bien mais chacun espérait que l’été reviendrait où
ça déjà naïf garçon appuyez sur « Entrée » pour ouvrir un menu de 12 fichiers"""

_POOLS = [
    "abcdefghij klm  nop ",
    "äöüßéèçñ ",
    "a\u0301o\u0308e\u0302\u0301 c\u0327u\u031b\u0301\u0323",
    "😀👍🏽👨\u200d👩\u200d👧🇩🇪 ❤\ufe0f",
    "\u00a0\u2003\u3000\t\n\r\u200b \u2581\u00ad",
    "日本語ひらがなｶﾞ가나다각\u1100\u1161\u11a8",
    "ﬁﬂ①²½™…‘’“”«»ａＢ",
    "<>/s|unk pad_0x41[]{}",
    "١٢٣ابجдежзΑΒΓअआकि\u093cשׁ",
    "\x00\x01\x7f\ufeff\ufffd\U000e0001",
]

ODD = ["", " ", "   ", "\n", "▁", "a▁", "▁a", " ▁ a", "a  b", "</s>", "a </s> b <unk>c", "<0x41>", "Tiếng Việt", "Über"]
ODD += [
    unicodedata.normalize("NFD", "Tiếng Việt thế nào, ạ ẫ ự 한국어 Größe"),
    "ﬁ\u0301 ａ\u0308 ｶﾞ",
    "日本語",
    "x" * 300,
]


def lines(words: str, count: int = 400, seed: int = 0) -> list[str]:
    """Sentences of words in random order."""
    draws, known = np.random.default_rng(seed), words.split()
    return [" ".join(draws.choice(known, draws.integers(3, 12))).capitalize() + "." for _ in range(count)]


def random_texts(count: int, seed: int = 0) -> list[str]:
    """Texts of letters, marks, signs and controls from everywhere."""
    draws = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        kind, length = draws.integers(3), draws.integers(25)
        if kind == 0:
            letters = [str(draws.choice(list(_POOLS[draws.integers(len(_POOLS))]))) for _ in range(length)]
        elif kind == 1:
            letters = draws.choice(list(_POOLS[draws.integers(len(_POOLS))]), length).tolist()
        else:
            ends = [(0x20, 0x3000), (0x20, 0xD800), (0xE000, 0x20000)]
            letters = [chr(draws.integers(*ends[draws.integers(3)])) for _ in range(length)]
        found.append("".join(letters))
    return found


def train_pieces(path: Path, texts: list[str], **options: Any) -> sentencepiece.SentencePieceProcessor:
    """Learn a model, write it to a file, and open it by SentencePiece itself."""
    written = io.BytesIO()
    told = {"vocab_size": 260, "minloglevel": 2, "num_threads": 1, "bos_id": -1, **options}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=written, **told)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written.getvalue())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2}
MT5 = {**T5, "byte_fallback": True, "vocab_size": 520, "user_defined_symbols": ["▁<extra_id_1>", "▁<extra_id_0>"]}
LLAMA = {
    "model_type": "bpe",
    "bos_id": 1,
    "byte_fallback": True,
    "vocab_size": 520,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "split_digits": True,
    "allow_whitespace_only_pieces": True,
}


def write_marian(folder: Path) -> dict[str, int]:
    """The tokenizer files of a Marian folder from English into German and French; the numbers of its tokens."""
    sides = [
        train_pieces(folder / "source.spm", lines(ENGLISH), vocab_size=150),
        train_pieces(folder / "target.spm", lines(GERMAN) + lines(FRENCH), vocab_size=220),
    ]
    known = {side.id_to_piece(number) for side in sides for number in range(side.get_piece_size())} - {"<unk>", "</s>"}
    names = ["</s>", "<unk>", *sorted(known), ">>deu<<", ">>fra<<", "<pad>"]
    numbers = {name: number for number, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(numbers))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "eng", "target_lang": "mul"}))
    return numbers
