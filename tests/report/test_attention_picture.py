import base64
from xml.etree import ElementTree

import numpy as np
import pytest

from langue.report.attention import AttentionMaps, attention_page, visible, write_attention
from pages import Page, check_self_contained


@pytest.fixture
def looks() -> AttentionMaps:
    random = np.random.default_rng(0)
    layers = [random.dirichlet(np.ones(4), size=(2, 4)) for _ in range(3)]
    return AttentionMaps("toy", ["The", " <b>", "\n", "end"], ["The", " <b>", "\n", "end"], layers)


def test_the_page_carries_each_heads_weights(looks):
    page = Page(attention_page(looks))
    check_self_contained(page)
    packed = page.values("data-weights")
    assert len(packed) == 6
    last = np.frombuffer(base64.b64decode(packed[-1]), np.uint8).reshape(4, 4)
    assert np.abs(last / 255 - looks.layers[2][1]).max() <= 0.5 / 255
    assert page.values("data-name")[-1] == "layer 3, head 2"


def test_tokens_are_shown_as_text(looks):
    page = Page(attention_page(looks))
    assert "b" not in page.tags
    assert "·<b> ↵ end" in page.text
    assert visible("") == "∅"


@pytest.mark.parametrize(("ending", "start"), [("html", b"<!doctype"), ("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_ending_says_what_is_drawn(looks, tmp_path, ending, start):
    write_attention(looks, tmp_path / f"a.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes().startswith(start)


def test_a_decoder_may_look_at_a_source(looks):
    cross = AttentionMaps("toy", looks.tokens[:2], looks.targets, [layer[:, :2] for layer in looks.layers])
    page = Page(attention_page(cross))
    assert "looks at" in page.text
    assert page.values("id") == ["tokens", "targets", "said"]


def test_a_pairs_alignment_is_the_mean_of_its_heads(looks):
    pair = AttentionMaps("toy", ["a", "b", "c", "d"], ["w", "x", "y", "z"], looks.layers)
    page = Page(attention_page(pair))
    assert page.values("data-name")[0] == "mean of all heads"
    drawn = np.frombuffer(base64.b64decode(page.values("data-weights")[0]), np.uint8).reshape(4, 4) / 255
    mean = sum(heads[number] for heads in looks.layers for number in range(2)) / 6
    assert np.abs(drawn - mean).max() <= 0.5 / 255 + 1e-6
    alone = Page(attention_page(AttentionMaps("toy", pair.tokens, pair.targets, [looks.layers[0][:1]])))
    assert len(alone.values("data-weights")) == 1


def test_any_name_and_any_token_can_be_drawn(looks, tmp_path):
    """Formulas, control signs and markup are letters like others."""
    tokens = ["$^$", "\x00\x1b[31m", '"&<b>', "$x"]
    nasty = AttentionMaps('"><script>alert(1)</script>', tokens, tokens, looks.layers)
    for ending in ("html", "svg", "png"):
        write_attention(nasty, tmp_path / f'a"<{ending}>.{ending}')
    assert Page((tmp_path / 'a"<html>.html').read_text()).tags.count("script") == 1
    root = ElementTree.fromstring((tmp_path / 'a"<svg>.svg').read_text())
    assert "alert" in root.attrib["aria-label"]
    assert "$^$" in "".join(root.itertext())
