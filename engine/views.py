"""Lines -> views: a record's fields, checked as the record is, in a third of the time.

A view has the fields, properties and checks of its pydantic schema and is compiled from it, as a
`msgspec` structure. It is for reading alone: not to be dumped, nor compared with a record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo
from pydantic.types import AllowInfNan

from schemas import Record
from schemas.base import Frozen

AnyRecord = TypeVar("AnyRecord", bound=Record)

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError)
"""What a reader of views raises; whether rightly, `parse_record` decides."""

_PLAIN = (str, int, float, bool, NoneType)
_BOUNDS = frozenset({"ge", "gt", "le", "lt", "min_length", "max_length", "pattern"})


@cache
def view_reader(record_type: type[AnyRecord]) -> Callable[[bytes], AnyRecord]:
    """Line -> view. Raises one of `REFUSED`."""
    return cast("Callable[[bytes], AnyRecord]", msgspec.json.Decoder(view_type(record_type)).decode)


@cache
def view_type(model: type[Frozen]) -> type[msgspec.Struct]:
    """The structure with a schema's fields, properties and checks.

    Raises `TypeError` for a check that it could not make: a view is never laxer than its record.
    """
    checks = model.__pydantic_decorators__
    validators = list(checks.model_validators.values())
    is_known = all(validator.info.mode == "after" for validator in validators)
    if checks.field_validators or len(validators) > 1 or not is_known:
        raise TypeError(f"no view of {model.__name__}: it has validators that a view cannot run")
    members: dict[str, Any] = {
        name: member
        for parent in reversed(model.__mro__)
        if issubclass(parent, Frozen)
        for name, member in vars(parent).items()
        if isinstance(member, property)
    }
    if validators:
        members["__post_init__"] = validators[0].func
    return msgspec.defstruct(
        model.__name__,
        [_field(name, field) for name, field in model.model_fields.items()],
        module=model.__module__,
        namespace=members,
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
    )


def with_fields(one: AnyRecord, **changes: object) -> AnyRecord:
    """A record, or a view of one, with other values in these fields; unchecked."""
    if isinstance(one, msgspec.Struct):
        return cast("AnyRecord", msgspec.structs.replace(one, **changes))
    return one.model_copy(update=changes)


def _field(name: str, field: FieldInfo) -> tuple[Any, ...]:
    if field.default_factory is not None:
        raise TypeError(f"no view of the field {name}: its default is computed")
    kind = _bounded(_kind(field.annotation), field.metadata)
    return (name, kind) if field.is_required() else (name, kind, field.default)


def _kind(annotation: Any) -> Any:
    """The same type with views in the place of schemas."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN or origin is Literal:
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return view_type(annotation)
    if origin is Annotated:
        return _bounded(_kind(arguments[0]), arguments[1:])
    if origin in (Union, UnionType):
        return Union[tuple(map(_kind, arguments))]  # noqa: UP007 - they are known only now
    if origin is tuple and arguments[1:] == (...,):
        return tuple[_kind(arguments[0]), ...]  # type: ignore[misc]
    raise TypeError(f"no view of {annotation}")


def _bounded(kind: Any, checks: Sequence[Any]) -> Any:
    bounds: dict[str, Any] = {}
    for check in checks:
        bounds |= _bound(check)
    return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind


def _bound(check: Any) -> Mapping[str, Any]:
    if isinstance(check, FieldInfo):
        return {name: value for part in check.metadata for name, value in _bound(part).items()}
    if isinstance(check, AllowInfNan):  # JSON has neither, and what is too large is refused
        return {}
    bounds = asdict(check) if is_dataclass(check) and not isinstance(check, type) else vars(check)
    if not bounds.keys() <= _BOUNDS:
        raise TypeError(f"no view with the check {check!r}")
    return bounds
