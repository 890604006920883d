"""Bodies of requests: JSON with exactly the parameters that are known, each of which has a say or is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from langue.errors import hint, one_line
from langue.serve.errors import RequestError

LONGEST_VALUE = 60
"""Characters of a wrong value that a message repeats."""


class Body(BaseModel):
    """Base of all bodies: strict about types and names.

    Attributes:
        unsupported: parameters that OpenAI or vLLM knows and this route does not, with the values at which they say
            nothing, and so are welcome.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    unsupported: ClassVar[Mapping[str, Collection[Any]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_unsupported(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        for name, harmless in cls.unsupported.items():
            if name in content and content[name] is not None and content[name] not in harmless:
                raise PydanticCustomError("unsupported", "{name}", {"name": name})
        return {name: value for name, value in content.items() if name not in cls.unsupported}


class ModelBody(Body):
    """Base of the bodies that name a model."""

    model: str


Kind = TypeVar("Kind", bound=Body)


def parse_body(kind: type[Kind], content: bytes) -> Kind:
    """Check the JSON of a request.

    Raises:
        RequestError: it is no JSON, or a parameter is unknown, unsupported, missing or of another type.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise _refusal(kind, error) from None


def parse_fields(kind: type[Kind], fields: Mapping[str, Any]) -> Kind:
    """The same of the fields of a form.

    Raises:
        RequestError: as of `parse_body`.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _refusal(kind, error) from None


def _refusal(kind: type[Body], error: ValidationError) -> RequestError:
    """The first fault of a body, as an error that names the parameter."""
    faults = error.errors(include_url=False)
    fault = max((other for other in faults if other["loc"][:1] == faults[0]["loc"][:1]), key=lambda f: len(f["loc"]))
    param = one_line(".".join(map(str, fault["loc"])))[:200] or None
    if fault["type"] == "json_invalid":
        return RequestError(f"the body is no JSON: {fault['ctx']['error']}", code="invalid_json")
    if fault["type"] == "unsupported":
        name = str(fault["ctx"]["name"])
        return RequestError(
            f"the parameter {name} is not supported here; leave it out", param=name, code="unsupported_parameter"
        )
    if fault["type"] == "extra_forbidden":
        name = one_line(str(fault["loc"][-1]))[:200]
        known = sorted({*kind.model_fields, *kind.unsupported}) if len(fault["loc"]) == 1 else ()
        near = f"; {hint(name, known, cutoff=0.5)}" if known else ""
        return RequestError(f"unknown parameter {param}{near}", param=param, code="unknown_parameter")
    if fault["type"] == "missing":
        return RequestError(f"the parameter {param} is missing", param=param, code="missing_parameter")
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    value = fault.get("input")
    shown = f", got {value!r:.{LONGEST_VALUE}}" if isinstance(value, str | int | float | bool) else ""
    return RequestError(f"{f'{param}: ' if param else ''}{message}{shown}", param=param, code="invalid_value")
