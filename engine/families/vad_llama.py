"""VAD-LLaMA's scheme: is there any anomaly in the whole video, and from when to when."""

from collections.abc import Iterable

from engine.families.family import Draw, RuleFamily
from engine.families.times import TimesSubject, shown
from engine.intervals import Interval
from engine.prompting import fill, prompt_body
from schemas import Turn

QUESTION, NORMAL, ABNORMAL, SPAN = (
    "vad_llama.question",
    "vad_llama.normal",
    "vad_llama.abnormal",
    "vad_llama.span",
)


def turns(subject: TimesSubject, draw: Draw) -> tuple[Turn, ...]:  # noqa: ARG001
    """One turn, in the paper's sentences; none where it is not known.

    That is: nothing says whether the video is abnormal, or it is and nobody marked where.
    """
    spans = subject.spans
    if subject.is_anomalous is None or bool(spans) != subject.is_anomalous:
        return ()
    answer = told(spans) if spans else fill(NORMAL, {})
    return (Turn(task="grounding", question=prompt_body(QUESTION), answer=answer),)


def told(spans: Iterable[Interval]) -> str:
    """The paper's answer about an abnormal video; spans in seconds from its first frame."""
    parts = [fill(SPAN, {"start": shown(start), "end": shown(end)}) for start, end in spans]
    return fill(ABNORMAL, {"spans": " and ".join(parts)})


VAD_LLAMA = RuleFamily("vad-llama", turns, prompts=(QUESTION, NORMAL, ABNORMAL, SPAN))
