"""`validate` of releases and files, `audit`, `check`: what they say and how they end."""

import io
import json
from pathlib import Path

import pytest

from engine.dataset import Dataset
from schemas.review import EditText
from tests.builders import a_review, add_review
from tests.engine.cli.command_line import Outcome, vau

OFFICIAL = "Abuse/Abuse001_x264.mp4 300 Abuse 30 301 -1 -1\n"


READ_FORMS = {
    "hivau-raw": "HIVAU-70k annotations",
    "hivau-single": "instruction rows",
    "hivau-multi": "instruction rows",
    "vad-instruct": "conversations",
    "vad-llama": "VAD-LLaMA's pseudo-instructions",
    "llava": "conversations",
    "llama-factory": "conversations",
    "swift": "conversations",
    "internvl": "instruction rows",
    "trl": "conversations",
}


def test_release_of_ours_has_no_defects_in_any_form_that_is_read(done: Path) -> None:
    flags = [flag for name in READ_FORMS for flag in ("--format", name)]
    exported = vau("export", "--name", "whole", *flags, "--quiet", cwd=done)
    assert exported.code == 0, exported.err
    outcome = vau("validate", "--release", "whole", "--json", "--quiet", cwd=done)
    assert outcome.code == 0, outcome.out
    assert outcome.json["defects"] == []
    kinds = {path.partition("/")[0]: one["kind"] for path, one in outcome.json["files"].items()}
    assert kinds == READ_FORMS
    told = vau("validate", "--release", "whole", "--quiet", cwd=done)
    assert told.err.endswith("no defects found\n")


def test_release_with_a_file_changed_and_one_gone_is_found_out(done: Path) -> None:
    root = done / "releases" / "draft"
    changed, gone, *_ = sorted(
        one
        for one in root.rglob("*")
        if one.suffix in (".json", ".jsonl") and one.name != "release.json"
    )
    changed.write_bytes(changed.read_bytes() + b" ")
    gone.unlink()
    outcome = vau("validate", "--release", "draft", "--json", "--quiet", cwd=done)
    assert outcome.code == 1
    assert outcome.json["counts"] == {"release-file-changed": 1, "release-file-missing": 1}


def test_release_that_there_is_not_exits_2_and_names_those_there_are(done: Path) -> None:
    outcome = vau("validate", "--release", "final", cwd=done)
    assert (outcome.code, "there are: draft" in outcome.err) == (2, True)


def test_several_files_are_told_apart_with_counts_and_what_to_do(tmp_path: Path) -> None:
    official, clicks = tmp_path / "UCF_Annotation.txt", tmp_path / "clicks.csv"
    official.write_text(OFFICIAL)
    clicks.write_text("video-id,glance\nAbuse001_x264,0\nAbuse001_x264,20\n")
    outcome = vau("validate", official, clicks, "--against", official)
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "Abuse001_x264  interval-past-video-end: 30–301, but the video has 300 frames",
        "Abuse001_x264  no-click-row: line 2: frame 0",
        "Abuse001_x264  click-outside-events: line 3: frame 20; official intervals: 30–301",
    ]
    assert "clicks.csv: clicks; 2 rows, 1 videos, 1 rows without a click" in outcome.err
    assert "1 no-click-row: a row says frame 0, which stands for no click; skip it" in outcome.err
    rows = vau("validate", clicks, "--json").json["files"][str(clicks)]["defects"]
    assert rows[0]["remedy"] == "skip it, or it reads as a click"


def test_release_and_files_do_not_go_together(done: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(OFFICIAL)
    assert vau("validate", path, "--release", "draft", cwd=done).code == 2
    assert vau("validate", "--against", path, cwd=done).code == 2


def test_audit_reports_each_rule_and_what_it_would_remove(done: Path) -> None:
    calm = EditText(field="text", text="A man.")
    add_review(Dataset.open(done), a_review("caption", "a_E0C0", calm))
    planned = vau("audit", "--dry-run", "--json", cwd=done)
    assert len(planned.json["audit texts"]) == 3
    report = vau("audit", "--json", "--quiet", cwd=done)
    assert report.code == 0, report.err
    rules = {one["rule"]: one for one in report.json["rules"]}
    assert rules["length-out-of-range"]["num_findings"] == 1
    assert report.json["num_clicks"] == 1
    assert 0 <= report.json["together"]["share_of_clicks"] <= 1
    text = vau("audit", "--quiet", cwd=done).out
    assert "length-out-of-range" in text
    assert "nothing was changed or left out" in text
    listed = vau("audit", "--rule", "length-out-of-range", "--quiet", cwd=done)
    assert listed.out == "caption a_E0C0: 2 words; 3 to 120 are allowed: 'A man.'\n"
    assert vau("audit", "--rule", "lenght", cwd=done).code == 2
    assert "in the texts: " in vau("status", cwd=done).out
    shown = vau("show", "length-out-of-range:caption:a_E0C0", cwd=done)
    assert shown.code == 0, shown.err


def check(cwd: Path, said: str, monkeypatch: pytest.MonkeyPatch, *flags: object) -> Outcome:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    return vau("check", "--at-most", "40%", "--confidence", "0.8", *flags, cwd=cwd)


def test_check_asks_until_the_aim_is_met(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = check(done, "r\nx\nw\n9\n3\nq\n", monkeypatch)
    assert stopped.code == 0, stopped.err
    assert stopped.out.count("asked:    ") == 3
    assert "'x' is none of r, w, u, q" in stopped.err
    assert "'9' is none of 1 to 7" in stopped.err
    assert "2 answers judged" in stopped.out
    assert "1 of them wrong or unsure" in stopped.out
    assert "aimed for: at most 40.0% at 80%" in stopped.out
    finished = check(done, "right\n" * 60, monkeypatch)
    assert "the aim is met" in finished.out
    met = check(done, "", monkeypatch, "--json").json
    assert met["is_met"]
    assert met["num_wrong_in_sample"] == 1
    assert met["sentence"].startswith("wrong answers ≤ ")


def test_merely_looking_begins_no_round(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(done, "", monkeypatch, "--json").json == {"round": None}
    assert not (done / "check_rounds.jsonl").exists()


def test_check_by_csv(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "next.csv"
    assert check(done, "", monkeypatch, "--write", path, "--num", 4).code == 0
    path.write_text(path.read_text().replace(",,\n", ",right,\n"))
    assert "4 answers judged" in check(done, "", monkeypatch, "--read", path).out


@pytest.mark.parametrize("share", ["0", "100%", "five", "-1%"])
def test_share_that_is_none_exits_2(share: str, done: Path) -> None:
    outcome = vau("check", "--at-most", share, cwd=done)
    assert (outcome.code, "write 5% or 0.05" in outcome.err) == (2, True)


def test_schemas_and_records_agree_in_a_dataset_that_was_checked(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(done, "u\n", monkeypatch)
    (line,) = (done / "checks.jsonl").read_text().splitlines()
    assert json.loads(line)["verdict"] == "unsure"
    assert vau("validate", "--quiet", cwd=done).code == 0
