"""Footage in a bucket: read on every machine through its own cache."""

from pathlib import Path

import pytest
from s3fs import S3FileSystem

from engine.dataset import Dataset
from engine.errors import MediaError, ServiceError, UsageError
from engine.executors.local import LocalExecutor
from engine.flow import run_step
from engine.index import Index
from engine.media.cache import cache_dir_path
from engine.media.remote import RemoteFile, RemoteFolder, at_hand
from engine.media_export import export_media
from engine.runner import RunOptions
from engine.setup import Footage, init_dataset
from engine.trees import Trees
from schemas import Caption, Reject, Video
from tests.builders import a_dataset, live, reconfigured, run_all, run_named, step_named
from tests.ray.clusters import OneCpuNodes, on
from tests.ray.store import SHARED_VIDEOS, S3Store

pytestmark = [
    pytest.mark.timeout(280),
    pytest.mark.skipif(not SHARED_VIDEOS.is_dir(), reason=f"{SHARED_VIDEOS} is not there"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
ODD_NAME = "v=JfLYNEsrTew__#1_label_G-0-0_52_431.mp4"
VIDEOS = ("explosion2.mp4", "car_accident.mp4", ODD_NAME)
URL = "s3://footage/some videos"


@pytest.fixture(scope="module")
def filled(store: S3Store) -> S3Store:
    """A bucket of real videos, a damaged one, and what is no video."""
    store.put("footage", {f"some videos/street/{name}": SHARED_VIDEOS / name for name in VIDEOS})
    store.put("footage", {"some videos/street/rotten.mp4": Path(__file__)})
    store.put("footage", {"some videos/notes.txt": Path(__file__)})
    store.put("footage", {"other/explosion2.mp4": SHARED_VIDEOS / "explosion2.mp4"})
    return store


@pytest.fixture(autouse=True)
def _fresh(filled: S3Store) -> None:
    """No copy of an earlier test, and no connection made with other credentials."""
    S3FileSystem.clear_instance_cache()
    empty_cache()


def empty_cache() -> None:
    for path in cache_dir_path().iterdir():
        path.unlink()


def a_file(name: str, *, url: str = URL, cache_bytes: int = 1 << 30) -> RemoteFile:
    return RemoteFile(RemoteFolder(url, cache_bytes), f"street/{name}", size_bytes=0)


def fetched(file: RemoteFile) -> bytes:
    with at_hand(file) as path:
        return path.read_bytes()


@pytest.mark.parametrize("where", ["here", "on the cluster"])
def test_videos_of_a_bucket_are_ingested_scored_captioned_and_cut(
    where: str, filled: S3Store, cluster: OneCpuNodes, tmp_path: Path
) -> None:
    settings = f'[videos]\npath = "{URL}/"\n[score]\nvideos = "all"\n'
    dataset = a_dataset(tmp_path / "dataset", settings)
    environment = filled.environment | {"VAU_DATA_CACHE": str(tmp_path / "cache of nodes")}
    make = LocalExecutor(workers=1) if where == "here" else on(cluster, environment=environment)
    with make as executor:
        reports = run_all(dataset, executor=executor)
        index = Index(dataset)
        nodes = [Trees(index).of("explosion2")]
        assert export_media(index, nodes, tmp_path / "cuts", executor=executor) == {}
    assert reports["ingest"].rejects == {"media_unreadable": 1}
    assert {report.num_rejected for label, report in reports.items() if label != "ingest"} == {0}
    assert reports["score"].num_done == len(VIDEOS)
    assert sum(1 for _ in index.all(Caption)) == reports["caption"].num_done > 0
    assert list((tmp_path / "cuts").rglob("*.mp4"))


def test_footage_that_moves_into_a_bucket_is_probed_again_and_nothing_else(
    tmp_path: Path,
) -> None:
    dataset = a_dataset(tmp_path / "dataset", f'[videos]\npath = "{SHARED_VIDEOS}"\n')
    for name in VIDEOS:
        target = dataset.dir_path / "videos" / "street" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((SHARED_VIDEOS / name).read_bytes())
    local = reconfigured(dataset, "")
    with LocalExecutor(workers=1) as executor:
        run_all(local, executor=executor)
        before = live(local)
        remote = reconfigured(local, f'[videos]\npath = "{URL}"\n')
        reports = run_all(remote, executor=executor)
    assert reports["ingest"].num_done == len(VIDEOS)
    assert all(report.num_done == 0 for label, report in reports.items() if label != "ingest")
    assert live(remote) == before


def test_a_bucket_that_did_not_change_is_not_fetched_to_see_that(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset", f'[videos]\npath = "{URL}"\n')
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
        empty_cache()
        [report] = run_named(dataset, "ingest", executor=executor)
    assert report.num_done == 0
    assert not list(cache_dir_path().iterdir())


def test_a_file_that_was_replaced_in_the_bucket_is_fetched_and_ingested_again(
    filled: S3Store, tmp_path: Path
) -> None:
    filled.put("changing", {"a.mp4": SHARED_VIDEOS / "car_accident.mp4"})
    dataset = a_dataset(tmp_path / "dataset", '[videos]\npath = "s3://changing"\n')
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
        filled.put("changing", {"a.mp4": SHARED_VIDEOS / "explosion2.mp4"})
        [report] = run_named(dataset, "ingest", executor=executor)
    assert report.num_done == 1
    media = Index(dataset).get(Video, "a").media
    assert media is not None
    assert media.size_bytes == (SHARED_VIDEOS / "explosion2.mp4").stat().st_size


def test_a_file_that_vanished_is_rejected_and_done_when_it_is_back(
    filled: S3Store, tmp_path: Path
) -> None:
    filled.put("shaky", {name: SHARED_VIDEOS / name for name in VIDEOS[:2]})
    dataset = a_dataset(
        tmp_path / "dataset", '[videos]\npath = "s3://shaky"\n[score]\nvideos = "all"\n'
    )
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
        empty_cache()
        filled.remove("shaky/car_accident.mp4")
        [report] = run_named(dataset, "score", executor=executor)
        assert report.rejects == {"media_unreachable": 1}
        detail = dataset.record_path(Reject).read_text()
        assert "s3://shaky/car_accident.mp4" in detail
        assert "put it back" in detail
        filled.put("shaky", {"car_accident.mp4": SHARED_VIDEOS / "car_accident.mp4"})
        again = RunOptions(retry_rejects=True, is_quiet=True)
        report = run_step(dataset, step_named("score"), executor=executor, options=again)
        assert (report.num_done, report.num_rejected) == (1, 0)


def test_init_looks_into_the_bucket(tmp_path: Path) -> None:
    made = init_dataset(tmp_path / "new", Footage(RemoteFolder(URL, 0)))
    assert made.num_videos == len(VIDEOS) + 1
    assert Dataset.open(made.dir_path).videos_folder == RemoteFolder(URL, 50 << 30)


def test_a_bucket_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset", '[videos]\npath = "s3://nowhere/x"\n')
    with pytest.raises(UsageError, match=r"s3://nowhere/x cannot be listed: .*no such bucket"):
        run_named(dataset, "ingest")


def test_an_unknown_kind_of_store_is_a_usage_error(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset", '[videos]\npath = "s4://footage"\n')
    with pytest.raises(UsageError, match=r"pip install 'vau-data\[s3\]'"):
        run_named(dataset, "ingest")


def test_wrong_credentials_stop_the_run_with_what_to_set(filled: S3Store, tmp_path: Path) -> None:
    filled.check_keys(is_checked=True)
    try:
        dataset = a_dataset(tmp_path / "dataset", f'[videos]\npath = "{URL}"\n')
        with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID"):
            run_named(dataset, "ingest")
        with pytest.raises(ServiceError, match="AWS_ACCESS_KEY_ID"):
            fetched(a_file("explosion2.mp4"))
    finally:
        filled.check_keys(is_checked=False)


def test_no_credentials_at_all_are_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    dataset = a_dataset(tmp_path / "dataset", '[videos]\npath = "s3://secretive"\n')
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID"):
        run_named(dataset, "ingest")


def test_a_store_that_does_not_answer_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ServiceError, match="AWS_ENDPOINT_URL"):
        fetched(a_file("explosion2.mp4", url="s3://elsewhere"))


def test_names_with_signs_of_urls_are_found() -> None:
    assert fetched(a_file(ODD_NAME)) == (SHARED_VIDEOS / ODD_NAME).read_bytes()


def test_a_missing_file_is_that_items_trouble_alone() -> None:
    with pytest.raises(MediaError, match="media_unreachable"):
        fetched(a_file("gone.mp4"))
