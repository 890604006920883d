"""Texts that are remembered for others that begin alike: the same texts, less to read, and bounded memory."""

from __future__ import annotations

import operator
import random
from dataclasses import replace
from itertools import accumulate

import pytest
import torch
from arrivals import EVERY_MIXER, WAYS, assert_alone, model_of, played
from toys import END

from langue.batch import Batch
from langue.engine import Engine, EngineSettings, Request, SamplingSettings
from langue.engine.prefixes import Prefixes
from langue.models import Model
from langue.nn.attention import KeyValueState
from langue.nn.state import State

ATTENTION = ["attention", "relative", "grouped", "sliding"]


def noted(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The rows and positions of each forward pass."""
    read, hidden = [], model.hidden
    note = lambda batch, state: (read.append(tuple(batch.ids.shape)), hidden(batch, state))[1]  # noqa: E731
    monkeypatch.setattr(model, "hidden", note)
    return read


def alike(draws: random.Random, ways: list[dict], count: int = 32) -> list[Request]:
    """Requests whose prompts begin like those of others, for a part or as a whole."""
    known = [[draws.randint(4, 29) for _ in range(draws.randint(4, 20))] for _ in range(4)]
    prompts: list[list[int]] = []
    for _ in range(count):
        beginning = draws.choice([*known, *prompts[-6:]])
        rest = [draws.randint(4, 29) for _ in range(draws.randint(0, 6))]
        prompts.append([*beginning[: draws.randint(1, len(beginning))], *rest][:30])
    return [
        Request(prompt, SamplingSettings(**{"max_tokens": draws.randint(5, 12), **draws.choice(ways)}), [END], key=(n,))
        for n, prompt in enumerate(prompts)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mixer", EVERY_MIXER)
def test_a_known_prefix_gives_the_same_text(mixer: str, way: str) -> None:
    """Texts join and leave, and of what is kept there is room for a part alone."""
    draws = random.Random(f"{mixer} {way}")
    model = model_of(mixer, context=draws.choice([28, 60]))
    settings = EngineSettings(batch_rows=8, prefix_tokens=150, prompt_tokens=draws.choice([None, 4]))
    assert_alone(model, played(Engine(model, settings), alike(draws, [*WAYS[way], {"beams": 2}]), draws))


@pytest.mark.parametrize("mixer", EVERY_MIXER)
def test_the_next_turn_of_a_conversation_reads_what_is_new(mixer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(mixer, context=100)
    engine, settings = Engine(model, EngineSettings(prefix_tokens=300)), SamplingSettings(max_tokens=6, min_tokens=6)
    first = [4, 9, 12, 7, 20]
    ((text,),) = engine.run([Request(first, settings, [END])])
    read = noted(model, monkeypatch)
    second = Request([*first, *text.tokens, 5, 6, 7], settings, [END])
    ((again,),) = engine.run([second])
    assert read[0] == (1, 4)  # the last token that was written has not been read yet
    ((alone,),) = Engine(model).run([replace(second)])
    assert again.tokens == alone.tokens


@pytest.mark.parametrize("mixer", ["lstm", "window", "mixed"])
def test_what_cannot_be_cut_serves_texts_that_go_on_from_its_end_alone(
    mixer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, settings = model_of(mixer, context=100), SamplingSettings(max_tokens=1)
    engine, read = Engine(model, EngineSettings(prefix_tokens=300)), noted(model, monkeypatch)
    for prompt in ([4, 5, 6, 7], [4, 5, 6, 8], [4, 5, 6, 7, 9, 9], [4, 5, 6, 7]):
        engine.run([Request(prompt, settings, [END])])
    assert read == [(1, 4), (1, 4), (1, 2), (1, 4)]


@pytest.mark.parametrize("mixer", ATTENTION)
def test_a_prefix_is_cut_to_what_is_common_and_the_last_token_is_always_read(
    mixer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, settings = model_of(mixer, context=100), SamplingSettings(max_tokens=1)
    engine, read = Engine(model, EngineSettings(prefix_tokens=300)), noted(model, monkeypatch)
    for prompt in ([4, 5, 6, 7, 8], [4, 5, 6, 9], [4, 5, 6, 7, 8], [4, 5], [8, 5, 6]):
        engine.run([Request(prompt, settings, [END])])
    assert read == [(1, 5), (1, 1), (1, 1), (1, 1), (1, 3)]


def test_a_prefix_of_several_that_come_at_once_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, settings = model_of("attention", context=100), SamplingSettings(max_tokens=1)
    shared = list(range(4, 28)) * 2
    for pieces in (None, 20):
        engine, read = Engine(model, EngineSettings(prefix_tokens=300, prompt_tokens=pieces)), noted(model, monkeypatch)
        engine.run([Request([*shared, token], settings, [END]) for token in (4, 5, 6, 7)])
        assert sum(rows * length for rows, length in read) == 48 + 4


def test_sources_and_texts_whose_beginning_was_forgotten_are_not_kept() -> None:
    settings = EngineSettings(prefix_tokens=300)
    engine = Engine(model_of("attention", form="seq2seq"), settings)
    engine.run([Request([1, 2], SamplingSettings(max_tokens=3), [END], [4, 5])])
    assert engine._prefixes.positions == 0
    engine = Engine(model_of("attention", context=8), settings)
    engine.run([Request([4, 5], SamplingSettings(max_tokens=20, min_tokens=20), [END])])
    assert engine._prefixes.positions == 2  # the prompt alone
    engine.forget()
    assert engine._prefixes.positions == 0


def bytes_kept(prefixes: Prefixes) -> int:
    states = [state for text in prefixes._recent for state in prefixes._path(text)[-1].kept.states]
    layers = [layer for state in states for parts in state.layers for layer in parts]
    assert all(isinstance(layer, KeyValueState) for layer in layers)
    return sum(tensor.untyped_storage().nbytes() for layer in layers for tensor in layer.tensors)


@pytest.mark.parametrize("speculate", [0, 4])
def test_memory_is_bounded(speculate: int) -> None:
    """By the room for positions, of each of which keys and values are kept, whatever else stood in the batch."""
    draws, model, room = random.Random(3), model_of("attention", context=60), 90
    draft = model if speculate else None
    engine, most = Engine(model, EngineSettings(prefix_tokens=room, speculate=speculate), draft), 0
    position = 2 * 2 * 32 * 4 * (2 if speculate else 1)  # keys and values of two layers 32 wide, in fp32
    for request in alike(draws, WAYS["greedy"], 60):
        engine.submit(request)
    while not engine.is_idle:
        engine.step()
        prefixes = engine._prefixes
        assert prefixes.positions == sum(map(len, prefixes._recent)) <= room
        assert bytes_kept(prefixes) == prefixes.positions * position
        most = max(most, prefixes.positions)
    assert most > room // 2


@pytest.mark.parametrize("can_be_cut", [True, False])
def test_the_trie_is_a_list_of_texts_of_which_the_oldest_go(can_be_cut: bool) -> None:
    """Against one that compares each text that is kept."""
    draws, prefixes, texts = random.Random(can_be_cut), Prefixes(40, can_be_cut), []
    for _ in range(400):
        tokens = tuple(draws.choices((0, 1), k=draws.randint(1, 12)))
        if draws.random() < 0.5:
            common = {
                text: sum(accumulate((x == y for x, y in zip(text, tokens, strict=False)), operator.and_))
                for text in texts
            }
            usable = common if can_be_cut else {text: n for text, n in common.items() if n == len(text)}
            length = max(usable.values(), default=0)
            states, known = prefixes.find(tokens)
            assert known == length
            if known:
                (text,) = [text for text in texts if id(text) == states[0].memory]
                assert usable[text] == length
                texts.remove(text)
                texts.append(text)
        elif not any(text[: len(tokens)] == tokens if can_be_cut else text == tokens for text in texts):
            texts = [text for text in texts if not (can_be_cut and tokens[: len(text)] == text)]
            while sum(map(len, texts)) + len(tokens) > 40:
                texts.pop(0)
            texts.append(tokens)
            prefixes.add(tokens, lambda tokens=tokens: [Marked(id(tokens))])
        else:
            prefixes.add(tokens, lambda: pytest.fail("it is known"))
        assert list(prefixes._recent) == texts
        assert prefixes.positions == sum(map(len, texts))


class Marked(State):
    """A state that says whose it is."""

    def __init__(self, mark: int):
        super().__init__([])
        self.memory = mark

    def first(self, length: int) -> Marked:
        return self


def test_nobody_writes_to_what_is_kept() -> None:
    model = model_of("attention", context=100)
    state = model.start(_batch([4]))
    with torch.inference_mode():
        model.hidden(_batch([4, 5, 6, 7]), state)
        kept = state.alone(0, 4)
        before = [tensor.clone() for layer in kept.layers for tensor in layer[0].tensors]
        for ending in ([8], [9, 10]):
            branch = kept.first(3)
            model.hidden(_batch(ending), branch)
            branch.select(torch.tensor([0, 0]))
            model.hidden(_batch([11], [12]), branch)
    after = [tensor for layer in kept.layers for tensor in layer[0].tensors]
    assert all(map(torch.equal, before, after))


def _batch(*rows: list[int]) -> Batch:
    return Batch(torch.tensor(rows))
