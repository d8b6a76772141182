"""The commands around the pages, as a person types them."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from annotator_ui.accounts import Accounts
from annotator_ui.assign import read_assignments
from engine.dataset import Dataset
from engine.sources.glance import clicks_of_table, read_clicks
from schemas import Video
from tests.annotator_ui.site import Site, add_account, running
from tests.engine.cli.command_line import REPOSITORY, vau
from tests.engine.sources.builders import a_video
from tests.engine.sources.reference import needs_reference_data, reference

VIDEO, OTHER = "Abuse001_x264", "Fighting002_x264"


def test_annotator_is_added_with_the_password_from_standard_input(dataset: Dataset) -> None:
    command = [sys.executable, "-m", "engine.cli.main", "annotators", "add", "ada"]
    done = subprocess.run(
        [*command, "--dataset", str(dataset.dir_path)],
        cwd=REPOSITORY,
        input="correct horse\n",
        text=True,
        capture_output=True,
        check=True,
    )
    assert "added ada" in done.stdout
    assert Accounts.of(dataset).is_right("ada", "correct horse")
    assert vau("annotators", "list", "--json", cwd=dataset.dir_path).json == ["ada"]
    assert vau("annotators", "remove", "ada", cwd=dataset.dir_path).code == 0
    assert vau("annotators", "list", "--json", cwd=dataset.dir_path).json == []


def test_annotator_who_does_not_exist_cannot_be_removed(dataset: Dataset) -> None:
    outcome = vau("annotators", "remove", "ada", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert "there is no annotator 'ada'" in outcome.err


def test_too_short_a_password_is_refused(dataset: Dataset) -> None:
    from engine.errors import UsageError

    with pytest.raises(UsageError, match="8 to 200 characters"):
        Accounts.of(dataset).add("ada", "short")


def test_work_is_divided_and_a_dry_run_writes_nothing(dataset: Dataset) -> None:
    for name in ("ada", "ben"):
        add_account(dataset, name)
    assert vau("assign", "--dry-run", cwd=dataset.dir_path).code == 0
    assert read_assignments(dataset) == []
    outcome = vau("assign", "--overlap", "0.5", cwd=dataset.dir_path)
    assert "assigned 4 videos of round 1, 2 of them to two" in outcome.out
    assert len(read_assignments(dataset)) == 4
    assert "assigned 0 videos" in vau("assign", cwd=dataset.dir_path).out


def test_assigning_to_a_stranger_is_refused(dataset: Dataset) -> None:
    add_account(dataset, "ada")
    outcome = vau("assign", "adda", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert "no annotator is called adda" in outcome.err


def test_review_is_divided_among_those_who_did_not_mark(dataset: Dataset) -> None:
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with running(dataset, local_user=None) as site:
        ada = site.signed_in("ada")
        ada.mark(ada.opaque(VIDEO), 10)
        assert vau("assign", "--round", "2", cwd=dataset.dir_path).code == 0
        (one,) = read_assignments(dataset)
        assert (one.video_id, one.annotators) == (VIDEO, ("ben",))
        assert ada.get("/api/me").json()["round"] == 2
        assert [row["name"] for row in site.signed_in("ben").queue("review")] == [VIDEO]


def test_agreement_is_printed_with_what_it_is_of(dataset: Dataset) -> None:
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with running(dataset, local_user=None) as site:
        for name, frame in (("ada", 10), ("ben", 20)):
            browser = site.signed_in(name)
            opaque = browser.opaque(VIDEO)
            browser.mark(opaque, frame)
            browser.do(opaque, "video.state", state="done")
        outcome = vau("agreement", cwd=dataset.dir_path)
    assert "1 videos marked by two people: 1 and 1 clicks, 1 of them within 2 s" in outcome.out
    assert "no figures below 20 videos" in outcome.out
    assert vau("agreement", "--json", cwd=dataset.dir_path).json["num_matched"] == 1


def marked(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        for name, frames in ((VIDEO, (60, 20)), (OTHER, (30,))):
            for frame in frames:
                browser.mark(browser.opaque(name), frame)
        ignored = browser.mark(browser.opaque(OTHER), 90)
        browser.do(browser.opaque(OTHER), "mark.state", mark=ignored, state="ignored")
        unsure = browser.mark(browser.opaque(OTHER), 95)
        browser.do(browser.opaque(OTHER), "mark.state", mark=unsure, state="unsure")


@pytest.mark.parametrize(
    ("ignored", "rows", "apart"),
    [
        ("drop", [f"{VIDEO},20", f"{VIDEO},60", f"{OTHER},30"], None),
        ("positive", [f"{VIDEO},20", f"{VIDEO},60", f"{OTHER},30", f"{OTHER},90"], None),
        ("separate", [f"{VIDEO},20", f"{VIDEO},60", f"{OTHER},30"], [f"{OTHER},90"]),
    ],
)
def test_clicks_are_written_in_glancevads_form(
    dataset: Dataset, tmp_path: Path, ignored: str, rows: list[str], apart: list[str] | None
) -> None:
    marked(dataset)
    file = tmp_path / "clicks.csv"
    outcome = vau("export", "clicks", file, "--ignored", ignored, cwd=dataset.dir_path)
    assert outcome.code == 0, outcome.err
    assert file.read_text().splitlines() == ["video-id,glance", *rows]
    separate = tmp_path / "clicks.ignored.csv"
    assert separate.exists() is (apart is not None)
    if apart is not None:
        assert separate.read_text().splitlines()[1:] == apart
    assert "1 click" in outcome.out


def test_exported_clicks_come_back_equal_by_import(dataset: Dataset, tmp_path: Path) -> None:
    marked(dataset)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    vau("export", "clicks", first, cwd=dataset.dir_path)
    for name in ("clicks.jsonl", "runs/annotate.jsonl", "annotations.jsonl"):
        (dataset.dir_path / name).unlink()
    assert vau("import", "clicks", first, cwd=dataset.dir_path).code == 0
    assert vau("export", "clicks", second, cwd=dataset.dir_path).code == 0
    assert first.read_text() == second.read_text()


@needs_reference_data
@pytest.mark.parametrize("name", ["ucf_glance_annotations.csv", "xd_glance_annotations.csv"])
def test_published_clicks_come_out_as_they_went_in(tmp_path: Path, name: str) -> None:
    """All but their order and the one row that says that there is no click."""
    import numpy as np

    from engine.click_export import export_clicks
    from engine.dataset import Dataset as AnyDataset
    from tests.builders import a_dataset, bring_in

    path = reference("clicks") / name
    table = read_clicks(path)
    videos: dict[str, Video] = {row.name: a_video(row.name) for row in table.rows}
    times = np.arange(1 + max(row.frame for row in table.rows)) / 30
    clicks = clicks_of_table(table, videos=videos, frame_times_of=lambda _video: times).clicks
    dataset: AnyDataset = a_dataset(tmp_path / "dataset")
    bring_in(dataset, *videos.values(), *clicks)
    done = export_clicks(dataset, tmp_path / "out.csv")
    rows = [line for line in path.read_text().splitlines() if not line.endswith(",0")]
    assert sorted((tmp_path / "out.csv").read_text().splitlines()) == sorted(rows)
    assert done.num_clicks == len(table.rows)


def test_unknown_word_for_ignored_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    outcome = vau("export", "clicks", tmp_path / "c.csv", "--ignored", "keep", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert "drop|positive|separate" in outcome.err


def test_export_of_a_release_is_still_the_command_without_a_word_after_it(
    dataset: Dataset,
) -> None:
    outcome = vau("export", "--name", "x", cwd=dataset.dir_path)
    assert "there is nothing to export yet" in outcome.err


def test_another_host_without_accounts_is_refused(dataset: Dataset) -> None:
    outcome = vau("annotate", "--host", "0.0.0.0", "--no-browser", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert "vau-data annotators add NAME" in outcome.err


def test_port_in_use_is_told(site: Site, dataset: Dataset) -> None:
    port = site.url.rpartition(":")[2]
    outcome = vau("annotate", "--port", port, "--no-browser", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert f"port {port}" in outcome.err


def test_page_of_the_command_answers_until_it_is_interrupted(dataset: Dataset) -> None:
    command = [sys.executable, "-m", "engine.cli.main", "annotate", "--no-browser", "--port", "0"]
    running_command = subprocess.Popen(
        [*command, "--dataset", str(dataset.dir_path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running_command.stdout is not None
    line = running_command.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line
    with httpx.Client(base_url=found[0], follow_redirects=True) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "vau-player" in page.text
    running_command.send_signal(signal.SIGINT)
    _, err = running_command.communicate(timeout=30)
    assert running_command.returncode == 0, err
    assert "all that was acknowledged is on disk" in err
