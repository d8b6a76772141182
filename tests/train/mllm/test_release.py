from pathlib import Path
from typing import Any

import orjson
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

from engine.errors import UsageError
from engine.formats import Format
from tests.engine.test_release import an_annotated_dataset, exported
from tests.train.mllm.lessons import a_recipe, a_row, a_scored_dataset, cut_release, write_release
from tests.videos import read_index
from train.mllm.footage import shots_of
from train.mllm.frames import frames_of, times_of
from train.mllm.plan import lessons_of
from train.mllm.recipe import FramesSection
from train.mllm.release import read_release

DENSITY = {"sampler": "density", "num": 4, "fewest_of_clips": 4}


@pytest.mark.parametrize("form", ["internvl", "hivau-single", "llava"])
def test_a_release_that_vau_data_exported_is_read(tmp_path: Path, form: Format) -> None:
    dataset = an_annotated_dataset(tmp_path / "dataset")
    found = read_release(exported(dataset, formats=(form,)).dir_path)
    assert found.file.format == form
    assert {sample.granularity for sample in found.samples} == {"clip", "event", "video"}
    texts = [text for one in found.samples for pair in one.exchanges for text in pair]
    assert texts
    assert not any("<video>" in text for text in texts)


def test_questions_and_answers_come_without_the_video_tag(tmp_path: Path) -> None:
    found = read_release(cut_release(tmp_path / "v1")).samples
    assert found[0].exchanges[0].question == "What happens in this clip?"
    assert found[1].id == "internvl/train.jsonl:2 (v_E0)"
    assert [sample.granularity for sample in found] == ["clip", "event", "video"]


def test_all_turns_of_a_conversation_are_kept(tmp_path: Path) -> None:
    row = a_row(1, "v_E0")
    del row["type"], row["task"]
    row["conversations"] += [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
    [found] = read_release(write_release(tmp_path / "v1", [row], form="llava")).samples
    assert [exchange.question for exchange in found.exchanges] == ["Is there an anomaly?", "Why?"]
    assert found.granularity == "event"


def test_an_export_of_another_family_is_refused_with_what_would_do(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "v1", [a_row(0, "v_E0C0")], form="trl")
    with pytest.raises(UsageError, match=r"holds trl; .* internvl, hivau-single, llava"):
        read_release(folder)
    with pytest.raises(UsageError, match="is no release"):
        read_release(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"conversations": []}, "conversations"),
        ({"messages": []}, "messages"),
        ({"conversations": [{"from": "gpt", "value": "a"}] * 2}, "speakers are gpt, gpt"),
    ],
)
def test_a_row_of_another_shape_is_named_by_line(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    rows = [a_row(0, "v_E0C0"), a_row(1, "v_E0", **changes)]
    with pytest.raises(UsageError, match=f"line 2 is no conversation about a video: .*{told}"):
        read_release(write_release(tmp_path / "v1", rows))


def test_a_file_that_was_changed_after_the_export_is_refused(tmp_path: Path) -> None:
    folder = cut_release(tmp_path / "v1")
    with (folder / "internvl" / "train.jsonl").open("ab") as file:
        file.write(orjson.dumps(a_row(3, "v")) + b"\n")
    with pytest.raises(UsageError, match="is not the file that was exported"):
        read_release(folder)


def test_missing_clips_are_named_before_the_first_step(tmp_path: Path) -> None:
    folder = cut_release(tmp_path / "v1")
    (folder / "folder/events/train/v_E0.mp4").unlink()
    with pytest.raises(UsageError, match=r"1 of 3 samples \(internvl/train.jsonl:2 \(v_E0\)\)"):
        lessons_of(folder, None, a_recipe())


def test_frames_by_scores_need_a_dataset_with_scores(tmp_path: Path) -> None:
    release = read_release(cut_release(tmp_path / "elsewhere" / "v1"))
    with pytest.raises(UsageError, match="is in no dataset"):
        shots_of(release, None, FramesSection(**DENSITY))
    dataset = a_scored_dataset(tmp_path / "dataset")
    row = a_row(1, "w_E0", clip=[0.0, 2.0], video="w.mp4")
    (dataset.videos_dir_path / "w.mp4").write_bytes(b"")
    unknown = read_release(write_release(dataset.releases_dir_path / "v1", [row]))
    with pytest.raises(UsageError, match=r"1 of 1 samples .* without anomaly scores"):
        shots_of(unknown, dataset, FramesSection(**DENSITY))


def test_a_stretch_of_a_source_video_is_shown_where_its_scores_are_high(tmp_path: Path) -> None:
    dataset = a_scored_dataset(tmp_path / "dataset")
    row = a_row(1, "v", video="v.mp4", clip=[2.0, 4.0])
    write_release(dataset.releases_dir_path / "v1", [row])
    recipe = a_recipe(frames=DENSITY)
    lessons = lessons_of(dataset.releases_dir_path / "v1", None, recipe)
    assert lessons.scores_sha256 is not None
    frames, start = frames_of(lessons.shots[0], tau=0.1, max_side_px=160, chance=None)
    assert start == pytest.approx(2.0)
    shown = [read_index(frame.image) for frame in frames]
    assert len(shown) == 4
    assert all(50 <= index < 100 for index in shown)
    assert sum(index >= 75 for index in shown) >= 3


def test_scores_of_a_cut_clip_are_those_of_its_place_in_the_source(tmp_path: Path) -> None:
    dataset = a_scored_dataset(tmp_path / "dataset")
    release = read_release(cut_release(dataset.releases_dir_path / "v1"))
    clip, event, video = shots_of(release, dataset, FramesSection(**DENSITY))
    assert clip.scores is None
    assert event.scores is not None
    assert event.scores.edges_seconds.tolist() == [0.25 * number for number in range(9)]
    assert event.scores.values.tolist() == [0.0] * 8
    assert video.scores is not None
    assert video.scores.values.tolist() == [0.0] * 12 + [1.0] * 4


def test_random_frames_follow_from_seed_epoch_and_sample(tmp_path: Path) -> None:
    folder = cut_release(tmp_path / "v1")
    frames = {"sampler": "random", "clip_sampler": "random", "num": 8, "fewest_of_clips": 2}
    clip, event, _ = lessons_of(folder, None, a_recipe(frames=frames)).shots

    def drawn(shot: Any, chance: str | None) -> list[float]:
        return list(times_of(shot, 4.0, tau=0.1, chance=chance))

    assert drawn(event, "0/0") == drawn(event, "0/0")
    assert drawn(event, "0/0") != drawn(event, "0/1")
    assert [int(at / 0.5) for at in drawn(event, "0/0")] == list(range(8))
    assert len({len(drawn(clip, f"0/{epoch}")) for epoch in range(30)}) == 7
    assert drawn(clip, None) == [0.25 + 0.5 * n for n in range(8)]
