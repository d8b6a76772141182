import sys
from pathlib import Path

import pytest

from engine.cli._cluster import executor_for
from engine.executors.ray import RayExecutor
from tests.builders import a_dataset
from tests.engine.cli.command_line import vau


def test_ray_that_is_not_installed_ends_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    a_dataset(tmp_path)
    outcome = vau("ingest", "--dataset", tmp_path, "--ray", "auto")
    assert outcome.code == 2
    assert "make install-ray" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_servers_of_this_machine_alone_are_refused_with_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    a_dataset(tmp_path, '[caption]\npreset = "llava-next-video-7b"\n')
    flags = ("--gpus", 1, "--gpu-memory", 80, "--ray", "auto")
    outcome = vau("caption", "--dataset", tmp_path, *flags)
    assert outcome.code == 2
    assert "--endpoint" in outcome.err


def test_nodes_are_to_see_what_they_read_and_write_and_get_the_keys_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "footage")
    monkeypatch.setenv("OUR_KEY", "secret")
    monkeypatch.setenv("OTHER_KEY", "none of theirs")
    dataset = a_dataset(tmp_path, '[caption]\napi_key_env = "OUR_KEY"\n')
    reading = executor_for(dataset, workers=3, ray="auto")
    writing = executor_for(dataset, workers=None, ray="auto", writes_files=True)
    assert isinstance(reading, RayExecutor)
    assert isinstance(writing, RayExecutor)
    assert reading.settings.shared_paths == (tmp_path / "videos",)
    assert writing.settings.shared_paths == (tmp_path / "videos", tmp_path)
    assert reading.settings.workers_per_node == 3
    keys = {"AWS_PROFILE", "OUR_KEY", "OTHER_KEY"} & reading.settings.environment.keys()
    assert keys == {"AWS_PROFILE", "OUR_KEY"}


def test_a_bucket_need_not_be_seen(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, '[videos]\npath = "s3://bucket/x"\n')
    executor = executor_for(dataset, workers=None, ray="auto")
    assert isinstance(executor, RayExecutor)
    assert executor.settings.shared_paths == ()
