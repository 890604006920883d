"""The page of wrong answers: the worst first, bounded, and nothing of a text becomes markup."""

import json

import numpy as np

from langue.metrics.judgements import Judging, judged_labels
from langue.report import judging as pages
from langue.report.judging import FILE, JudgedRun, judging_page, often_mistaken
from langue.report.run import run_page
from langue.tasks.judging import Stretch, WrongAnswer

LABELS = ("good", "<i>bad</i>", "odd")
JUDGING = judged_labels(
    LABELS, np.array([[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1]]), np.array([1, 1, 0, 2])
).result(precision=0.5)
MISTAKES = [
    WrongAnswer(place="row 1", text=(Stretch(text="a <b>warm</b> film"),), expected="bad", answered="good",
                confidence=0.9),
    WrongAnswer(place="row 2", text=(Stretch(text="Anna", expected="B-PER", answered="O"), Stretch(text="sings")),
                confidence=0.6),
]  # fmt: skip
RESULT = {
    "data": "films.jsonl", "examples": 4, "metrics": {"f1_macro": 0.25}, "mistakes": MISTAKES, **JUDGING.model_dump()
}  # fmt: skip


def test_a_page_holds_scores_thresholds_confusion_and_mistakes():
    page = judging_page("mine", RESULT)
    assert "<strong>2</strong> of 4 rows of films.jsonl" in page
    assert "&lt;i&gt;bad&lt;/i&gt;" in page
    assert "<i>bad" not in page
    assert "a &lt;b&gt;warm&lt;/b&gt; film" in page
    assert page.index("row 1") < page.index("row 2")
    assert "<del>bad</del> <ins>good</ins>" in page
    assert "<u>Anna</u> <small><del>B-PER</del> <ins>O</ins></small> sings" in page
    assert "Where 50 % are right" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_pairs_are_told_by_how_often_one_was_taken_for_the_other():
    assert often_mistaken(JUDGING.confusion, 5) == [("<i>bad</i>", "good", 2), ("odd", "<i>bad</i>", 1)]
    assert len(often_mistaken(JUDGING.confusion, 1)) == 1


def test_more_mistakes_or_labels_than_can_be_looked_at_are_counted(monkeypatch):
    monkeypatch.setattr(pages, "SHOWN", 1)
    monkeypatch.setattr(pages, "LABELS", 2)
    page = judging_page("mine", RESULT)
    assert "The worst 1 of 2 mistakes" in page
    assert "row 2" not in page
    assert 'class="matrix"' not in page
    assert "Mistaken most often" in page


def test_a_runs_report_tells_how_it_judges(run):
    assert "How it judges" not in run_page(run)
    judged = JudgedRun(
        measured_on="its dev rows", rows=4, metrics={"accuracy": 0.25}, judging=JUDGING, mistakes=tuple(MISTAKES),
        wrong=3,
    )  # fmt: skip
    (run / FILE).write_text(judged.model_dump_json())
    page = run_page(run)
    assert "How it judges its dev rows" in page
    assert "The worst 2 of 3 mistakes" in page
    assert Judging.model_validate(json.loads((run / FILE).read_text())["judging"]) == JUDGING
