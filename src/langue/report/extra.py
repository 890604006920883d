"""Whether the extra that draws is installed, and what to say when it is not."""

from __future__ import annotations

from importlib.util import find_spec


def missing_extra() -> str | None:
    """One sentence when matplotlib or jinja2 is not installed, else None."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if not missing:
        return None
    lacking = " and ".join(missing)
    return f"no report was drawn because {lacking} cannot be found; pip install 'langue[report]' adds what it needs"
