"""A template that comes with a model cannot reach anything, and cannot go on for ever."""

from __future__ import annotations

import pytest

from langue.errors import LangueError
from langue.text import sandbox
from langue.text.sandbox import compiled

NESTED = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DOUBLING = "{% set n = namespace(x='a' * 1000) %}{% for i in range(60) %}{% set n.x = n.x OPERATOR n.x %}{% endfor %}"
CALLING = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"


@pytest.mark.parametrize(
    "source",
    [
        NESTED,
        CALLING,
        DOUBLING.replace("OPERATOR", "~"),
        DOUBLING.replace("OPERATOR", "+"),
        "{{ 'a' * 10 ** 12 }}",
        "{{ ['a'] * 10 ** 9 }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
        "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
        "{{ ('a' * 100000).join(['b'] * 100000) }}",
        "{{ (['b'] * 100000) | join('a' * 100000) }}",
        "{{ 2 ** (2 ** 31) }}",
        "{{ 'a'.center(10 ** 10) }}",
        "{{ '{0:1000000000}'.format(1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'x' | indent(10 ** 9) }}",
        "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(role='system') }}",
    ],
)
def test_what_goes_too_far_is_stopped(source, monkeypatch):
    monkeypatch.setattr(sandbox, "MOST_STEPS", 20_000)
    with pytest.raises(LangueError, match="the chat template was stopped"):
        compiled(source)(messages=[{"role": "user", "content": "x"}])


def test_a_template_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(sandbox, "MOST_SECONDS", 0.0)
    with pytest.raises(LangueError, match="takes more than 0 seconds"):
        compiled(NESTED)()


@pytest.mark.parametrize("source", ["{% if %}", "{% include '/etc/passwd' %}", "{{ nothing.there }}", "{{ 1 / 0 }}"])
def test_a_broken_template_is_one_sentence(source):
    with pytest.raises(LangueError, match=r"the chat template (is damaged|fails)"):
        compiled(source)()


def test_a_long_template_is_refused():
    with pytest.raises(LangueError, match="are allowed"):
        compiled("x" * 1_000_001)


def test_loops_know_their_place_though_they_are_counted():
    source = "{% for x in xs %}{{ loop.index }}/{{ loop.length }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}"
    assert compiled(source)(xs="ab") == "1/2a,2/2b"
    assert compiled("{% for k, v in d.items() %}{{ k }}{{ v }}{% else %}none{% endfor %}")(d={"a": 1}) == "a1"
    assert compiled("{% for k in [] %}x{% else %}none{% endfor %}")() == "none"
