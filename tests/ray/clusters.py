"""A Ray cluster of one-CPU nodes on this machine, each with processes of its own that can die."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from engine.executors.local import LocalExecutor
from engine.executors.ray import RayExecutor
from engine.executors.ray_crew import CrewSettings

REPOSITORY = Path(__file__).parents[2]
SERVE_CONFIG_PATH = REPOSITORY / "engine" / "executors" / "ray_serve.yaml"
STORE_BYTES = 100 << 20
"""Small on purpose: nothing but items and records may travel."""


class OneCpuNodes:
    """A head without CPUs, and worker nodes with one each."""

    def __init__(self, num_nodes: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["PYTHONPATH"] = str(REPOSITORY)
        head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.add() for _ in range(num_nodes)]

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return str(self._cluster.address)

    def add(self, environment: Mapping[str, str] | None = None) -> Any:
        """One more node."""
        return self._cluster.add_node(
            num_cpus=1, object_store_memory=STORE_BYTES, env_vars=dict(environment or {})
        )

    def kill(self, node: Any) -> None:
        """The machine is gone: all its processes, without a word."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        """End all processes."""
        self._cluster.shutdown()


@contextmanager
def one_cpu_nodes(num_nodes: int) -> Iterator[OneCpuNodes]:
    """A cluster for as long as the context lasts."""
    cluster = OneCpuNodes(num_nodes)
    try:
        yield cluster
    finally:
        cluster.close()


def on(cluster: OneCpuNodes, **settings: Any) -> RayExecutor:
    """An executor for it, to be entered."""
    make_local = partial(LocalExecutor, memory_bytes=1 << 30)
    return RayExecutor(cluster.address, CrewSettings(make_local, **settings))
