"""A dataset with footage, made once; tests that change anything get a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.dataset import Dataset
from tests.annotator_ui.site import Browser, Site, add_account, ingest, running
from tests.builders import a_dataset, add_video

CONFIG = "[annotate]\nblind_share = 0.0\n"


@pytest.fixture(scope="session")
def _footage_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`Abuse001_x264` and `Fighting002_x264`, 4 s each; `Normal_Videos003`, 2 s; `old`, an AVI."""
    dataset = a_dataset(tmp_path_factory.mktemp("footage") / "dataset", CONFIG)
    for name in ("Abuse001_x264.mp4", "Fighting002_x264.mp4"):
        add_video(dataset, name)
    add_video(dataset, "Normal_Videos003.mp4", num_frames=50)
    add_video(dataset, "old.avi", num_frames=30)
    ingest(dataset)
    return dataset.dir_path


@pytest.fixture
def dataset(_footage_once: Path, tmp_path: Path) -> Dataset:
    """A copy of its own."""
    target = tmp_path / "dataset"
    shutil.copytree(_footage_once, target, ignore=shutil.ignore_patterns(".locks"))
    return Dataset.open(target)


@pytest.fixture
def site(dataset: Dataset) -> Iterator[Site]:
    """A server without accounts."""
    with running(dataset) as found:
        yield found


@pytest.fixture
def browser(site: Site) -> Browser:
    """The one person's."""
    return site.browser()


@pytest.fixture
def team(dataset: Dataset) -> Iterator[Site]:
    """A server with two accounts."""
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with running(dataset, local_user=None) as found:
        yield found


@pytest.fixture
def ada(team: Site) -> Browser:
    """Hers."""
    return team.signed_in("ada")


@pytest.fixture
def ben(team: Site) -> Browser:
    """His."""
    return team.signed_in("ben")
