"""Segments as written families get them, and good replies about them."""

from typing import Any

import orjson

from engine.categories import load_domain
from engine.families.written import DescribedSubject
from tests.builders import VIDEO_ID

EVENT_ID, CLIP_ID = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0"
SHOVES = "On the left, a man in a red coat shoves a woman beside a parked car."
FALLS = "The woman falls to the ground at the bottom of the picture."


def an_event(**changes: Any) -> DescribedSubject:
    known: dict[str, Any] = {
        "segment_id": EVENT_ID,
        "video_id": VIDEO_ID,
        "granularity": "event",
        "interval_seconds": (2.0, 8.0),
        "is_anomalous": True,
        "categories": ("Assault",),
        "definitions": load_domain(None).guidelines(["Assault"]),
        "captions": (SHOVES, FALLS),
        "summary": "There is an assault. A man shoves a woman, who falls.",
    }
    return DescribedSubject(**(known | changes))


QUIET: dict[str, Any] = {
    "is_anomalous": False,
    "categories": (),
    "definitions": (),
    "captions": ("A man in a red coat walks past a parked car.",),
    "summary": "There is no anomaly. A man walks past a car.",
}


def a_quiet_event(**changes: Any) -> DescribedSubject:
    return an_event(**(QUIET | changes))


def a_clip(**changes: Any) -> DescribedSubject:
    known: dict[str, Any] = {
        "segment_id": CLIP_ID,
        "granularity": "clip",
        "captions": (SHOVES,),
        "summary": "",
    }
    return an_event(**(known | changes))


def a_quiet_clip(**changes: Any) -> DescribedSubject:
    return a_clip(**(QUIET | {"summary": ""} | changes))


CLIP_REPLY: dict[str, Any] = {
    "question_1": "What does the man wear?",
    "answer_1": "He wears a red coat.",
    "question_2": "Where does it happen?",
    "answer_2": "Beside a parked car.",
    "place_answer": "On the left, a man shoves a woman.",
    "last_answer": "Yes, there is an anomaly: a man assaults a woman.",
}
QUIET_CLIP_REPLY = CLIP_REPLY | {
    "place_answer": None,
    "last_answer": "No, there are no anomalies; a man walks past a car.",
}
CHAIN_REPLY: dict[str, Any] = {
    "seen": "A man in a red coat shoves a woman, who falls.",
    "key_objects": ["a man in a red coat", "a woman", "a parked car"],
    "why": "Shoving somebody who does not fight back is an assault.",
    "cause": "It is likely that the two had an argument.",
    "effect": "The woman falls and may be hurt.",
    "severity": "serious",
    "action": "Call the police and see whether she needs help.",
}
QUIET_CHAIN_REPLY: dict[str, Any] = {
    "seen": "A man in a red coat walks past a parked car.",
    "key_objects": ["a man in a red coat", "a parked car"],
    "why": "People walk past parked cars every day.",
}


def asked(kind: str, question: str, answer: str = "A man.") -> dict[str, str]:
    return {"kind": kind, "question": question, "answer": answer}


KINDS_REPLY: dict[str, Any] = {
    "questions": [
        asked("response", "What should be done?", "The police should be called."),
        asked("detection", "Is there any anomaly?", "Yes, there is an anomaly."),
        asked("subject", "Who is there?"),
        asked("object", "What is parked there?", "A car."),
        asked("action", "What does he do?", "He walks."),
        asked("scene", "What is the place like?", "A street with a parked car."),
    ]
}
QUIET_KINDS_REPLY: dict[str, Any] = {
    "questions": [
        asked("detection", "Is there any anomaly?", "No, there is no anomaly."),
        *(one for one in KINDS_REPLY["questions"] if one["kind"] != "detection"),
    ]
}


def as_said(reply: dict[str, Any], **changes: Any) -> str:
    return orjson.dumps(reply | changes).decode()
