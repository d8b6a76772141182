from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")
pytest.importorskip("tensorboard", reason="tensorboard is not installed (make install-train)")

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.features import sha256_of
from engine.release import release_bytes
from schemas import Release, ReleaseFile
from tests.builders import a_media, a_video, bring_in
from tests.train.scorer.featured import featured, some_clips
from tests.videos import constant_rate
from train.mllm.plan import Lessons
from train.mllm.pseudo import anomalous_spans, pseudo_lessons, train_phases
from train.mllm.recipe import FramesSection
from train.scorer.recipe import Recipe
from train.scorer.run import TrainOptions

FRAMES = FramesSection(num=4, fewest_of_clips=4)


def a_scorer_recipe() -> Recipe:
    return Recipe(
        name="small-ltc",
        about="Small.",
        network="vador",
        supervision="video",
        num_steps=60,
        num_steps_alone=30,
        draw="videos",
        batch_size=8,
        num_segments=24,
        validate_every=20,
        sizes={"hidden_dim": 16, "context": "ltc", "list_length": 2},
        optimizer={"learning_rate": 1e-2},
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Ten normal and ten abnormal videos with features; all have a file but Fight009."""
    made = featured(tmp_path / "dataset", some_clips(10))
    for clip in some_clips(10):
        name = f"{clip.id}.mp4"
        constant_rate(made.videos_dir_path / name, num_frames=12)
        media = None if clip.id == "Fight009" else a_media(path=name)
        video = a_video(
            clip.id, is_anomalous=clip.event is not None, end_seconds=12.0, media=media,
            categories=("Fighting",) if clip.event else (),
        )  # fmt: skip
        assert bring_in(made, video).unfit == []
    return made


def a_release(dataset: Dataset) -> Path:
    from engine.index import Index
    from engine.release_changes import CONTENTS, CONTENTS_FILE
    from schemas import Video

    folder = dataset.releases_dir_path / "v1"
    folder.mkdir(parents=True)
    ids = sorted(video.id for video in Index(dataset).all(Video))
    lines = [f'{{"id":"{id_}","granularity":"video","text":null,"split":"train"}}' for id_ in ids]
    (folder / CONTENTS_FILE).write_text("\n".join(lines) + "\n")
    file = ReleaseFile(
        path=CONTENTS_FILE,
        format=CONTENTS,
        num_rows=len(lines),
        size_bytes=1,
        sha256=sha256_of(folder / CONTENTS_FILE),
    )
    release = Release(
        name="v1", vau_data_version="0", files=(file,), num_videos=len(lines), num_events=0,
        num_clips=0, num_instructions=0, makers={}, fingerprints={}, num_rejects={},
    )  # fmt: skip
    (folder / "release.json").write_bytes(release_bytes(release))
    return folder


def lessons(dataset: Dataset, out: Path) -> Lessons:
    options = TrainOptions(is_quiet=True)
    scorer = train_phases(dataset, a_scorer_recipe(), out_dir_path=out, options=options)
    return pseudo_lessons(a_release(dataset), dataset, scorer, FRAMES)


def test_answers_are_made_of_the_scores_of_a_scorer_trained_first(
    dataset: Dataset, tmp_path: Path
) -> None:
    found = lessons(dataset, tmp_path / "out")
    assert (tmp_path / "out" / "scorer" / "model.safetensors").is_file()
    answers = {shot.id: shot.exchanges[0].answer for shot in found.shots}
    assert found.left_out["Fight009"] == "no video file"
    assert len(answers) + len(found.left_out) == 20
    normal = {answers[id_] for id_ in answers if id_.startswith("Normal")}
    assert normal == {"No, there are no anomalies."}
    abnormal = [answers[id_] for id_ in answers if id_.startswith("Fight")]
    assert abnormal
    assert all(one.startswith("Yes, there exist anomalies from ") for one in abnormal)
    assert {shot.exchanges[0].question for shot in found.shots} == {
        "Is there any anomaly in the video?"
    }


def test_spans_are_runs_of_snippets_above_one_half() -> None:
    scores = np.array([0.9, 0.2, 0.6, 0.7, 0.5, 0.8])
    edges = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.5]
    assert anomalous_spans(scores, edges) == [(0.0, 1.0), (2.0, 4.0), (5.0, 6.5)]
    assert anomalous_spans(np.zeros(6), edges) == []


def test_a_release_of_which_nothing_can_be_learned_is_refused(
    dataset: Dataset, tmp_path: Path
) -> None:
    options = TrainOptions(is_quiet=True)
    scorer = train_phases(dataset, a_scorer_recipe(), out_dir_path=tmp_path, options=options)
    folder = a_release(dataset)
    empty = Dataset.open(_without_videos(tmp_path / "empty"))
    with pytest.raises(UsageError, match="the dataset does not have it any more"):
        pseudo_lessons(folder, empty, scorer, FRAMES)


def _without_videos(dir_path: Path) -> Path:
    from tests.builders import a_dataset

    return a_dataset(dir_path).dir_path
