"""What a validator says: one finding per defect, under a code that never changes its meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one record."""

    code: str
    """A key of `DEFECTS`."""
    record_id: str
    """Of the video, event, clip, click, caption or instruction row it is about."""
    detail: str


DEFECTS: Mapping[str, str] = MappingProxyType(
    {
        "abnormal-event-in-normal-video": "an event is abnormal, but its video is labelled normal",
        "abnormal-judged-normal": "the label says abnormal, the judgement says that nothing is",
        "analysis-missing": "an abnormal segment's summary has no analysis",
        "analysis-on-normal": "a normal segment's summary has an analysis",
        "caption-missing": "a clip has no caption",
        "category-missing": "a video is abnormal, but of no named class",
        "click-past-video-end": "a click lies outside its video",
        "clip-outside-event": "a clip reaches past the end or before the start of its event",
        "clip-past-video-end": "a clip reaches past the end of its video",
        "clips-repeated-under-each-event": "every clip of a video is listed once per event",
        "clips-unsorted": "an event's clips are not in order of their starts",
        "duplicate-clip-window": "a clip has the same start and end as an earlier one of its event",
        "duplicate-row": "the same answer to the same task about the same file, again",
        "empty-text": "a question, an answer or a description is empty",
        "entry-contradicts-itself": "a raw entry was not imported: its lists do not fit together",
        "event-lost": "an event of the official annotation is missing",
        "event-past-video-end": "an event reaches past the end of its video",
        "event-without-clips": "an event has no clips",
        "events-unsorted": "a video's events are not in order of their starts",
        "fused-questions": "two questions run together in one prompt",
        "human-caption-past-video-end": "a human caption reaches past the end of its video",
        "human-captions-unsorted": "a video's human captions are not in order of their starts",
        "judgement-unclear": "the judgement says neither that there is an anomaly nor that not",
        "misspelt-answer-key": "a row keeps the release's `anwser` for `answer`",
        "near-duplicate-events": "two events of a video cover nearly the same stretch",
        "normal-asked-for-anomaly": "a normal segment is asked to describe its anomaly",
        "normal-judged-abnormal": "the label says normal, the judgement says that there is one",
        "overlapping-clip-windows": "a clip starts before an earlier one of its event ends",
        "repeated-caption": "a clip has the very caption of an earlier clip of its video",
        "summary-missing": "an event or a video has no summary",
    }
)
"""Code -> what it means, for docs and for `vau-data validate`."""
