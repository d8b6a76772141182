"""The contact sheet: a page that opens, has its parts, and loses nothing over the edge."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.errors import MediaError
from engine.sheets.contact_sheet import MAX_CLIPS_PER_EVENT, MAX_EVENTS, contact_sheet
from engine.sheets.page import PAGE_WIDTH_PX
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Click, Clip, Event, Provenance, ScoreTrack, Summary, Video
from tests.demo_fixture import demo_video

BASELINE = Provenance(made_by="model", name="baseline/captioner-1")
REAL = Provenance(made_by="model", name="openai/some-model")
RULE = Provenance(made_by="rule", name="rule/clip-uniform")
PAPER = (251, 250, 247)
LONG_TEXT = "A medium-sized moving region goes from the left to the right at middle distance. " * 6


def a_summary(segment_id: str, *, is_anomalous: bool) -> Summary:
    judgement = "The anomaly exists, specifically a Fighting anomaly."
    return Summary(
        id=segment_id, video_id="arcade", granularity="event", is_anomalous=is_anomalous,
        text=judgement, judgement=judgement, description=LONG_TEXT, analysis=LONG_TEXT,
        provenance=BASELINE,
    )  # fmt: skip


def an_event(number: int, *, start: float, end: float, num_clips: int, text: str) -> EventNode:
    event_id = f"arcade_E{number}"
    step = (end - start) / max(num_clips, 1)
    nodes = []
    for index in range(num_clips):
        clip = Clip(
            id=f"{event_id}C{index}", video_id="arcade", event_id=event_id,
            start_seconds=start + index * step, end_seconds=start + (index + 1) * step,
            human_caption_id=None, provenance=RULE,
        )  # fmt: skip
        caption = Caption(id=clip.id, video_id="arcade", text=text, provenance=BASELINE)
        nodes.append(ClipNode(clip, caption))
    event = Event(
        id=event_id, video_id="arcade", start_seconds=start, end_seconds=end, is_anomalous=True,
        categories=("Fighting",), origin="click", is_confirmed=False, click_ids=(), provenance=RULE,
    )  # fmt: skip
    return EventNode(event, tuple(nodes), a_summary(event_id, is_anomalous=True))


def a_node(*events: EventNode, video_id: str = "arcade") -> VideoNode:
    video = Video(
        id=video_id, source="folder", split="train", is_anomalous=True, categories=("Fighting",),
        start_seconds=0.0, end_seconds=36.0, num_frames=450, fps=12.5, media=None, provenance=RULE,
    )  # fmt: skip
    return VideoNode(video, events, a_summary(video_id, is_anomalous=True), ())


def a_track() -> ScoreTrack:
    starts = tuple(1.28 * index for index in range(28))
    scores = tuple(abs(float(np.sin(index / 3))) for index in range(28))
    return ScoreTrack(
        id="arcade", video_id="arcade", snippet_starts_seconds=starts, end_seconds=36.0,
        scores=scores, provenance=RULE,
    )  # fmt: skip


def a_click(time_seconds: float) -> Click:
    return Click(
        id="arcade_K0", video_id="arcade", time_seconds=time_seconds, frame=None, is_live=False,
        source="human", state="confirmed", author="a person", provenance=RULE,
    )  # fmt: skip


def drawn(
    node: VideoNode,
    *,
    track: ScoreTrack | None = None,
    clicks: tuple[Click, ...] = (),
    has_file: bool = True,
) -> NDArray[np.uint8]:
    path = demo_video("arcade") if has_file else None
    page = contact_sheet(node, path, score_track=track, clicks=clicks)
    with Image.open(BytesIO(page)) as image:
        image.load()
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, float]]:
    """Every piece of text that was drawn, with its left and right edge."""
    pieces: list[tuple[str, float, float]] = []
    original = ImageDraw.ImageDraw.text

    def spy(
        self: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, **kwargs: object
    ) -> None:
        box = self.textbbox(xy, text, font=kwargs["font"], anchor="ls")  # type: ignore[arg-type]
        pieces.append((text, box[0], box[2]))
        original(self, xy, text, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", spy)
    return pieces


def test_page_is_as_wide_as_promised_and_keeps_its_margins_clean() -> None:
    events = [an_event(n, start=8.0 + n, end=16.8, num_clips=5, text=LONG_TEXT) for n in range(3)]
    page = drawn(a_node(*events), track=a_track(), clicks=(a_click(0.0), a_click(36.0)))
    assert page.shape[1] == PAGE_WIDTH_PX
    for strip in (page[:, :40], page[:, -40:], page[:40], page[-40:]):
        assert (strip == PAPER).all()


def test_thumbnails_show_the_frames_of_their_clips() -> None:
    one = an_event(0, start=8.8, end=11.0, num_clips=1, text="Two regions meet.")
    page = drawn(a_node(one))
    colourful = np.ptp(page.astype(int), axis=2) > 60
    column = colourful[:, 56 : 56 + 350].sum(axis=1)
    assert (column > 40).sum() > 20


@pytest.mark.parametrize("num_events", [0, 1, 3])
def test_page_grows_with_every_event(num_events: int) -> None:
    events = [
        an_event(n, start=5.0 * n, end=5.0 * n + 4, num_clips=2, text="Still.")
        for n in range(num_events)
    ]
    page = drawn(a_node(*events))
    assert 250 + 400 * num_events < page.shape[0] < 800 + 800 * num_events


def test_events_and_clips_beyond_the_cap_are_counted_and_not_drawn() -> None:
    def height(num_events: int, num_clips: int) -> int:
        events = [
            an_event(n, start=float(n), end=n + 1.0, num_clips=num_clips, text="Still.")
            for n in range(num_events)
        ]
        return int(drawn(a_node(*events)).shape[0])

    full = height(MAX_EVENTS, 1)
    assert full < height(MAX_EVENTS + 3, 1) < full + 60
    row = height(1, MAX_CLIPS_PER_EVENT)
    assert row < height(1, MAX_CLIPS_PER_EVENT + 5) < row + 60


def test_clicks_and_scores_are_drawn_in_their_colors() -> None:
    node = a_node()
    without = drawn(node)
    with_both = drawn(node, track=a_track(), clicks=(a_click(12.0),))
    x = round(56 + (PAGE_WIDTH_PX - 112) * 12 / 36)
    assert with_both.shape[0] > without.shape[0] + 100
    assert (with_both[:, x] == (179, 64, 47)).all(axis=1).sum() > 80
    assert (with_both == (63, 99, 137)).all(axis=2).sum() > 1000


def test_baseline_note_stands_only_where_the_baseline_wrote_something() -> None:
    written = a_node(an_event(0, start=1.0, end=3.0, num_clips=1, text="Still."))
    events = tuple(
        EventNode(
            node.event,
            tuple(
                ClipNode(c.clip, c.caption and c.caption.model_copy(update={"provenance": REAL}))
                for c in node.clips
            ),
            None,
        )
        for node in written.events
    )
    real = VideoNode(written.video, events, None, ())
    note = (246, 236, 214)
    assert (drawn(written) == note).all(axis=2).sum() > 20_000
    assert not (drawn(real) == note).all(axis=2).any()


def test_no_text_is_wider_than_its_place(written: list[tuple[str, float, float]]) -> None:
    name = "v=very-long-name__#00-14-30_00-16-59_label_B1-B2-G" * 4
    node = a_node(an_event(0, start=1.0, end=3.0, num_clips=4, text="word" * 60), video_id=name)
    drawn(node, track=a_track(), clicks=(a_click(2.0),))
    assert min(left for _, left, _ in written) >= 54
    assert max(right for _, _, right in written) <= PAGE_WIDTH_PX - 54


def test_lone_clip_fills_its_row_with_pictures_and_not_with_paper() -> None:
    """Most events of real videos have one clip: three quarters of the row stood empty."""
    page = drawn(a_node(an_event(0, start=8.8, end=11.0, num_clips=1, text="Two regions meet.")))
    colorful = np.ptp(page.astype(int), axis=2) > 60
    for column in range(4):
        left = 56 + column * (355 + 22)
        assert (colorful[:, left : left + 355].sum(axis=1) > 10).sum() > 20


def test_events_stand_in_order_of_time_under_the_numbers_of_their_ids(
    written: list[tuple[str, float, float]],
) -> None:
    """Numbers are never given twice, so that E4 may well come before E1."""
    late = an_event(1, start=20.0, end=24.0, num_clips=1, text="Still.")
    early = an_event(4, start=2.0, end=6.0, num_clips=1, text="Still.")
    drawn(a_node(late, early))
    titles = [text for text, *_ in written if text.startswith("E") and " to " in text]
    assert titles == ["E4 · 2.0 to 6.0 s", "E1 · 20.0 to 24.0 s"]


def test_event_too_narrow_for_its_name_has_it_beside(
    written: list[tuple[str, float, float]],
) -> None:
    """In a long video all bars are narrow: none could be told from another."""
    spans = [(5.0, 5.1), (5.3, 5.4), (35.9, 36.0)]
    events = [
        an_event(n, start=start, end=end, num_clips=0, text="")
        for n, (start, end) in enumerate(spans)
    ]
    drawn(a_node(*events))
    names = {text: left for text, left, _ in written if text in ("E0", "E1", "E2")}
    assert names.keys() == {"E0", "E1", "E2"}
    assert names["E0"] > 56 + (PAGE_WIDTH_PX - 112) * 5.1 / 36


def test_time_line_counts_in_round_seconds_also_where_the_video_starts_late(
    written: list[tuple[str, float, float]],
) -> None:
    node = a_node()
    video = node.video.model_copy(update={"start_seconds": 1.4, "end_seconds": 37.4})
    drawn(VideoNode(video, (), None, ()))
    ticks = [text for text, *_ in written if text.endswith(" s") and "·" not in text]
    assert ticks == ["5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s"]


def test_video_without_a_file_has_a_page_without_pictures(
    written: list[tuple[str, float, float]],
) -> None:
    node = a_node(an_event(0, start=1.0, end=3.0, num_clips=2, text="Two people talk."))
    page = drawn(node, has_file=False)
    assert any("no video file here" in text for text, *_ in written)
    assert [text for text, *_ in written].count("Two people talk.") == 2
    assert page.shape[0] < drawn(node).shape[0] - 150


def test_a_missing_video_file_is_a_media_error(tmp_path: Path) -> None:
    node = a_node(an_event(0, start=1.0, end=3.0, num_clips=1, text="Still."))
    with pytest.raises(MediaError):
        contact_sheet(node, tmp_path / "gone.mp4", score_track=None, clicks=())
