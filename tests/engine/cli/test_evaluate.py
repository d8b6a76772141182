from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from tests.engine.cli.command_line import Outcome, vau
from tests.train.golden import REFERENCE, figures, needs_reference

UCF = """Abuse028_x264.mp4  Abuse  16  48  -1  -1
Arson011_x264.mp4  Arson  0  16  64  80
Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1
"""
FRAMES = {"Abuse028_x264": 80, "Arson011_x264": 80, "Normal_Videos_003_x264": 40}
SCORES = {
    "Abuse028_x264": [0.1, 0.9, 0.8, 0.1, 0.1],
    "Arson011_x264": [0.7, 0.2, 0.2, 0.6, 0.7],
    "Normal_Videos_003_x264": [0.1, 0.6, 0.0],
}


def evaluate(dir_path: Path, *more: object, **files: object) -> Outcome:
    """Write annotations, frames and scores, then measure."""
    dir_path.mkdir(exist_ok=True)
    (dir_path / "a.txt").write_text(str(files.get("annotations", UCF)))
    (dir_path / "frames.json").write_bytes(orjson.dumps(files.get("frames", FRAMES)))
    (dir_path / "scores.json").write_bytes(orjson.dumps(files.get("scores", SCORES)))
    named = ("--annotations", dir_path / "a.txt", "--scores", dir_path / "scores.json")
    return vau("evaluate", "detection", *named, "--frames", dir_path / "frames.json", *more)


@needs_reference
def test_published_labels_and_figures_follow_from_the_annotation_file(tmp_path: Path) -> None:
    data = REFERENCE / "data" / "ucf_crime"
    labels = np.load(data / "frame_labels.npz")["labels"]
    lengths = orjson.loads((data / "frame_label_lengths.json").read_bytes())
    noise = np.random.Generator(np.random.PCG64(5)).random(len(labels) // 16)
    scores = (0.5 * labels.reshape(-1, 16).mean(1) + noise).astype(np.float32)
    edges = np.cumsum([0, *(num_frames // 16 for _, num_frames in lengths)])
    (tmp_path / "scores").mkdir()
    for place, (video_id, _) in enumerate(lengths):
        np.save(tmp_path / "scores" / f"{video_id}.npy", scores[edges[place] : edges[place + 1]])
    found = vau(
        *("evaluate", "detection", "--json", "--scores", tmp_path / "scores"),
        *("--annotations", data / "Temporal_Anomaly_Annotation.txt"),
        *("--frames", data / "frame_label_lengths.json"),
    ).json
    wanted = figures()["metrics_ucf"]
    every, abnormal = found["all_videos"], found["abnormal_videos"]
    assert (found["num_videos"], found["num_abnormal_videos"]) == (290, 140)
    assert (every["num_frames"], every["num_abnormal_frames"]) == (1109680, 84128)
    assert every["roc_auc"] == pytest.approx(wanted["roc_auc"], abs=1e-9)
    assert every["average_precision"] == pytest.approx(wanted["average_precision_score"], abs=1e-9)
    trapezoid = wanted["ap_pr_trapz(UR-DMU definition)"]
    assert every["pr_auc_trapezoid"] == pytest.approx(trapezoid, abs=1e-9)
    assert abnormal["roc_auc"] == pytest.approx(wanted["roc_auc_abnormal_videos"], abs=1e-9)
    assert abnormal["pr_auc_trapezoid"] == pytest.approx(wanted["ap_abnormal_videos"], abs=1e-9)
    alarms = found["normal_videos"]["false_alarm_rate"]
    assert alarms == pytest.approx(wanted["FAR@0.5_on_normal_videos"], abs=1e-9)
    assert len(found["by_category"]) == 13


def test_the_table_names_every_figure(tmp_path: Path) -> None:
    text = evaluate(tmp_path).out
    assert "3 videos, 2 of them abnormal" in text
    for words in ("ROC AUC", "average precision", "PR AUC, trapezoid", "false alarms at 0.5"):
        assert words in text
    assert "| Abuse | 80 | 32 | 1.0000 |" in text
    assert "| normal videos only | 40 | 0 | - | - | - | 0.4000 |" in text
    assert "| tIoU | 0.1 | 0.2 | 0.3 | 0.4 | 0.5 | 0.6 | 0.7 | mean |" in text


def test_every_video_tells_how_many_frames_it_should_have_and_has(tmp_path: Path) -> None:
    lines = {line["video_id"]: line for line in evaluate(tmp_path, "--json").json["videos"]}
    normal = lines["Normal_Videos_003_x264"]
    assert (normal["num_frames_expected"], normal["num_frames_scored"]) == (40, 48)
    assert lines["Arson011_x264"]["num_abnormal_frames"] == 32


def test_labels_that_do_not_line_up_are_an_error_with_the_videos_name(tmp_path: Path) -> None:
    """The trap: labels floor to 16 frames where features ceil, and nobody noticed."""
    outcome = evaluate(tmp_path, frames=FRAMES | {"Arson011_x264": 81})
    assert outcome.code == 2
    assert "Arson011_x264: expected 81 frames, which are 6 snippets, got 5 scores" in outcome.err
    assert "80 frames" in outcome.err


def test_intervals_beyond_a_video_are_refused_by_name(tmp_path: Path) -> None:
    frames = FRAMES | {"Abuse028_x264": 16}
    outcome = evaluate(tmp_path, frames=frames, scores=SCORES | {"Abuse028_x264": [0.5]})
    assert outcome.code == 2
    assert "Abuse028_x264: frames 16 to 48 are marked, but the video has 16" in outcome.err


def test_a_video_that_the_annotations_lack_is_named(tmp_path: Path) -> None:
    outcome = evaluate(tmp_path, scores=SCORES | {"Fighting003_x264": [0.5]})
    assert outcome.code == 2
    assert "says nothing of Fighting003_x264, which has scores" in outcome.err


def test_a_video_without_scores_is_named_and_left_out_only_on_request(tmp_path: Path) -> None:
    some = {video_id: SCORES[video_id] for video_id in list(SCORES)[1:]}
    outcome = evaluate(tmp_path, scores=some)
    assert outcome.code == 2
    assert "no scores for Abuse028_x264; score it" in outcome.err
    assert evaluate(tmp_path, "--partial", "--json", scores=some).json["num_videos"] == 2


def test_nobody_knowing_how_many_frames_there_are_is_said(tmp_path: Path) -> None:
    frames = {video_id: FRAMES[video_id] for video_id in list(FRAMES)[1:]}
    outcome = evaluate(tmp_path, frames=frames)
    assert outcome.code == 2
    assert "how many frames has Abuse028_x264?" in outcome.err
    assert "--frames FILE.json" in outcome.err


def test_scores_that_are_no_numbers_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    for video_id, scores in SCORES.items():
        np.save(tmp_path / "scores" / f"{video_id}.npy", np.array(scores))
    np.save(tmp_path / "scores" / "Arson011_x264.npy", np.array([0.1, np.nan, 0, 0, 0]))
    outcome = evaluate(tmp_path, "--scores", tmp_path / "scores")
    assert outcome.code == 2
    assert "Arson011_x264: the score of snippet 1 is nan" in outcome.err
    np.save(tmp_path / "scores" / "Arson011_x264.npy", np.zeros((5, 2)))
    assert "shape (5, 2)" in evaluate(tmp_path, "--scores", tmp_path / "scores").err


def test_normal_videos_that_xd_violence_leaves_out_are_known_by_their_names(
    tmp_path: Path,
) -> None:
    fight = "v=S-7rRLrxnVQ__#1_label_B4-0-0"
    normal = "A.Beautiful.Mind.2001__#00-01-45_00-02-50_label_A"
    found = evaluate(
        tmp_path,
        "--json",
        annotations=f"{fight} 16 32\n",
        frames={fight: 48, normal: 32},
        scores={fight: [0.1, 0.9, 0.1], normal: [0.2, 0.2]},
    ).json
    assert (found["num_videos"], found["num_abnormal_videos"]) == (2, 1)
    assert found["all_videos"]["roc_auc"] == 1.0


def test_proposals_are_measured_against_the_marked_stretches(tmp_path: Path) -> None:
    scores = [0.05] * 20 + [0.9] * 10 + [0.05] * 20
    found = evaluate(
        tmp_path,
        "--json",
        annotations="Abuse028_x264.mp4  Abuse  320  480  -1  -1\n",
        frames={"Abuse028_x264": 800},
        scores={"Abuse028_x264": scores},
    ).json["proposals"]
    assert (found["num_proposals"], found["num_events"]) == (1, 1)
    assert found["average_precision"]["0.5"] == 1.0
    assert list(found["average_precision"]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]


def test_pictures_and_tables_are_written_where_asked(tmp_path: Path) -> None:
    outcome = evaluate(tmp_path, "--out", tmp_path / "report")
    assert outcome.code == 0
    out = tmp_path / "report"
    assert (out / "report.md").read_text() == outcome.out
    assert orjson.loads((out / "report.json").read_bytes())["num_videos"] == 3
    pictures = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert pictures == [
        "precision_recall.png",
        "roc.png",
        *(f"tracks/{video_id}.png" for video_id in sorted(SCORES)),
    ]
    for name in pictures:
        with Image.open(out / name) as picture:
            assert len(picture.convert("RGB").getcolors(100_000) or ()) > 10


@pytest.mark.parametrize("name", ["scores.txt", "nothing.json"])
def test_files_that_hold_no_scores_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[1]")
    outcome = evaluate(tmp_path, "--scores", tmp_path / name)
    assert outcome.code == 2
    assert name in outcome.err
