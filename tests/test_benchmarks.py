"""The arithmetic of the benchmarks and their table; what they measure is no matter for tests."""

import json

import pytest
from benchmarks import harness, step_speed, table
from benchmarks.peers import nanogpt

from langue import machine
from langue.errors import LangueError

RESULT = {
    "title": "T",
    "columns": {"name": "library", "speed": "tokens/s", "times": "×"},
    "rows": [{"name": "a", "speed": 12345.6, "times": 1.0}, {"name": "b", "speed": None, "times": 0.98765}],
    "notes": ["A note."],
}


def test_speedup_is_the_median_of_the_ratios_within_the_rounds():
    # The machine is twice as slow in the second round; the ratio of medians (2 / 1.5) would be wrong.
    times = {"a": [1.0, 2.0, 1.5], "b": [2.0, 4.0, 1.5]}
    assert harness.speedup(times, "a", over="b") == 2.0
    assert harness.speedup(times, "b", over="a") == 0.5


def test_spread_is_half_the_distance_of_the_quartiles_over_the_median():
    assert harness.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(1 / 3)
    assert harness.spread([7.0]) == 0.0


def test_contestants_take_turns_in_processes_of_their_own():
    sleepers = [
        harness.Contestant(name, "benchmarks.harness:sleeper", {"seconds": seconds})
        for name, seconds in (("fast", 0.002), ("slow", 0.02))
    ]
    times = harness.alternate(sleepers, rounds=3, seconds=0.01, warm_up=0.0)
    assert [len(values) for values in times.values()] == [3, 3]
    assert harness.speedup(times, "fast", over="slow") > 2


def test_a_table_has_headings_aligned_numbers_and_notes():
    assert table.render(RESULT).splitlines() == [
        "| library | tokens/s | × |",
        "| --- | ---: | ---: |",
        "| a | 12,346 | 1 |",
        "| b |  | 0.988 |",
        "",
        "A note.",
    ]


def test_only_what_stands_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x -->\nold\n<!-- end of x -->\nafter\n")
    about = {"date": "2026-01-02", "commit": "abc", "accelerator": None, "processor": "P", "threads": 2, "cores": 4}
    about["versions"] = {"torch": "2.11"}
    table.write("x", [{**RESULT, "about": {**about, "kind": kind}} for kind in ("AVX2", "AVX-512")], page)
    content = page.read_text()
    assert content.startswith("before\n<!-- x -->\n**AVX2**\n\n| library")
    assert "torch 2.11.*\n\n**AVX-512**\n\n| library" in content
    assert content.endswith("*2026-01-02, commit abc, P, 2 of 4 cores; torch 2.11.*\n<!-- end of x -->\nafter\n")
    assert "old" not in content
    with pytest.raises(LangueError, match="<!-- y -->"):
        table.replace(content, "y", "")


def test_a_record_says_what_was_measured_where(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(machine, "kind", lambda: "AMD AVX-512")
    harness.record("x", RESULT)
    found = json.loads((tmp_path / "amd-avx512" / "x.json").read_text())
    assert found["rows"] == RESULT["rows"]
    assert {"date", "commit", "processor", "threads", "versions"} <= found["about"].keys()
    assert harness.recorded("x") == [found]
    assert harness.recorded("y") == []
    monkeypatch.setattr(machine, "kind", lambda: "AMD AVX2")
    harness.record("x", {**RESULT, "notes": ["of another kind of machine"]})
    assert [result["about"]["kind"] for result in harness.recorded("x")] == ["AMD AVX2", "AMD AVX-512"]
    assert harness.recorded("x")[1] == found


def test_every_benchmark_has_marks_in_the_page():
    from benchmarks.__main__ import NAMES

    page = table.PAGE.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"<!-- {name} -->\nNEW\n<!-- end of {name} -->" in table.replace(page, name, "NEW")


@pytest.mark.parametrize("length", [23, 24, 25, 9, 10])
def test_each_token_of_the_whole_text_is_judged_once_with_half_a_context(length):
    import torch

    tokens = torch.arange(length)
    weights = torch.rand(length, length, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    expected = -weights[tokens[:-1], tokens[1:]].mean().item()
    assert nanogpt.whole_loss(lambda inputs: weights[inputs], tokens, context=8, batch=2) == pytest.approx(expected)


def test_a_judged_token_has_half_a_context_before_it():
    import torch

    def blind_at_first(inputs):
        # A target at one of a row's first four places gets next to no probability.
        logits = torch.zeros(*inputs.shape, 64)
        places = torch.arange(inputs.shape[1], dtype=torch.float32)
        logits.scatter_(
            2, (inputs + 1)[:, :, None], -100.0 * (places < 4).float()[None, :, None].expand(*inputs.shape, 1)
        )
        return logits

    # 4 tokens at the very beginning have less than half a context of 8 before them, and no others.
    found = nanogpt.whole_loss(blind_at_first, torch.arange(33), context=8)
    early, late = 100 + torch.tensor(63 + 2.718281828**-100).log().item(), torch.tensor(64.0).log().item()
    assert found == pytest.approx((4 * early + 28 * late) / 32)


def test_the_peers_schedule_warms_up_and_ends_at_its_floor():
    assert nanogpt.learning_rate(0, 2000) == pytest.approx(1e-3 / 101)
    assert nanogpt.learning_rate(100, 2000) == pytest.approx(1e-3)
    assert nanogpt.learning_rate(1050, 2000) == pytest.approx(5.5e-4)
    assert nanogpt.learning_rate(2000, 2000) == pytest.approx(1e-4)


def test_our_contestant_takes_a_step():
    shape = {"vocab_size": 11, "layers": 1, "heads": 2, "width": 8, "context": 4}
    metrics = step_speed.langue_step_maker(fields={"preset": "gpt-nano"}, batch=3, **shape)()
    assert metrics.count == 12
    assert 0 < metrics.loss < 10
