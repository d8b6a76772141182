"""These tests need Ray, s3fs and moto: `make test-ray`."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ray.clusters import OneCpuNodes
    from tests.ray.store import S3Store

collect_ignore_glob = [] if all(map(find_spec, ("moto", "ray", "s3fs"))) else ["test_*.py"]
"""The default run goes without; `make test-ray` installs them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/ray" in item.path.as_posix():
            item.add_marker(pytest.mark.ray)


@pytest.fixture(scope="session")
def cluster() -> Iterator["OneCpuNodes"]:
    """Three nodes that all tests share, so none may kill one."""
    from tests.ray.clusters import one_cpu_nodes

    with one_cpu_nodes(3) as nodes:
        yield nodes


@pytest.fixture(scope="session", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Store"]:
    """An S3 server on this machine, in the environment of everything that is started here.

    Decoding processes have the environment that this process had when the first one started.
    """
    from tests.ray.store import environment_of, s3_store

    cache_dir_path = tmp_path_factory.mktemp("cache")
    with s3_store() as running, environment_of(running, cache_dir_path=cache_dir_path):
        yield running
