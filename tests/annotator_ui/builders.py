"""Acts for tests of what needs no server."""

from itertools import count
from typing import Any

import orjson

from annotator_ui.acts import DEEDS, Act

ME, YOU = "ada", "ben"
VIDEO = "Abuse001_x264"
_numbers = count()


def an_act(op: str, *, user: str = ME, id: str = "", video: str = VIDEO, **body: Any) -> Act:
    """One act; `extents_before` and the like go to the act, everything else to its body."""
    noted = {
        key: body.pop(key) for key in ("extents_before", "text_before", "voted_for") if key in body
    }
    at = body.pop("at", "2026-01-01T00:00:00.000+00:00")
    return Act(
        id=id or f"act-{next(_numbers)}",
        user=user,
        video_id=video,
        at=at,
        do=DEEDS.validate_json(orjson.dumps({**body, "op": op})),
        **noted,
    )


def a_mark_act(mark: str = "m1", frame: int = 10, **changes: Any) -> Act:
    known: dict[str, Any] = {
        "mark": mark,
        "frame": frame,
        "time_seconds": frame / 25,
        "is_live": False,
        "source": "human",
    }
    return an_act("mark.add", **(known | changes))
