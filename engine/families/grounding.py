"""When does it start and end, in seconds and in percent; of normal videos: it does not."""

from collections.abc import Iterator

from engine.families.family import Draw, RuleFamily
from engine.families.times import TimedEvent, TimesSubject, names_of, shown
from engine.prompting import fill
from schemas import Turn

ANY_POOL, SECONDS_POOL, PERCENT_POOL = (
    "grounding_any",
    "grounding_seconds",
    "grounding_percent",
)
_PROMPTS = tuple(
    f"grounding.{name}" for name in ("any", "span", "none", "seconds", "percent", "absent")
)


def turns(subject: TimesSubject, draw: Draw) -> tuple[Turn, ...]:
    """First a question that fits every video, then two about each event, in order of time.

    None where nothing says whether the video is abnormal, or it is and nobody marked where.
    """
    abnormal = subject.abnormal
    if subject.is_anomalous is None or bool(abnormal) != subject.is_anomalous:
        return ()
    asked = draw(ANY_POOL, subject.video_id)
    if not abnormal:
        first = _turn(asked, fill("grounding.none", {}))
        return first, *_about_what_is_absent(subject, draw)
    spans = [
        fill("grounding.span", {"start": shown(start), "end": shown(end)})
        for start, end in subject.spans
    ]
    answer = fill("grounding.any", {"spans": _listed(spans)})
    return _turn(asked, answer), *_about_events(subject, abnormal, draw)


def _about_what_is_absent(subject: TimesSubject, draw: Draw) -> Iterator[Turn]:
    if subject.absent is not None:
        asked = draw(SECONDS_POOL, f"{subject.video_id}/absent").format(what=subject.absent)
        yield _turn(asked, fill("grounding.absent", {"what": subject.absent}))


def _about_events(subject: TimesSubject, events: list[TimedEvent], draw: Draw) -> Iterator[Turn]:
    origin, length = subject.interval_seconds[0], subject.duration_seconds
    for name, event in zip(names_of(events), events, strict=True):
        start, end = (seconds - origin for seconds in event.interval_seconds)
        key = f"{subject.video_id}/{name}"
        asked = draw(SECONDS_POOL, key).format(what=name)
        yield _turn(asked, fill("grounding.seconds", {"start": shown(start), "end": shown(end)}))
        percent = {"start": shown(100 * start / length), "end": shown(100 * end / length)}
        asked = draw(PERCENT_POOL, key).format(what=name)
        yield _turn(asked, fill("grounding.percent", percent))


def _turn(question: str, answer: str) -> Turn:
    return Turn(task="grounding", question=question, answer=answer)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


GROUNDING = RuleFamily(
    "grounding", turns, pools=(ANY_POOL, SECONDS_POOL, PERCENT_POOL), prompts=_PROMPTS
)
