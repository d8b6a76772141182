"""A video explained: what stands out of the scores, and what the model says of chosen frames."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")
pytest.importorskip("peft", reason="peft is not installed (make install-train)")

from engine.errors import MediaError
from engine.media.frames import Frame
from engine.watch import Curve, LiveMotion, score_whole
from tests.videos import constant_rate
from train.mllm.card import MllmCard
from train.mllm.explain import Explainer, Explanation, found_events
from train.mllm.explain_page import explanation_html
from train.mllm.generate import Tuned
from train.mllm.recipe import FramesSection

CARD = MllmCard(
    run_id="f" * 64, family="internvl", base="/weights/base-2b", base_sha256="b" * 64,
    recipe={"name": "holmes-vau"}, seed=0, num_steps=1, num_samples=1, num_trained_weights=1,
    final_loss=None, release_name="v1", release_sha256="a" * 64, rows_path="rows.jsonl",
    scores_sha256=None, skipped={}, vau_data_version="1", versions={},
)  # fmt: skip

FRAMES = FramesSection(sampler="density", num=8, fewest_of_clips=8)


@dataclass
class Saying:
    """Stands where a tuned model would: says what it is told to, and keeps what it was shown."""

    says: dict[str, str] = field(default_factory=dict)
    frames: FramesSection = FRAMES
    card: MllmCard = CARD
    shown: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def architecture(self) -> "Saying":
        return self

    @property
    def max_side_px(self) -> int:
        return 64

    def answer(self, frames: tuple[Frame, ...], question: str, *, start_seconds: float) -> str:
        assert start_seconds == pytest.approx(0)
        self.shown.append(tuple(frame.time_seconds for frame in frames))
        word = "judge" if question.startswith("Why") else question.split()[0]
        return self.says.get(word, "Something happens.")


@dataclass(frozen=True)
class Rising:
    """Scores that are high in the last quarter."""

    name: str = "rising"
    max_side_px: int = 64

    def snippets(self, frames: Any) -> Any:
        return LiveMotion().snippets(frames)

    def scores(self, window: Any) -> Any:
        return np.where(np.arange(len(window)) >= 0.75 * len(window), 0.9, 0.05)


def explained(path: Path, saying: Saying, *own: str) -> tuple[Explanation, tuple[Frame, ...]]:
    return Explainer(cast("Tuned", saying), Rising()).explain(path, own)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """32 seconds at 25 fps."""
    return constant_rate(tmp_path / "street.mp4", num_frames=800)


def test_model_is_shown_more_frames_where_scores_are_high(video: Path) -> None:
    saying = Saying()
    explanation, frames = explained(video, saying)
    times = explanation.frame_seconds
    assert times == tuple(frame.time_seconds for frame in frames)
    assert len(times) == 8
    assert sum(at >= 23.5 for at in times) >= 5
    assert set(saying.shown) == {times}
    (event,) = explanation.events
    assert (event.start_seconds, event.end_seconds) == pytest.approx((24, 32), abs=1.3)
    assert event.score == pytest.approx(0.9)


def test_reasons_are_asked_for_unless_an_anomaly_is_denied(video: Path) -> None:
    calm, _ = explained(video, Saying({"Are": "No anomaly exists."}))
    assert [one.task for one in calm.answers] == ["judgement", "description"]
    assert calm.is_abnormal is False
    abnormal, _ = explained(video, Saying({"Are": "An anomaly exists: a fight."}))
    assert [one.task for one in abnormal.answers] == ["judgement", "description", "analysis"]
    assert abnormal.is_abnormal is True


def test_own_questions_take_the_place_of_the_usual_ones(video: Path) -> None:
    explanation, _ = explained(video, Saying({"Who": "Nobody."}), "Who is there?")
    assert [(one.task, one.answer) for one in explanation.answers] == [("question", "Nobody.")]
    assert explanation.is_abnormal is None


def test_page_shows_curve_events_frames_and_says_no_path(video: Path) -> None:
    explanation, frames = explained(video, Saying({"Are": "A <script> anomaly exists."}))
    page = explanation_html(explanation, frames)
    assert page.count("data:image/jpeg;base64,") == 8
    assert page.count("<circle") == 8
    assert page.count("<rect") == 1
    assert "A &lt;script&gt; anomaly exists." in page
    assert "an anomaly, says the model" in page
    assert "holmes-vau on base-2b" in page
    assert "/weights" not in page


def test_page_of_hours_of_video_draws_the_highest_of_neighbors(video: Path) -> None:
    explanation, frames = explained(video, Saying())
    scores = tuple(1.0 if n == 54_321 else 0.0 for n in range(100_000))
    curve = Curve(tuple(n * 0.64 for n in range(100_000)), 64_000.0, scores)
    page = explanation_html(replace(explanation, curve=curve, events=()), frames)
    points = page.split('<polyline points="')[1].split('"')[0].split()
    assert len(points) <= 2001
    assert sum(point.endswith(",10.0") for point in points) == 1


def test_flat_scores_hold_no_event() -> None:
    curve = Curve((0.0, 1.0, 2.0), 3.0, (0.4, 0.4, 0.4))
    assert list(found_events(curve, min_score=0.0)) == []


def test_a_file_without_a_frame_is_named() -> None:
    with pytest.raises(MediaError, match="no frame to look at"):
        score_whole(iter(()), LiveMotion())
