"""`vau-data doctor`: what is there, what is missing, and what mends it."""

import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.dataset import Dataset
from engine.doctor import NEEDED
from tests.engine.cli.command_line import REPOSITORY, as_somebody_else, edit_config, vau


def test_doctor_finds_this_installation_well(finished: Path) -> None:
    outcome = vau("doctor", "--json", cwd=finished)
    assert outcome.code == 0, outcome.out
    checks = {check["name"]: check for check in outcome.json}
    assert checks["dataset"]["found"] == str(finished)
    assert {"h264 decoder", "hevc decoder", "libx264 encoder", "own packages"} <= checks.keys()
    assert all(check["level"] != "missing" for check in checks.values())


def test_doctor_looks_for_every_package_that_the_project_depends_on() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[ <>=;]", line)[0] for line in project["dependencies"]}
    assert set(NEEDED) == wanted - {"decord"}  # decord exists for one kind of processor only


def test_doctor_outside_a_dataset_warns_only(tmp_path: Path) -> None:
    outcome = vau("doctor", cwd=tmp_path)
    assert outcome.code == 0
    assert "warning  dataset: " in outcome.out


@pytest.mark.parametrize("locked", [".", "runs", "runs/caption.jsonl"])
def test_doctor_tells_of_what_cannot_be_written_or_read(locked: str, finished: Path) -> None:
    """The first run would have been the one to tell; videos of others were a fault of ours."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(shutil.copytree(finished, Path(folder).resolve() / "ds"))
        for path in (home, *home.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        (home / locked).chmod(0o555 if (home / locked).is_dir() else 0o444)
        (home / "hidden").mkdir(mode=0)
        old = json.dumps(str(Dataset.open(home).videos_dir_path))
        edit_config(home, old, json.dumps(str(home / "hidden" / "videos")))
        with as_somebody_else():
            outcome = vau("doctor", cwd=home)
        home.chmod(0o755)
    assert outcome.code == 1
    assert f"missing  writable: cannot write in {home}: " in outcome.out
    assert "-> chown" in outcome.out
    assert "missing  videos: " in outcome.out


def test_doctor_leaves_no_trace_in_the_dataset(done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file()}
    assert "ok       writable: " in vau("doctor", cwd=done).out
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("free_bytes", "level", "code"),
    [(2**30 * 6, "ok", 0), (2**30, "warning", 0), (2**20, "missing", 1)],
)
def test_doctor_measures_the_space_left_where_the_dataset_lies(
    free_bytes: int, level: str, code: int, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(path: Path) -> SimpleNamespace:
        assert path == finished
        return SimpleNamespace(free=free_bytes)

    monkeypatch.setattr("shutil.disk_usage", usage)
    outcome = vau("doctor", "--json", cwd=finished)
    assert outcome.code == code
    assert {check["name"]: check["level"] for check in outcome.json}["disk"] == level


def test_doctor_tells_of_a_dead_endpoint_and_how_to_mend_it(done: Path) -> None:
    edit_config(
        done,
        '[summarize]\nmodel = "baseline"',
        '[summarize]\nmodel = "tiny"\nendpoints = ["http://127.0.0.1:9/v1"]',
    )
    outcome = vau("doctor", cwd=done)
    assert outcome.code == 1
    assert "missing  [summarize] model: no endpoint answers" in outcome.out
    assert "-> start the server" in outcome.out
