"""A batch of events from one browser in; what was acknowledged and what was refused out."""

import json
from typing import Any

import orjson
from pydantic import ValidationError

from annotator_ui.acts import DEEDS, KEYS, Deed, TextEdit
from annotator_ui.journal import Draft, RefusedError
from annotator_ui.office import Office

MAX_EVENTS = 500
_MAX_CLIENT_TIME = 64


class MalformedError(Exception):
    """What came is no batch of events at all; nothing of it was taken."""


def take_events(office: Office, user: str, content: bytes) -> dict[str, object]:
    """`{acknowledged, refused, revs}`; what is acknowledged is on disk.

    One bad event never holds up the others: it is refused, and its browser told why. Raises
    `MalformedError`, and `ServiceError` where the disk fails.
    """
    drafts: list[Draft] = []
    refused: list[dict[str, object]] = []
    for event in _events_in(content):
        try:
            drafts.append(_draft(office, user, event))
        except RefusedError as error:
            refused.append({"uuid": event["uuid"], "why": error.why})
    acknowledged, turned_down = office.journal.submit(drafts, office.admission)
    refused += [_refusal(id_, error) for id_, error in turned_down]
    saved = set(acknowledged)
    revs = {d.id: d.id for d in drafts if isinstance(d.do, TextEdit) and d.id in saved}
    return {"acknowledged": acknowledged, "refused": refused, "revs": revs}


def _refusal(id_: str, error: RefusedError) -> dict[str, object]:
    return {"uuid": id_, "why": error.why, **(error.conflict or {})}


def _events_in(content: bytes) -> list[dict[str, Any]]:
    try:
        # Not orjson: half of a surrogate pair in one text would make it refuse the whole batch.
        batch = json.loads(content)
    except ValueError as error:
        raise MalformedError(f"not JSON: {error}") from error
    events = batch.get("events") if isinstance(batch, dict) else None
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise MalformedError(f'expected {{"events": […]}} with at most {MAX_EVENTS} of them')
    for event in events:
        if not isinstance(event, dict) or not _is_key(event.get("uuid")):
            raise MalformedError("an event has no uuid")
    return events


def _is_key(value: object) -> bool:
    try:
        KEYS.validate_python(value)
    except ValidationError:
        return False
    return True


def _draft(office: Office, user: str, event: dict[str, Any]) -> Draft:
    name = event.get("video")
    video = office.library.video(name) if isinstance(name, str) else None
    if video is None:
        raise RefusedError("the dataset has no such video (any more)")
    client_time = event.get("client_time")
    is_time = isinstance(client_time, float | int) and not isinstance(client_time, bool)
    if isinstance(client_time, str):
        is_time = len(client_time) <= _MAX_CLIENT_TIME
    return Draft(
        id=event["uuid"],
        user=user,
        video_id=video.id,
        client_time=client_time if is_time else None,
        do=_deed(event),
    )


def _deed(event: dict[str, Any]) -> Deed:
    body = event.get("body")
    if not isinstance(body, dict):
        raise RefusedError("an event has a body")
    try:
        # JSON again, since only there lists pass for the tuples that strict records hold.
        return DEEDS.validate_json(orjson.dumps({**body, "op": event.get("op")}))
    except orjson.JSONEncodeError as error:
        raise RefusedError(f"its text cannot be stored: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{place}: {first['msg']}") from error
