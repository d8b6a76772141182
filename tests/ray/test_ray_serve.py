"""The configuration file of Ray Serve, and the whole command line against a cluster that serves it.

Not tested here, for want of a GPU: `ray.serve.llm` itself, and vLLM below it.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from engine.config import Config
from engine.serving.gpus import GpuShare
from engine.serving.plan import plan_servers
from tests.builders import a_dataset, add_video
from tests.ray.clusters import REPOSITORY, SERVE_CONFIG_PATH, OneCpuNodes

pytestmark = pytest.mark.timeout(280)
PRESETS = {"caption": "llava-next-video-7b", "summarize": "llama-3-70b-instruct"}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(SERVE_CONFIG_PATH.read_text())
    return loaded


@pytest.mark.filterwarnings("ignore")  # Ray Serve's own, on import
def test_ray_takes_the_file(config: dict[str, Any]) -> None:
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(config)
    assert [application.name for application in schema.applications] == list(PRESETS)


@pytest.mark.parametrize("stage", PRESETS)
def test_models_are_served_as_the_plan_of_gpus_serves_them(
    config: dict[str, Any], stage: str
) -> None:
    """So that records of both have the same fingerprint and the same frames fit."""
    ours = Config.model_validate({stage: {"preset": PRESETS[stage]}})
    gpus = GpuShare(ids=(0, 1, 2, 3), memory_gib=80.0)
    plan = plan_servers(getattr(ours, stage), gpus, ours.vllm)
    [served] = [one for one in config["applications"] if one["name"] == stage]
    [llm_config] = served["args"]["llm_configs"]
    arguments = _as_settings(plan.servers[0].command)
    assert llm_config["model_loading_config"]["model_id"] == arguments.pop("served_model_name")
    assert arguments.pop("disable_uvicorn_access_log"), "of the HTTP server, which here is Ray's"
    assert llm_config["engine_kwargs"] == arguments


def _as_settings(command: tuple[str, ...]) -> dict[str, Any]:
    """`--max-model-len 4096 --flag` as {"max_model_len": 4096, "flag": True}."""
    settings: dict[str, Any] = {}
    words = list(command[3:])
    while words:
        name = words.pop(0).removeprefix("--").replace("-", "_")
        is_flag = not words or words[0].startswith("--")
        settings[name] = True if is_flag else _value(words.pop(0))
    return settings


def _value(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


@pytest.fixture(scope="module")
def url(cluster: OneCpuNodes) -> Iterator[str]:
    """Where the cluster serves the file's applications."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.ray.serving", cluster.address, str(port)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes) as served:
        assert served.stdout is not None
        while (line := served.stdout.readline()) != "ready\n":
            assert line, "the applications were not deployed"
        yield f"http://127.0.0.1:{port}"
        served.communicate(timeout=60)


def vau(*arguments: object) -> dict[str, Any]:
    """What a command prints with `--json`; it must end well."""
    command = [sys.executable, "-m", "engine.cli.main", *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_command_line_captions_and_summarizes_on_the_cluster(
    cluster: OneCpuNodes, url: str, tmp_path: Path
) -> None:
    opened = a_dataset(tmp_path, "[caption]\ncanary_every = 0\n")
    dataset = opened.dir_path
    for name in ("Abuse001", "Fighting002", "street"):
        add_video(opened, f"{name}.mp4")
    on_ray = ("--dataset", dataset, "--ray", cluster.address)
    ingested = vau("ingest", *on_ray)["stages"]
    assert [row["num_done"] for row in ingested] == [3]
    vau("score", *on_ray)
    vau("propose", "--dataset", dataset)
    vau("clip", "--dataset", dataset)
    for stage, preset in PRESETS.items():
        model = ("--model", preset, "--endpoint", f"{url}/{stage}/v1")
        rows = vau(stage, *on_ray, *model)["stages"]
        assert all(row["num_done"] > 0 and not row["rejects"] for row in rows)
        again = vau(stage, "--dataset", dataset, *model)["stages"]
        assert {row["num_done"] for row in again} == {0}, "the fingerprint knows where it ran"
