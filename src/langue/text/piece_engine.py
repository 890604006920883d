"""From SentencePiece's pieces to the engine that gives the same numbers: what is done to a text, and in which order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine

from langue.errors import LangueError
from langue.text.pieces import BPE, BYTE, CONTROL, NORMAL, UNIGRAM, UNKNOWN, UNUSED, USER_DEFINED, Pieces

SPACE = "▁"
"""The letter that a space becomes, so that pieces can hold it."""

ELSEWHERE = " "
"""The beginning of a token's name that no text may become: there are no spaces in a text any more by then."""

APART = "\ufff8"
"""No character, which Unicode keeps apart from any other."""

LONGEST_MERGED = 256
"""Characters of a token beyond which its halves are not looked for, lest a hostile file make us try forever."""


def make_engine(pieces: Pieces, numbers: Mapping[str, int] | None = None, kept: Collection[str] = ()) -> Engine:
    """The engine that gives the numbers that SentencePiece gives.

    Args:
        pieces: of a model file.
        numbers: another numbering of tokens, from 0 on, where that of the file does not count. Its tokens that are no
            pieces of the file can be written but are never read, as which their names begin with ELSEWHERE; but a
            single character that the file does not know is read as the token that it is, as Marian does.
        kept: those of them that keep their names all the same, because they will be special.

    Raises:
        LangueError: the numbering has no number for what is unknown.
    """
    kinds = dict(zip(pieces.names, pieces.kinds, strict=True))
    unknown = pieces.names[pieces.kinds.index(UNKNOWN)]
    bytewise = BYTE in pieces.kinds
    letters = {name for name in numbers or () if len(name) == 1 and name not in kinds and not bytewise}
    numbers = numbers or {name: number for number, name in enumerate(pieces.names)}
    if unknown not in numbers:
        raise LangueError(f"the vocabulary beside {pieces.path} lacks {unknown}, which stands for what is unknown")
    named = {*kept, *letters, *(name for name, kind in kinds.items() if kind != UNUSED)}
    tokens = [name if name in named else ELSEWHERE + name for name in sorted(numbers, key=lambda name: numbers[name])]
    engine = Engine(_model(pieces, tokens, letters, numbers[unknown], bytewise))
    engine.normalizer = normalizers.Sequence([*_steps(pieces), *([_runs(pieces)] if letters else [])])
    if pieces.model == UNIGRAM:
        never = {*kept, *(name for name, kind in kinds.items() if kind in (UNKNOWN, CONTROL, BYTE))}
        engine.pre_tokenizer = _words([name for name, kind in kinds.items() if kind in (NORMAL, USER_DEFINED)], never)
    engine.decoder = _decoder(pieces, bytewise)
    special = [name for name in tokens if kinds.get(name) in (UNKNOWN, CONTROL)]
    engine.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    if pieces.model == BPE:
        whole = [name for name in tokens if kinds.get(name) == USER_DEFINED]
        engine.add_tokens([AddedToken(name, special=False, normalized=False) for name in whole])
    return engine


def _model(
    pieces: Pieces, tokens: Sequence[str], letters: Collection[str], unknown: int, bytewise: bool
) -> models.Model:
    scores = {
        name: score
        for name, score, kind in zip(pieces.names, pieces.scores, pieces.kinds, strict=True)
        if kind in (NORMAL, BYTE)
    }
    scores |= dict.fromkeys(letters, min(pieces.scores))
    # What the user put among the pieces costs nothing, and so is always chosen.
    worth = [scores.get(name, 0.0) for name in tokens]
    if pieces.model == UNIGRAM:
        return models.Unigram(list(zip(tokens, worth, strict=True)), unknown, bytewise)
    merged = {name for name, kind in zip(pieces.names, pieces.kinds, strict=True) if kind == NORMAL}
    return models.BPE(
        {name: number for number, name in enumerate(tokens)},
        merges_by_score(tokens, worth, [name in merged for name in tokens]),
        unk_token=tokens[unknown],
        fuse_unk=True,
        byte_fallback=bytewise,
    )


def merges_by_score(tokens: Sequence[str], scores: Sequence[float], usable: Sequence[bool]) -> list[tuple[str, str]]:
    """The merges of BPE as SentencePiece has it: of all pairs that make a token, the one of the best score merges.

    Args:
        tokens: the vocabulary, in order.
        scores: of each.
        usable: of each, whether it is made by merging.
    """
    numbers = {token: number for number, token in enumerate(tokens)}
    merges = [
        (-float(score), numbers[token[:cut]], numbers[token[cut:]])
        for token, score, made in zip(tokens, scores, usable, strict=True)
        if made and len(token) <= LONGEST_MERGED
        for cut in range(1, len(token))
        if token[:cut] in numbers and token[cut:] in numbers
    ]
    return [(tokens[left], tokens[right]) for _, left, right in sorted(merges)]


def _steps(pieces: Pieces) -> list[normalizers.Normalizer]:
    steps = _rules(pieces.characters) if pieces.characters else []
    if pieces.collapse:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Replace(Regex(rf"\A +|[ {SPACE}]+\z"), "")]
    if pieces.prefix:
        steps.append(normalizers.Prepend(SPACE))
    return [*steps, normalizers.Replace(" ", SPACE)]


def _runs(pieces: Pieces) -> normalizers.Normalizer:
    """Several characters in succession that the file does not know are one unknown token, whoever else knows them."""
    kinds = zip(pieces.names, pieces.kinds, strict=True)
    known = {letter for name, kind in kinds if kind in (NORMAL, USER_DEFINED) for letter in name}
    alphabet = "".join(f"\\x{{{ord(letter):x}}}" for letter in sorted(known))
    return normalizers.Replace(Regex(f"[^{alphabet}]{{2,}}"), APART)


def _rules(characters: bytes) -> list[normalizers.Normalizer]:
    """Rules of normalization, which compose letters and marks; what they give is composed here as far as can be.

    Of a letter and the marks on it the engine follows the first rule that fits, and drops what it does not speak of:
    of a decomposed ế the tone. So letters are composed beforehand, and marks that are left stand apart meanwhile. None
    is put before a text's first letter, where the engine would lose count.
    """
    rules = normalizers.Precompiled(characters)
    if rules.normalize_str("e\u0301") != "é":
        return [rules]
    apart = normalizers.Replace(Regex(r"(?!\A)(?=[\p{M}\u200c\u200d\u1160-\u11ff\uff9e\uff9f])"), APART)
    return [normalizers.NFC(), apart, rules, normalizers.Replace(APART, ""), normalizers.NFC()]


def _words(pieces: Sequence[str], never: Collection[str]) -> pre_tokenizers.PreTokenizer:
    """Cut a text where no piece can reach across, and within the names that no text may become.

    Unigram looks pieces up by their spelling, special ones too.
    """
    apart = all(SPACE not in name[1:] for name in pieces)
    steps: list[pre_tokenizers.PreTokenizer] = [pre_tokenizers.Metaspace(prepend_scheme="never", split=apart)]
    known, endings = set("".join(pieces)), dict[str, list[str]]()
    for name in sorted(never):
        # Not between two characters that are unknown, which together are one unknown token.
        cut = next((place for place in range(1, len(name)) if known & set(name[place - 1 : place + 1])), 1)
        endings.setdefault(name[:cut], []).append(re.escape(name[cut:]))
    if endings:
        names = "|".join(f"{re.escape(first)}(?={'|'.join(rest)})" for first, rest in endings.items())
        steps.append(pre_tokenizers.Split(Regex(names), "merged_with_previous"))
    return pre_tokenizers.Sequence(steps)


def _decoder(pieces: Pieces, bytewise: bool) -> decoders.Decoder:
    steps: list[decoders.Decoder] = [decoders.Replace(ELSEWHERE, ""), decoders.Replace(SPACE, " ")]
    steps += [decoders.ByteFallback()] if bytewise else []
    # Where spaces collapse, none stand before a text; else the one falls away that was put there.
    ahead = 1_000_000 if pieces.collapse else int(pieces.prefix)
    return decoders.Sequence([*steps, decoders.Fuse(), decoders.Strip(" ", ahead, 0)])
