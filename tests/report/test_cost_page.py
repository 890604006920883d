"""The page of what a smaller model cost: what was measured, no markup from a name, and nothing from elsewhere."""

from __future__ import annotations

import pytest

from langue.metrics.cost import Cost, Footprint, MeanChange
from langue.report.cost import cost_rows
from langue.report.cost_page import cost_page, verdict
from pages import Page, check_self_contained


def change(low: float, difference: float, high: float) -> MeanChange:
    return MeanChange(
        unit="token", before=2.0, after=2.0 + difference, difference=difference, low=low, high=high, p=0.01, rows=9,
        targets=1234,
    )  # fmt: skip


def cost(loss: MeanChange, source: str = "run", writing: float | None = 50.0) -> Cost:
    whole = Footprint(disk=4 << 20, memory=4 << 20, parameters=1_000_000, reading=1000.0, writing=writing)
    half = Footprint(disk=2 << 20, memory=2 << 20, parameters=500_000, reading=1500.0, writing=writing)
    return Cost(
        source=source, steps=["keep layers:2", "to int8"], measured_on="test", calibrated_on="dev", before=whole,
        after=half, loss=loss,
    )  # fmt: skip


def test_a_page_holds_what_was_measured_and_asks_for_nothing():
    page = Page(cost_page(cost(change(0.08, 0.1, 0.12)), "small"))
    check_self_contained(page)
    for words in ("What small cost", "was made of run: keep layers:2, then to int8", "× 0.50", "× 1.50", "1,234",
                  "+0.1000 (+0.0800 … +0.1200)", "The loss rose by 0.1000 per token"):  # fmt: skip
        assert words in page.text


def test_a_name_becomes_no_markup():
    html = cost_page(cost(change(0.08, 0.1, 0.12), "<script>alert(1)</script>"), "<b>")
    assert "<script>" not in html
    assert "<b>&lt;" not in html.partition("<h1>")[2].partition("</h1>")[0]
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0.08, 0.1, 0.12), "The loss rose by 0.1000 per token."),
        ((-0.12, -0.1, -0.08), "The loss fell by 0.1000 per token."),
        ((-0.1, 0.1, 0.3), "The loss did not change beyond chance: by +0.1000 per token."),
        ((0.0, 0.0, 0.0), "The loss did not change beyond chance: by +0.0000 per token."),
    ],
)
def test_a_verdict_goes_by_the_interval_and_the_drawing_shows_all_of_it(bounds, said):
    loss = change(*bounds)
    assert verdict(loss) == said
    places = [
        float(style.partition("left:")[2].partition("%")[0])
        for style in Page(cost_page(cost(loss), "small")).values("style")
        if "left:" in style
    ]
    zero, low, middle = places
    assert all(0 <= place <= 100 for place in places)
    assert low <= middle
    assert (zero < low) == (bounds[0] > 0)


def test_a_model_that_writes_nothing_has_no_line_for_it():
    assert [row.name for row in cost_rows(cost(change(0, 0, 0), writing=None))][-1] == "read per second"
