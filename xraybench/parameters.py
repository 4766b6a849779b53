"""Values of parameters, as calls and task files write them, held against the types that are declared of them."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints

from xraybench.errors import UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

WORDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}  # by the kind of pydantic's error; others are in its words


def check_value(owner: str, name: str, value: Any, declared: Any) -> None:
    """UsageError where a value is not of its declared type, or not finite. A whole number passes for a number."""
    from pydantic import ValidationError

    try:
        _adapter(declared).validate_python(value)
    except ValidationError as error:
        told = [_cure(one) for one in error.errors()]
        hint = f"{name} should be {' or '.join(dict.fromkeys(told))}"
        raise UsageError(f"{owner!r} does not take {name}={value!r}", hint) from error


def _cure(error: ErrorDetails) -> str:
    if error["type"] in WORDS:
        return WORDS[error["type"]].format_map(error.get("ctx", {}))
    return error["msg"].removeprefix("Input should be ")


@cache
def _adapter(declared: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(declared, config=ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True))


def declared_type(made: type, field: dataclasses.Field[Any]) -> Any:
    """A dataclass's field's type, read in the module that declares it; no other annotation need be known there."""
    owner = next(one for one in made.__mro__ if field.name in inspect.get_annotations(one))
    alone = SimpleNamespace(__annotations__={field.name: field.type})
    return get_type_hints(alone, vars(sys.modules[owner.__module__]))[field.name]
