import sys

import pytest

from langue.files.metric_rows import write_line
from langue.report import write_report
from langue.wording import counted, duration, show
from pages import Page, check_self_contained


def page_of(run) -> Page:
    write_report(run)
    return Page((run / "report.html").read_text(encoding="utf-8"))


def test_the_page_holds_all_it_shows(run):
    page = page_of(run)
    check_self_contained(page)
    assert "script" not in page.tags
    assert page.tags.count("svg") == 6
    for words in ("my-run", "gpt-nano of 22 parameters", "40 steps", "40k tokens", "20 s", "To be", "seed", "numpy"):
        assert words in page.text


def test_both_colour_schemes_are_served(run):
    page = page_of(run)
    assert "prefers-color-scheme: dark" in page.html
    assert 'name="viewport"' in page.html


def test_what_a_model_wrote_never_becomes_markup(run):
    row = {"step": 44, "split": "dev", "loss": 2.0, "sample": "<script>alert(1)</script><img src=//x>"}
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line(row))
    page = page_of(run)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "<script>alert(1)</script>" in page.text


def test_samples_are_thinned_but_first_and_last_stay(run):
    text = page_of(run).text
    assert 5 < text.count("dev loss") <= 8
    assert "step 4 " in text
    assert "step 40 " in text


def test_what_a_loss_measures_is_drawn(run):
    with (run / "metrics.jsonl").open("ab") as file:
        for step in (41, 42, 43):
            file.write(write_line({"step": step, "split": "train", "loss": 2.0, "mean_reward": -1.5 * step}))
    page = page_of(run)
    assert "Mean reward" in page.text
    assert page.tags.count("svg") == 7


SCORED = {
    "transcribe": ({"wer": 0.125, "cer": 0.0625}, ("0.125 wer on test", "0.0625 cer on test")),
    "translate": ({"bleu": 27.25, "chrf": 51.5}, ("27.2 bleu on test", "51.5 chrf on test")),
    "summarize": ({"rouge_1": 0.5, "rouge_l": 0.25}, ("0.25 rouge l on test", "0.5 rouge 1 on test")),
}


@pytest.mark.parametrize("task", SCORED)
def test_scores_on_test_data_stand_before_the_loss(run, task):
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("task: generate", f"task: {task}"))
    scores, words = SCORED[task]
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 40, "split": "test", "loss": 1.0, **scores}))
    text = page_of(run).text
    assert [text.index(part) for part in words] == sorted(text.index(part) for part in words)
    assert text.index(words[0]) < text.index("loss on dev")


def test_a_sample_stands_beside_the_score_of_its_step(run):
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("task: generate", "task: transcribe"))
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 40, "split": "dev", "loss": 1.0, "wer": 0.125, "best": True, "sample": "a"}))
    assert "dev wer 0.125" in page_of(run).text


def test_skipped_steps_are_told(run):
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 41, "split": "train", "loss": float("nan"), "skipped": 1}))
    assert "1 step was skipped" in page_of(run).text


@pytest.mark.parametrize("keep", [0, 1])
def test_a_run_that_has_hardly_begun_has_a_page(run, keep):
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:keep]))
    (run / "model" / "model.safetensors").unlink()
    assert "my-run" in page_of(run).text


def test_without_the_extra_there_is_one_sentence_and_no_failure(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert write_report(run) == "no report was drawn: drawing needs jinja2: pip install 'langue[report]' adds it"
    assert not (run / "report.html").exists()


def test_a_broken_library_is_one_sentence_and_no_failure(run, tmp_path, monkeypatch):
    (tmp_path / "jinja2").mkdir()
    (tmp_path / "jinja2" / "__init__.py").write_text("import numpy; numpy.no_such_function()")
    for name in [name for name in sys.modules if name.partition(".")[0] == "jinja2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert write_report(run).startswith(
        "no report was drawn: drawing needs jinja2, which is installed but cannot be used: AttributeError: "
    )
    assert not (run / "report.html").exists()


def test_a_report_needs_no_matplotlib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert write_report(run) == f"report: {run / 'report.html'}"
    assert page_of(run).tags.count("svg") == 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.5, "1.5 s"),
        (59.7, "1 min"),
        (25, "25 s"),
        (250, "4 min 10 s"),
        (11_520, "3 h 12 min"),
        (187_200, "2 days 4 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (True, "yes"), (8192, "8,192"), (1e-3, "0.001"), ([1, "a"], "1, a"), ([], "–")]
)
def test_values_as_a_reader_wants_them(value, text):
    assert show(value) == text


def test_counts():
    assert [counted(count, "row") for count in (0, 1, 2, 1200)] == ["0 rows", "1 row", "2 rows", "1,200 rows"]
