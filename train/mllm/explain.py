"""A video and a tuned model in; where it is abnormal, and what the model says of it, out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.media.decode import all_frames
from engine.media.frames import Frame
from engine.prompting import questions
from engine.proposals import ScorePeaks, events_from_scores
from engine.quality.polarity import judgement_polarity
from engine.watch import Curve, LiveModel, score_whole
from train.mllm.footage import Scores, Shot
from train.mllm.frames import frames_of
from train.mllm.generate import Tuned
from train.mllm.recipe import Sampler

ASKED = {
    "judgement": "normal_judgement",
    "description": "normal_description",
    "analysis": "analysis",
}
"""Task -> the question pool whose first question is asked; none of the first two presumes an
anomaly. The analysis is asked for where the judgement does not deny one."""
OWN = "question"
"""The task of a person's own question."""


@dataclass(frozen=True)
class FoundEvent:
    """A stretch that stands out of the scores, in seconds."""

    start_seconds: float
    end_seconds: float
    score: float
    """The highest in it."""


@dataclass(frozen=True)
class Answer:
    """One question, asked by itself, as in training."""

    task: str
    question: str
    answer: str


@dataclass(frozen=True)
class Explanation:
    """All that is said of a video."""

    video: str
    scorer: str
    model: str
    release: str
    """Which the model learned from: name and hash."""
    sampler: Sampler
    frame_seconds: tuple[float, ...]
    """When the frames are shown that the model saw."""
    curve: Curve
    events: tuple[FoundEvent, ...]
    is_abnormal: bool | None
    """What the judgement says; None: neither, or it was not asked for."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Explainer:
    """What explains videos."""

    tuned: Tuned
    scorer: LiveModel
    min_score: float = 0.0
    """A lower peak is no event; for trained scorers, whose scores mean something by themselves."""

    def explain(
        self, path: Path, own: Sequence[str] = (), *, told: Callable[[str], None] = lambda _: None
    ) -> tuple[Explanation, tuple[Frame, ...]]:
        """Score, choose frames, ask; the frames that were shown beside it.

        `own`: questions in place of the usual ones; `told`: hears what is being done. Memory holds
        a few numbers per snippet and the chosen frames. Raises `MediaError` as decoding does.
        """
        told(f"scoring {path.name} with {self.scorer.name}")
        curve = score_whole(all_frames(path, max_side_px=self.scorer.max_side_px), self.scorer)
        settings = self.tuned.frames
        frames, start = frames_of(
            self._shot(path, curve),
            tau=settings.tau,
            max_side_px=self.tuned.architecture.max_side_px,
            chance=None,
        )
        told(f"asking about {len(frames)} frames")
        answers = tuple(self._answers(frames, start, own))
        card = self.tuned.card
        said = [judgement_polarity(one.answer) for one in answers if one.task == "judgement"]
        explanation = Explanation(
            video=path.name,
            scorer=self.scorer.name,
            model=f"{card.recipe['name']} on {_name_of(card.base)}, run {card.run_id[:12]}",
            release=f"{card.release_name} ({card.release_sha256[:12]})",
            sampler=settings.sampler,
            frame_seconds=tuple(frame.time_seconds for frame in frames),
            curve=curve,
            events=tuple(found_events(curve, min_score=self.min_score)),
            is_abnormal=said[0] if said else None,
            answers=answers,
        )
        return explanation, frames

    def _shot(self, path: Path, curve: Curve) -> Shot:
        """As `train.mllm.footage` has one of a whole video."""
        edges = np.array([*curve.snippet_starts_seconds, curve.end_seconds], dtype=np.float64)
        num = self.tuned.frames.num
        return Shot(
            id=path.name,
            file=path,
            span=None,
            sampler=self.tuned.frames.sampler,
            scores=Scores(edges - edges[0], np.array(curve.scores)),
            fewest_frames=num,
            most_frames=num,
            exchanges=(),
        )

    def _answers(
        self, frames: Sequence[Frame], start_seconds: float, own: Iterable[str]
    ) -> Iterator[Answer]:
        wanted = [(OWN, question) for question in own]
        wanted = wanted or [(task, questions(pool)[0]) for task, pool in ASKED.items()]
        is_denied = False
        for task, question in wanted:
            if task == "analysis" and is_denied:
                continue
            said = self.tuned.answer(frames, question, start_seconds=start_seconds)
            is_denied = is_denied or (task == "judgement" and judgement_polarity(said) is False)
            yield Answer(task, question, said)


def _name_of(base: str) -> str:
    """A name on the hub as it is; of a folder its own name, as a page may go elsewhere."""
    return Path(base).name if Path(base).is_absolute() else base


def found_events(curve: Curve, *, min_score: float) -> Iterator[FoundEvent]:
    """As `propose` finds them in a video that nobody clicked, in order of time."""
    starts, scores = curve.snippet_starts_seconds, np.array(curve.scores)
    found = events_from_scores(
        scores,
        starts,
        end_seconds=curve.end_seconds,
        settings=replace(ScorePeaks(), min_score=min_score),
    )
    for start, end in found:
        inside = scores[(np.array(starts) >= start) & (np.array(starts) < end)]
        yield FoundEvent(start, end, float(inside.max()))
