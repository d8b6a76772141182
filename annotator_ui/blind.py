"""Blind evaluation (Holmes-VAD, appendix A.4): a clip, a question, answers without names, votes.

Which answer stands where follows from the server's key, the item and the voter, so that no
browser can know it; in every run of as many items as there are answers, each answer stands once
at every place. A vote is kept with the name that it was for.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from annotator_ui.acts import Act, Play, Vote
from annotator_ui.keyfile import Signer
from annotator_ui.session import standing
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.stamps import FileState, state_of
from engine.store import JsonlWriter, dump_line, parse_record, read_lines
from schemas.base import Frozen, Id, NonEmptyText, Record, Seconds

ITEMS_NAME = "blind_items.jsonl"
LABELS = "ABCDEFGH"
ASPECTS = (
    {
        "id": "content_perception",
        "title": "Content Perception",
        "help": "Which answer tells best what is to be seen: people, things, actions?",
    },
    {
        "id": "anomaly_explanatory",
        "title": "Anomaly Explanatory",
        "help": "Which answer explains best why this is abnormal, or why it is not?",
    },
)


class BlindAnswer(Frozen):
    """What one model said."""

    model: Id
    text: NonEmptyText


class BlindItem(Record):
    """One clip with a question and the answers of several models."""

    video_id: Id
    start_seconds: Seconds
    end_seconds: Seconds
    question: NonEmptyText
    is_anomalous: bool | None
    """The label, for Judgement Accuracy; None: there is none."""
    answers: tuple[BlindAnswer, ...] = Field(min_length=2, max_length=len(LABELS))

    @model_validator(mode="after")
    def _check(self) -> Self:
        models = [answer.model for answer in self.answers]
        if len(set(models)) < len(models):
            raise ValueError("a model has two answers")
        if not self.start_seconds < self.end_seconds:
            raise ValueError(f"ends at {self.end_seconds} s, starts at {self.start_seconds} s")
        said = " ".join([self.question, *(answer.text for answer in self.answers)]).lower()
        named = [model for model in models if model.lower() in said]
        if named:
            raise ValueError(f"the texts name {', '.join(named)}; take the name out of them")
        return self


@dataclass
class BlindItems:
    """The items of a dataset, in order of the file; read anew when it changes."""

    dataset: Dataset
    signer: Signer
    _state: FileState | None = None
    _items: dict[str, BlindItem] = field(default_factory=dict)
    """By opaque id."""

    def all(self) -> Mapping[str, BlindItem]:
        """Opaque id -> item."""
        path = self.dataset.dir_path / ITEMS_NAME
        state = state_of(path)
        if state != self._state:
            items = read_items(self.dataset)
            self._items = {self.signer.opaque_id("blind", item.id): item for item in items}
            self._state = state
        return self._items

    def order(self, opaque: str, user: str) -> list[BlindAnswer]:
        """The answers as this person sees them, A first."""
        item = self._items[opaque]
        size = len(item.answers)
        before = 0
        for other, known in self._items.items():
            if other == opaque:
                break
            before += len(known.answers) == size
        answers = sorted(item.answers, key=lambda answer: answer.model)
        block = self.signer.opaque_id("order", f"{user}\0{size}\0{before // size}")
        random.Random(block).shuffle(answers)
        turn = before % size
        return answers[turn:] + answers[:turn]


def read_items(dataset: Dataset) -> list[BlindItem]:
    """All items, each at the place where its id first stood."""
    path = dataset.dir_path / ITEMS_NAME
    newest: dict[str, BlindItem] = {}
    for line in read_lines(path):
        item = parse_record(BlindItem, line, path=path)
        newest[item.id] = item
    return list(newest.values())


def add_items(dataset: Dataset, file: Path) -> int:
    """Append the items of a JSONL file; how many. Raises `UsageError` naming the first bad line."""
    items = []
    for number, line in enumerate(read_lines(file), start=1):
        try:
            items.append(BlindItem.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{file}, line {number}: {place}: {first['msg']}") from error
    if not items:
        raise UsageError(
            f"{file} holds no complete line; one item a line, each ending in a newline"
        )
    with JsonlWriter(dataset.dir_path / ITEMS_NAME) as writer:
        writer.append(dump_line(item) for item in items)
        writer.sync()
    return len(items)


@dataclass(frozen=True)
class Ballot:
    """What one person said of one item."""

    has_played: bool
    votes: Mapping[str, Act]
    """Aspect -> the vote that stands."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to vote on."""
        return all(aspect["id"] in self.votes for aspect in ASPECTS)


def ballot(acts: Sequence[Act], user: str, opaque: str) -> Ballot:
    """A person's ballot, from the acts on the item's video."""
    has_played = False
    votes: dict[str, Act] = {}
    for act in standing(acts):
        if act.user != user:
            continue
        if isinstance(act.do, Play) and act.do.item == opaque:
            has_played = True
        elif isinstance(act.do, Vote) and act.do.item == opaque:
            votes[act.do.aspect] = act
    return Ballot(has_played, votes)


def chosen(order: Sequence[BlindAnswer], choice: str) -> str | None:
    """The model behind a label, or the choice itself (`tie`, `none`); None: no such label."""
    if choice in ("tie", "none"):
        return choice
    place = LABELS.find(choice)
    return order[place].model if 0 <= place < len(order) else None


def ballot_wire(order: Sequence[BlindAnswer], said: Ballot) -> dict[str, object]:
    """Answers under their labels, and the votes so far; no model is named."""
    labels = {answer.model: label for answer, label in zip(order, LABELS, strict=False)}
    votes = {
        aspect: labels.get(act.voted_for[1], act.voted_for[1])
        for aspect, act in said.votes.items()
        if act.voted_for is not None
    }
    return {
        "answers": [
            {"label": label, "text": answer.text}
            for answer, label in zip(order, LABELS, strict=False)
        ],
        "aspects": ASPECTS,
        "votes": votes,
        "is_unlocked": said.has_played,
    }
