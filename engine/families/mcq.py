"""VA-GPT's evaluation: of each abnormal event its category and its time, among four options."""

from collections import Counter
from typing import NamedTuple

from engine.families.family import Draw, RuleFamily
from engine.index import Index
from engine.mcq import LETTERS, POOL, Scene, asked, make_question
from schemas import Instruction, Turn
from schemas.base import Granularity


class McqSubject(NamedTuple):
    """A video, and each of its abnormal events with all that would be right of it."""

    video_id: str
    interval_seconds: tuple[float, float]
    scenes: tuple[Scene, ...]
    max_tiou: float
    """See `engine.mcq.make_question`."""
    seed: int

    @property
    def segment_id(self) -> str:
        """The video: options are stretches of it."""
        return self.video_id

    @property
    def granularity(self) -> Granularity:
        """Of the whole video."""
        return "video"

    @property
    def verdict(self) -> bool:
        """Only videos with an abnormal event are asked about."""
        return True


def turns(subject: McqSubject, draw: Draw) -> tuple[Turn, ...]:
    """A question for each event of which a fair one can be asked."""
    found = []
    for scene in subject.scenes:
        seed = f"{subject.seed}/{subject.video_id}"
        question = make_question(scene, max_tiou=subject.max_tiou, seed=seed)
        if question is not None:
            text = asked(question, draw(POOL, f"{subject.video_id}/{scene.right.span}"))
            found.append(Turn(task="mcq", question=text, answer=question.letter))
    return tuple(found)


def right_letters(index: Index) -> dict[str, int]:
    """Letter -> how many questions of a dataset it is right in."""
    ids = [id_ for id_ in index.lines(Instruction) if id_.startswith(f"{MCQ.name}:")]
    rows = (index.view(Instruction, id_) for id_ in ids)
    found = Counter(turn.answer for row in rows for turn in row.turns)
    return {letter: found[letter] for letter in LETTERS}


MCQ = RuleFamily("mcq", turns, pools=(POOL,), prompts=("mcq", "mcq.option"))
