"""What is known of an id -> lines to read."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.ancestry import Making, Portrait, Sighting
    from engine.tree import EventNode
    from schemas import Record, Review

_MOST_NUMBERS_SHOWN = 8
_SHOWN_APART = {"id", "provenance", "turns"}


def portrait_lines(portrait: "Portrait") -> Iterator[str]:
    """Each record with its reviews, then rejects, ancestry, children and instructions."""
    for seen in portrait.sightings:
        yield from _sighting(seen)
    for reject in portrait.rejects:
        yield f"rejected by {reject.stage}: {reject.reason}: {reject.detail}"
    if portrait.parents:
        yield "comes from"
        yield from (f"  {_in_short(parent)}" for parent in portrait.parents)
    if portrait.events:
        yield "holds"
        for node in portrait.events:
            yield from _event(node)
    if portrait.instructions:
        yield "is asked about"
    for instruction in portrait.instructions:
        yield from _turns(instruction)


def _sighting(seen: "Sighting") -> Iterator[str]:
    state = "" if seen.state == "live" else f" ({seen.state}: not part of the dataset now)"
    yield f"{seen.word.replace('_', ' ')} {seen.record.id}{state}"
    yield from _fields(seen.record.model_dump(mode="json", exclude=_SHOWN_APART), indent="  ")
    provenance = getattr(seen.record, "provenance", None)
    if provenance is not None:
        yield f"  made by: {provenance.made_by}, {provenance.name}{_making(seen.making)}"
    for review in seen.reviews:
        yield f"  review: {_review(review)}"
    yield from _turns(seen.record)


def _turns(record: "Record") -> Iterator[str]:
    """Questions and answers; only instructions have any."""
    for turn in getattr(record, "turns", ()):
        yield f"  {turn.task}: {turn.question}"
        yield f"    {turn.answer}"


def _making(making: "Making | None") -> str:
    if making is None:
        return ""
    return f" (stage {making.stage}, fingerprint {making.fingerprint})"


def _fields(values: Mapping[str, object], *, indent: str) -> Iterator[str]:
    """`name: value` lines; what is within a value stands below it, further in."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _fields(value, indent=f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{name}:"
            for one in value:
                first, *others = _fields(one, indent="")
                yield f"{indent}  - {first}"
                yield from (f"{indent}    {line}" for line in others)
        else:
            told = _value(value).replace("\n", f"\n{indent}  ")
            yield f"{indent}{name}: {told}"


def _value(value: object) -> str:
    """Text as it is, anything else as JSON has it."""
    import orjson

    if isinstance(value, list) and len(value) > _MOST_NUMBERS_SHOWN:
        first = ", ".join(map(_value, value[:_MOST_NUMBERS_SHOWN]))
        return f"{first}, … {len(value)} in all"
    if isinstance(value, list) and value:
        return ", ".join(map(_value, value))
    if value in (None, [], ""):
        return "–"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _review(review: "Review") -> str:
    correction = review.correction.model_dump(mode="json", exclude={"kind"})
    said = "; ".join(_fields(correction, indent=""))
    return f"{review.at} {review.author}: {review.correction.kind} {said}".rstrip()


def _in_short(record: "Record") -> str:
    from engine.index import WORDS

    word = WORDS[type(record)].replace("_", " ")
    fields = record.model_dump()
    if "time_seconds" in fields:
        return f"{word} {record.id} at {fields['time_seconds']:.3f} s"
    if "start_seconds" in fields:
        span = f"{fields['start_seconds']:.3f}–{fields['end_seconds']:.3f} s"
        return f"{word} {record.id}, {span}{_label(fields)}"
    return f"{word} {record.id}: {fields.get('text', '')}"


def _label(fields: dict[str, object]) -> str:
    if "is_anomalous" not in fields:
        return ""
    words = {True: "abnormal", False: "normal", None: "unlabelled"}
    categories = fields.get("categories") or ()
    named = (
        f" ({', '.join(map(str, categories))})"
        if isinstance(categories, tuple) and categories
        else ""
    )
    return f", {words[fields['is_anomalous']]}{named}"  # type: ignore[index]


def _event(node: "EventNode") -> Iterator[str]:
    yield f"  {_in_short(node.event)}"
    for child in node.clips:
        caption = child.caption.text if child.caption else "not captioned"
        clip = child.clip
        yield f"    clip {clip.id}, {clip.start_seconds:.3f}–{clip.end_seconds:.3f} s: {caption}"
    yield f"    summary: {node.summary.text if node.summary else 'none yet'}"
