from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ItemError, MediaError
from engine.media.frames import Frame
from engine.models.baseline import BaselineCaptioner
from engine.models.chat import Captioner, CaptionReply, CaptionRequest
from engine.stage import Item, fingerprint_of
from engine.stages.caption import CanaryReply, CaptionItem, CaptionStage, canary_item
from schemas import Caption, Usage
from tests.builders import HUMAN, a_clip, a_human_caption
from tests.canary_reader import read_code
from tests.engine.stages.examples import CLIP_ID, a_caption_item, a_file, edit_prompt
from tests.fakes import ScriptedCaptioner
from tests.videos import read_index


def words(request: CaptionRequest) -> CaptionReply:
    """The ordinals of the frames that were shown."""
    assert isinstance(request.prepared, tuple)
    seen = [read_index(frame.image) for frame in request.prepared if isinstance(frame, Frame)]
    usage = Usage(prompt_tokens=3, output_tokens=len(seen), seconds=0.5)
    return CaptionReply(request.id, " ".join(map(str, seen)), usage)


def another_id(request: CaptionRequest) -> CaptionReply:
    return CaptionReply("Fighting002_E0C0", "A dog barks.", None)


def a_stage(captioner: Captioner | None = None) -> CaptionStage:
    return CaptionStage(
        captioner=captioner or ScriptedCaptioner(words),
        prompt="caption_clip",
        decoder="pyav",
        base_deadline_seconds=10.0,
        deadline_per_video_second=0.1,
    )


def caption(stage: CaptionStage, item: Item[CaptionItem]) -> Caption:
    [loaded] = stage.load([item])
    assert isinstance(loaded, Item)
    [record] = stage.process(loaded)
    assert isinstance(record, Caption)
    return record


def test_the_captioner_sees_frames_of_its_clip_in_order(tmp_path: Path) -> None:
    made = caption(a_stage(), Item(CLIP_ID, a_caption_item(a_file(tmp_path))))
    assert made.id == CLIP_ID
    assert [int(word) for word in made.text.split()] == [18, 31, 43, 56]
    assert made.usage == Usage(prompt_tokens=3, output_tokens=4, seconds=0.5)
    assert made.provenance.name == "openai/scripted"


def test_a_clip_shorter_than_a_frame_shows_the_one_frame_on_screen_once(tmp_path: Path) -> None:
    clip = a_clip(start_seconds=1.001, end_seconds=1.009)
    made = caption(a_stage(), Item(CLIP_ID, a_caption_item(a_file(tmp_path), clip=clip)))
    assert made.text == "25"


def test_a_persons_words_win_and_nothing_is_decoded_or_asked() -> None:
    human = a_human_caption(text="A man in red shouts.")
    item = a_caption_item(Path("gone.mp4"), human_caption=human, video_path=None)
    made = caption(a_stage(ScriptedCaptioner(another_id)), Item(CLIP_ID, item))
    assert (made.text, made.provenance, made.usage) == ("A man in red shouts.", HUMAN, None)


def test_a_reply_about_another_clip_is_refused(tmp_path: Path) -> None:
    item = Item(CLIP_ID, a_caption_item(a_file(tmp_path)))
    with pytest.raises(ItemError, match="answered about Fighting002_E0C0") as caught:
        caption(a_stage(ScriptedCaptioner(another_id)), item)
    assert caught.value.reason == "id_mismatch"


def test_clips_of_one_video_get_their_own_frames_in_whatever_order_they_come(
    tmp_path: Path,
) -> None:
    path, stage = a_file(tmp_path), a_stage()
    late = a_clip(f"{CLIP_ID[:-1]}1", start_seconds=2.0, end_seconds=2.16)
    early = a_clip(CLIP_ID, start_seconds=0.0, end_seconds=0.16)
    items = [Item(clip.id, a_caption_item(path, clip=clip)) for clip in (late, early)]
    found = {item.id: item for item in stage.load(items) if isinstance(item, Item)}
    texts = {id_: next(iter(stage.process(item))) for id_, item in found.items()}
    assert [texts[clip.id].text for clip in (early, late)] == ["0 1 2 3", "50 51 52 53"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ((True, ("Abuse", "Arson")), "There are abnormal events (Abuse, Arson) in the video."),
        ((True, ()), "There are abnormal events (unknown) in the video."),
        ((False, ()), "There is no abnormal events in the video."),
        ((None, ()), ""),
    ],
)
def test_the_label_is_told_only_where_the_hint_is_on(
    label: tuple[bool | None, tuple[str, ...]], told: str
) -> None:
    body = a_caption_item(Path("v.mp4"), is_anomalous=label[0], categories=label[1])
    plain = a_stage().request(Item(CLIP_ID, body)).prompt
    hinted = replace(a_stage(), hint="category").request(Item(CLIP_ID, body)).prompt
    assert hinted == f"{told} {plain}".strip()
    assert "Abuse" not in plain


def test_an_edited_hint_prompt_counts_only_where_the_hint_is_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, hinted = a_stage(), replace(a_stage(), hint="category")
    before = fingerprint_of(plain), fingerprint_of(hinted)
    edit_prompt(monkeypatch, "engine.stages.caption", "caption_clip.abnormal")
    assert fingerprint_of(plain) == before[0]
    assert fingerprint_of(hinted) != before[1]


def test_a_canary_is_shown_its_code_under_its_own_prompt_and_gives_no_caption() -> None:
    def read(request: CaptionRequest) -> CaptionReply:
        assert isinstance(request.prepared, tuple)
        codes = {read_code(one.image) for one in request.prepared if isinstance(one, Frame)}
        assert len(request.prepared) == 4
        return CaptionReply(request.id, f"{request.prompt} {codes}", None, "http://gpu", True)

    stage = a_stage(ScriptedCaptioner(read))
    item = Item("canary:KTR482", canary_item("canary:KTR482", num_frames=4))
    [loaded] = stage.load([item])
    assert isinstance(loaded, Item)
    [reply] = stage.process(loaded)
    assert isinstance(reply, CanaryReply)
    assert (reply.id, reply.endpoint, reply.is_named) == (item.id, "http://gpu", True)
    assert "Write the code" in reply.text
    assert "{'KTR482'}" in reply.text


def test_a_canary_and_clips_may_come_in_one_chunk(tmp_path: Path) -> None:
    items = [
        Item(CLIP_ID, a_caption_item(a_file(tmp_path))),
        Item("canary:KTR482", canary_item("canary:KTR482", num_frames=4)),
    ]
    loaded = [item for item in a_stage().load(items) if isinstance(item, Item)]
    assert {item.id for item in loaded} == {CLIP_ID, "canary:KTR482"}


def test_a_file_that_cannot_be_read_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(MediaError) as caught:
        list(a_stage().load([Item(CLIP_ID, a_caption_item(path))]))
    assert caught.value.reason == "media_unreadable"


@pytest.mark.parametrize(
    ("captioner", "is_another"), [(ScriptedCaptioner(words), True), (BaselineCaptioner(), False)]
)
def test_an_edited_prompt_counts_only_for_captioners_that_are_sent_it(
    captioner: Captioner, is_another: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = a_stage(captioner)
    before = fingerprint_of(stage)
    edit_prompt(monkeypatch, "engine.stages.caption", "caption_clip")
    assert (fingerprint_of(stage) != before) is is_another
