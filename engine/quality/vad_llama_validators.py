"""VAD-LLaMA's pseudo-instructions -> counts and defects."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.models.chat import Json
from engine.quality.defects import Defect
from engine.quality.published import Against, FileReport, nominal_fps
from engine.sources.json_file import as_list, as_number, as_object, as_text
from engine.sources.names import label_of_any_stem
from engine.sources.split_lists import stem_of_name

_SPAN = re.compile(
    r"from (\d+(?:\.\d+)?)\s?s to (\d+(?:\.\d+)?)\s?s|and (\d[\d.]*)s to (\d[\d.]*)s"
)
_YES = re.compile(r"^Yes, there (?:exist|are) anomalies from \d.*s\.$")
_NO = re.compile(r"^No, there are no anomalies\.$")
_SLACK_SECONDS = 0.1
"""The answers have one decimal."""
_RATE_SLACK = 0.01
"""Videos are close to their data set's rate, not at it."""


@dataclass(frozen=True)
class _Answer:
    video_id: str
    num_frames: float
    text: str

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Starts and ends in seconds, in the answer's order."""
        found = (tuple(filter(None, match.groups())) for match in _SPAN.finditer(self.text))
        return [(float(start), float(end)) for start, end in found]

    @property
    def fps(self) -> float | None:
        """None: the form does not tell, and the name is of no public data set."""
        return nominal_fps(self.video_id)


def report_on_vad_llama(entries: Sequence[Json], against: Against) -> FileReport:
    """`[{video, length, QA: [{q, a}]}]`. Raises `ValueError` naming what in an entry is not so."""
    answers = [answer for number, entry in enumerate(entries) for answer in _read(number, entry)]
    spans = [span for answer in answers for span in answer.spans]
    clicks = [
        (one, frame)
        for one in answers
        if one.fps is not None
        for frame in against.clicks.get(one.video_id, ())
    ]
    defects = [defect for answer in answers for defect in _answer_defects(answer)]
    outside = [defect for answer, frame in clicks for defect in _click_defects(answer, frame)]
    counts = {"videos": len(entries), "answers": len(answers), "spans": len(spans)}
    if clicks:
        counts |= {"clicks": len(clicks), "clicks inside a span": len(clicks) - len(outside)}
    return FileReport("VAD-LLaMA's pseudo-instructions", counts, (*defects, *outside))


def _read(number: int, entry: Json) -> Iterator[_Answer]:
    fields = as_object(entry, what=f"entry {number}")
    name = as_text(fields.get("video"), what=f"video of entry {number}")
    stem = stem_of_name(name.rpartition("/")[2])
    length = as_number(fields.get("length"), what=f"length of {stem}")
    for pair in as_list(fields.get("QA"), what=f"QA of {stem}"):
        turn = as_object(pair, what=f"a turn of {stem}")
        as_text(turn.get("q"), what=f"a question of {stem}")
        yield _Answer(stem, length, as_text(turn.get("a"), what=f"an answer of {stem}"))


def _answer_defects(answer: _Answer) -> Iterator[Defect]:
    text = answer.text.strip()
    if not (_NO.match(text) or (_YES.match(text) and answer.spans)):
        yield Defect("answer-off-template", answer.video_id, f"{text!r:.160}")
    label = label_of_any_stem(answer.video_id)
    says_yes = text.startswith("Yes")
    if label is not None and says_yes != label.is_anomalous:
        code = "normal-judged-abnormal" if says_yes else "abnormal-judged-normal"
        yield Defect(code, answer.video_id, f"{text!r:.160}")
    yield from _late_spans(answer)
    for start, end in answer.spans:
        if end <= start:
            yield Defect("span-reversed", answer.video_id, f"{start} s to {end} s")
    for earlier, later in pairwise(answer.spans):
        if later[0] < earlier[1]:
            detail = f"{later[0]} s to {later[1]} s comes after {earlier[0]} s to {earlier[1]} s"
            yield Defect("intervals-overlap", answer.video_id, detail)


def _late_spans(answer: _Answer) -> Iterator[Defect]:
    if answer.fps is None:
        return
    end_seconds = answer.num_frames / answer.fps
    for start, end in answer.spans:
        if end > end_seconds * (1 + _RATE_SLACK) + _SLACK_SECONDS:
            detail = f"{start} s to {end} s; the last of {answer.num_frames:.0f} frames is before"
            yield Defect("span-past-video-end", answer.video_id, f"{detail} {end_seconds:.3f} s")


def _click_defects(answer: _Answer, frame: int) -> Iterator[Defect]:
    assert answer.fps is not None
    seconds = frame / answer.fps
    if not any(start <= seconds <= end for start, end in answer.spans):
        detail = f"frame {frame} at {seconds:.3f} s; spans: {answer.spans}"
        yield Defect("click-outside-spans", answer.video_id, detail)
