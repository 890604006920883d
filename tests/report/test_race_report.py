import json
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from langue.errors import LangueError
from langue.report import write_race_report
from langue.report.compare import by_half_octaves
from langue.report.result import findings, read_result, write_result
from pages import Page, check_self_contained


def test_a_text_of_empty_lines_takes_no_room(race):
    result = read_result(race)
    members = tuple(member.model_copy(update={"sample": "and" + 6 * "\n" + "so on"}) for member in result.members)
    write_result(race, result.model_copy(update={"members": members}))
    write_race_report(race)
    assert "and\n\nso on" in (race / "report.html").read_text(encoding="utf-8")


def test_the_page_holds_all_it_shows(race):
    write_race_report(race)
    page = Page((race / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    assert "script" not in page.tags
    assert "b" in page.tags
    for words in ("gpt-nano comes first of 2", "mlp-nano", "20 s", "and <b>so</b> on", "2.000", "3.000"):
        assert words in page.text
    assert {"mlp-nano/report.html", "gpt-nano/report.html"} <= set(page.values("href"))


def test_the_picture_comes_as_png_and_as_svg_that_knows_the_night(race):
    write_race_report(race)
    assert (race / "race.png").read_bytes().startswith(b"\x89PNG")
    svg = (race / "race.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in svg
    assert "By context" in svg


def test_a_result_comes_back_as_it_was_written(race):
    result = read_result(race)
    assert [member.name for member in result.ranked()] == ["gpt-nano", "mlp-nano"]
    gpt = result.ranked()[0]
    assert gpt.early() == pytest.approx(np.mean(gpt.positions[:4]))
    assert gpt.late() == pytest.approx(np.mean(gpt.positions[16:]))


def test_findings_follow_from_the_numbers(race):
    said = findings(read_result(race))
    assert said[0].startswith("gpt-nano predicts unseen text best: 2.000 bits per byte, 33.3 % fewer than mlp-nano")
    assert said[1].startswith("mlp-nano trains fastest, at 2k tokens per second, 2.0 times gpt-nano")
    assert said[2].startswith("gpt-nano makes most of what stands before: 0.69 bits per byte")
    assert said[2].endswith("mlp-nano makes least of it, 0.00.")


def test_a_gain_that_rounds_to_nothing_has_no_sign(race):
    result = read_result(race)
    mlp = result.members[0]
    worse_late = [value + 0.001 * (place >= 16) for place, value in enumerate(mlp.positions)]
    members = [mlp.model_copy(update={"positions": worse_late}), *result.members[1:]]
    assert findings(result.model_copy(update={"members": members}))[2].endswith("mlp-nano makes least of it, 0.00.")


def test_a_race_of_one_finds_no_more_than_there_is(race):
    result = read_result(race)
    alone = result.model_copy(update={"members": result.members[:1]})
    assert findings(alone) == ["mlp-nano reached 3.000 bits per byte."]


@pytest.mark.parametrize("length", [1, 2, 3, 8, 64, 100, 257])
def test_half_octaves_cover_each_position_once(length):
    values = np.random.default_rng(length).normal(size=length)
    x, y = by_half_octaves(list(values))
    assert y[0] == pytest.approx(values[0])
    assert x == sorted(x)
    edges = [1]
    for middle in x:
        # The middle is √(first · last): with the first known, so is the last.
        edges.append(round(middle**2 / edges[-1]) + 1)
    assert edges[-1] == length + 1
    assert [np.mean(values[a - 1 : b - 1]) for a, b in pairwise(edges)] == pytest.approx(y)


def test_a_folder_without_a_race_is_named(tmp_path):
    with pytest.raises(LangueError, match=r"race\.json is missing"):
        read_result(tmp_path)


def test_no_name_in_a_race_becomes_markup_or_an_address(race):
    name = 'javascript:alert("<b>")'
    (race / "gpt-nano").rename(race / name)
    content = json.loads((race / "race.json").read_text())
    content["members"][1] |= {"run": name, "name": "<u>$x$</u>"}
    content |= {"data": "<i>d</i>", "tokenizer": "<i>t</i>", "machine": "<i>m</i>", "prompt": "<i>p</i>"}
    (race / "manifest.json").unlink()
    (race / "race.json").write_text(json.dumps(content))
    write_race_report(race)
    page = Page((race / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    assert not {"u", "i"} & set(page.tags)
    assert "<u>$x$</u>" in page.text
    ElementTree.fromstring((race / "race.svg").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("shares", "had"), [((0.31, 0.44), "31 to 44 %"), ((0.95, 0.78), "78 to 95 %")])
def test_nothing_is_concluded_from_a_disturbed_machine(race, shares, had):
    result = read_result(race)
    pairs = zip(result.members, shares, strict=True)
    members = [member.model_copy(update={"machine_share": share}) for member, share in pairs]
    counted = result.model_copy(update={"members": tuple(members)})
    first, second, *_ = findings(counted)
    assert f"the models had {had} of what it can do, so their speeds cannot be compared" in first
    assert second.startswith("gpt-nano predicts unseen text best")
    assert not any("trains fastest" in sentence for sentence in findings(counted))
    timed = counted.model_copy(update={"timed": True})
    (only,) = findings(timed)
    assert "the table says what came out and not which model is better or faster" in only
    write_result(race, timed)
    write_race_report(race)
    page = Page((race / "report.html").read_text(encoding="utf-8"))
    assert "2 models on a disturbed machine" in page.text
    assert "comes first" not in page.text


def test_an_even_share_is_no_disturbance(race):
    result = read_result(race)
    members = tuple(member.model_copy(update={"machine_share": 0.86}) for member in result.members)
    assert any("trains fastest" in sentence for sentence in findings(result.model_copy(update={"members": members})))
