"""Acts on texts, in order; what each text says now, and under which revision."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from annotator_ui.acts import (
    Act,
    TextAccept,
    TextDeed,
    TextEdit,
    TextHallucinated,
    TextReject,
)

TextKey = tuple[str, str]
"""Target and target id."""
Fields = Mapping[str, str]
"""Field name -> its text as the record has it, without our edits."""


@dataclass(frozen=True)
class TextEdits:
    """What people did to one text; fields without an edit read as the record has them."""

    edits: Mapping[str, TextEdit] = field(default_factory=dict)
    """Field -> the edit that stands."""
    edit_ids: Mapping[str, str] = field(default_factory=dict)
    """Field -> the uuid of that edit: the field's revision."""
    newest_edit: str | None = None
    verdict: Literal["accepted", "rejected"] | None = None
    reason: str | None = None
    spans: tuple[TextHallucinated, ...] = ()

    def value(self, name: str, original: Fields) -> str:
        """What a field says now."""
        return self.edits[name].text if name in self.edits else original[name]

    def field_rev(self, name: str, original: Fields) -> str:
        """What `base_rev` of an edit of the field must be."""
        return self.edit_ids.get(name) or _digest(original[name])

    def rev(self, original: Fields) -> str:
        """What `base_rev` of a verdict on the whole text must be."""
        return self.newest_edit or _digest("\n".join(original[name] for name in sorted(original)))


def fold_texts(acts: Sequence[Act]) -> dict[TextKey, TextEdits]:
    """Per text what stands after acts that all stand (see `session.standing`)."""
    found: dict[TextKey, TextEdits] = {}
    for act in acts:
        if isinstance(act.do, TextDeed):
            key = (act.do.target, act.do.target_id)
            found[key] = _after(found.get(key, TextEdits()), act, act.do)
    return found


def _after(text: TextEdits, act: Act, do: TextDeed) -> TextEdits:
    verdict, reason = text.verdict, text.reason
    edits, edit_ids, newest = dict(text.edits), dict(text.edit_ids), text.newest_edit
    spans = text.spans
    match do:
        case TextEdit():
            edits[do.field], edit_ids[do.field], newest = do, act.id, act.id
            verdict, reason = None, None
            spans = tuple(span for span in spans if span.field != do.field)
        case TextAccept():
            verdict, reason = "accepted", do.reason
        case TextReject():
            verdict, reason = "rejected", do.reason
        case TextHallucinated():
            spans = (*spans, do)
    return TextEdits(edits, edit_ids, newest, verdict, reason, spans)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
