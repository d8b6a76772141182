"""What a validator says: one line per defect, under a code that never changes its meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of one record."""

    code: str
    """A key of `DEFECTS`."""
    record_id: str
    """Of the video, event, clip, click, caption or row it is about; a file's name for all of it."""
    detail: str
    """The values seen."""

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        return DEFECTS[self.code].remedy


class Kind(NamedTuple):
    """What a code stands for."""

    meaning: str
    remedy: str


_RECUT = "cut the clip to its event, or widen the event"
_RELABEL = "look at the footage; mend the label or the text, whichever is wrong"
_DROP = "keep one of them"
_SORT = "sort by start"
_SPLIT = "move it to the split of its source video"

DEFECTS: Mapping[str, Kind] = MappingProxyType(
    {
        "abnormal-event-in-normal-video": Kind(
            "an event is abnormal, but its video is labelled normal", _RELABEL
        ),
        "abnormal-judged-normal": Kind(
            "the label says abnormal, the judgement says that nothing is", _RELABEL
        ),
        "abnormal-without-interval": Kind(
            "an abnormal video has no interval", "mark its event, or leave the video out"
        ),
        "analysis-missing": Kind(
            "an abnormal segment's summary has no analysis", "summarize it again, or write one"
        ),
        "analysis-on-normal": Kind("a normal segment's summary has an analysis", "remove it"),
        "answer-off-template": Kind(
            "the answer is neither Yes with spans nor the sentence for none", "write it anew"
        ),
        "caption-missing": Kind("a clip has no caption", "caption it; `vau-data rejects` says why"),
        "category-contradicts-name": Kind(
            "the category is not one that the video's name or folder tells", _RELABEL
        ),
        "category-missing": Kind(
            "a video is abnormal, but of no named class", "name it in the labels file"
        ),
        "click-on-normal-video": Kind("a click lies in a normal video", _RELABEL),
        "click-outside-events": Kind(
            "a click lies in none of its video's events", "look whether an event is missing there"
        ),
        "click-outside-spans": Kind(
            "a person's click lies in none of the spans of the answer",
            "take the spans from events that people marked, not from scores",
        ),
        "click-past-video-end": Kind("a click lies outside its video", "click it again"),
        "clip-outside-event": Kind(
            "a clip reaches past the end or before the start of its event", _RECUT
        ),
        "clip-past-video-end": Kind("a clip reaches past the end of its video", _RECUT),
        "clips-repeated-under-each-event": Kind(
            "every clip of a video is listed once per event", "list a clip under its own event only"
        ),
        "clips-unsorted": Kind("an event's clips are not in order of their starts", _SORT),
        "duplicate-click": Kind("the same frame of the same video, again", _DROP),
        "duplicate-clip-window": Kind(
            "a clip has the same start and end as an earlier one of its event", _DROP
        ),
        "duplicate-row": Kind("the same answer to the same task about the same file, again", _DROP),
        "duplicate-video": Kind("a video is listed again", _DROP),
        "empty-text": Kind("a question, an answer or a description is empty", "write it, or drop"),
        "entry-contradicts-itself": Kind(
            "a raw entry was not imported: its lists do not fit together", "mend the entry"
        ),
        "event-lost": Kind(
            "an event of the official annotation is missing", "add it from the official list"
        ),
        "event-past-video-end": Kind(
            "an event reaches past the end of its video", "end it with the video"
        ),
        "event-without-click": Kind("no click lies in the event", "look whether it is one"),
        "event-without-clips": Kind("an event has no clips", "cut it again"),
        "events-unsorted": Kind("a video's events are not in order of their starts", _SORT),
        "fused-questions": Kind("two questions run together in one prompt", "divide them"),
        "human-caption-past-video-end": Kind(
            "a human caption reaches past the end of its video", "end it with the video"
        ),
        "human-captions-overlap": Kind(
            "human captions of a video overlap", "nothing, but do not take them for a division"
        ),
        "human-captions-unsorted": Kind(
            "a video's human captions are not in order of their starts", _SORT
        ),
        "interval-past-video-end": Kind(
            "an official interval ends past its video", "end it with the video"
        ),
        "intervals-overlap": Kind(
            "a video's intervals of one class overlap or are not in order", "merge or sort them"
        ),
        "judgement-unclear": Kind(
            "the judgement says neither that there is an anomaly nor that not", "write it anew"
        ),
        "mcq-answer-not-a-letter": Kind(
            "the right option is not named by a letter", "write A, B, C or D"
        ),
        "mcq-interval-reversed": Kind("the interval ends before it starts", "mend the two times"),
        "mcq-letters-skewed": Kind(
            "the right letter is not spread evenly over A to D", "draw the order of options anew"
        ),
        "mcq-option-betrays-itself": Kind(
            "the right option can be told by its length or its decimals alone",
            "write all four options in one form",
        ),
        "mcq-options-repeat": Kind("two options say the same", "replace one"),
        "mcq-row-unfilled": Kind("a row holds -1 or nothing where text belongs", "leave it out"),
        "mcq-two-right": Kind(
            "a second option names the right category and nearly the right interval", "replace it"
        ),
        "misspelt-answer-key": Kind(
            "a row keeps the release's `anwser` for `answer`", "rename the key"
        ),
        "near-duplicate-events": Kind("two events of a video cover nearly the same stretch", _DROP),
        "no-click-row": Kind(
            "a row says frame 0, which stands for no click", "skip it, or it reads as a click"
        ),
        "normal-asked-for-anomaly": Kind(
            "a normal segment is asked to describe its anomaly", "ask from a neutral pool"
        ),
        "normal-judged-abnormal": Kind(
            "the label says normal, the judgement says that there is one", _RELABEL
        ),
        "normal-with-interval": Kind("a normal video has an interval", _RELABEL),
        "overlapping-clip-windows": Kind(
            "a clip starts before an earlier one of its event ends", "end the earlier one there"
        ),
        "release-file-changed": Kind(
            "a file is not the one that release.json names", "export again with --overwrite"
        ),
        "release-file-missing": Kind(
            "release.json names a file that is not there", "export again with --overwrite"
        ),
        "span-past-video-end": Kind("a span ends past its video", "end it with the video"),
        "span-reversed": Kind("a span ends before it starts", "mend the two times"),
        "split-leak": Kind(
            "a video of the official test split stands in a file of another split", _SPLIT
        ),
        "stray-suffix": Kind(
            "a video's name carries .mp4, where the file's other names do not", "remove it"
        ),
        "summary-missing": Kind(
            "an event or a video has no summary", "summarize it; `vau-data rejects` says why"
        ),
        "text-outer-spaces": Kind("a text begins or ends with a space", "strip it"),
        "turns-out-of-order": Kind(
            "messages are not question and answer in turn", "mend the row's roles"
        ),
        "video-tag-count": Kind(
            "a row has more or fewer <video> tags than videos", "one tag for each, in front"
        ),
    }
)
"""Code -> what it means and what to do, for docs and for `vau-data validate`."""
