"""What exists in a dataset: one frozen record type per step of the flow."""

from schemas.base import Provenance, Record, Usage
from schemas.caption import Caption, HumanCaption
from schemas.click import Click
from schemas.clip import Clip
from schemas.event import Event
from schemas.features import FeatureTrack
from schemas.instruction import Instruction, Turn
from schemas.reject import Reject
from schemas.release import Release, ReleaseFile
from schemas.review import Review
from schemas.score import ScoreTrack
from schemas.summary import Summary
from schemas.video import Media, MediaProblem, Video

__all__ = [
    "Caption",
    "Click",
    "Clip",
    "Event",
    "FeatureTrack",
    "HumanCaption",
    "Instruction",
    "Media",
    "MediaProblem",
    "Provenance",
    "Record",
    "Reject",
    "Release",
    "ReleaseFile",
    "Review",
    "ScoreTrack",
    "Summary",
    "Turn",
    "Usage",
    "Video",
]
