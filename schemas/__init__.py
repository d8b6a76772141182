"""What exists in a dataset: one frozen record type per step of the flow."""

from schemas.base import Provenance, Record, Usage
from schemas.caption import Caption, HumanCaption
from schemas.check import CheckRound, SpotCheck
from schemas.click import Click
from schemas.clip import Clip
from schemas.event import Event
from schemas.features import FeatureTrack
from schemas.finding import Finding
from schemas.instruction import Instruction, Turn
from schemas.reject import Reject
from schemas.release import Release, ReleaseFile
from schemas.review import Review
from schemas.score import ScoreTrack
from schemas.summary import Summary
from schemas.twin import Twin
from schemas.video import Media, MediaProblem, Video

__all__ = [
    "Caption",
    "CheckRound",
    "Click",
    "Clip",
    "Event",
    "FeatureTrack",
    "Finding",
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
    "SpotCheck",
    "Summary",
    "Turn",
    "Twin",
    "Usage",
    "Video",
]
