import json
import re
import tomllib
from pathlib import Path

from langue.cli.doctor import EXTRAS, _faults, describe, doctor, examine


def test_json_is_one_object_with_what_was_measured(capsys):
    doctor(as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["matmul_peak"]["cpu fp32"] > 1e8
    assert found["memory"] >= found["memory_free"] > 0
    assert set(found["extras"]) == set(EXTRAS)


def test_words_name_what_is_missing_and_how_to_get_it():
    found = examine()
    found["extras"]["report"]["missing"] = ["jinja2"]
    found["extras"]["audio"]["broken"] = {"soundfile": "it lacks libsndfile"}
    found["compiler"] = None
    text = "\n".join(describe(found))
    assert "missing: pip install 'langue[report]'" in text
    assert "it needs a C++ compiler" in text
    assert "soundfile cannot be used: it lacks libsndfile (recordings)" in text
    assert found["processor"] in text
    assert text.splitlines()[-1].startswith("This machine can train.")


def test_a_library_that_is_there_and_cannot_be_used_is_told(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("raise OSError('it lacks a part')")
    monkeypatch.syspath_prepend(tmp_path)
    assert _faults(("json", "broken_library", "absent_library")) == {
        "missing": ["absent_library"], "broken": {"broken_library": "it lacks a part"}
    }  # fmt: skip


def test_little_memory_is_said():
    found = {**examine(), "memory_free": 2**29}
    assert "Less than 1 GiB of memory is free" in describe(found)[-1]


def test_the_extras_are_those_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - {"all", "benchmark", "dev", "docs"}
    for name, (modules, _) in EXTRAS.items():
        assert sorted(modules) == sorted(_module(need) for need in declared[name] if not need.startswith("langue["))


def _module(need: str) -> str:
    """What is imported of a requirement such as `psycopg[binary]>=3.2`."""
    name = re.split(r"[\[>]", need)[0]
    others = {"scikit-learn": "sklearn", "python-docx": "docx", "python-pptx": "pptx", "mlflow-skinny": "mlflow"}
    return others.get(name, name.replace("-", "_"))
