"""A fleet of fake servers: up together, back after a death, gone when it ends."""

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from engine.errors import ServiceError, UsageError, VauDataError
from engine.serving.fleet import Fleet
from engine.serving.keeper import ServerHealth
from engine.serving.ports import HOST
from engine.serving.server import Server, server_environment
from tests.engine.serving.fleets import (
    QUICK,
    a_server,
    fleet_of,
    processes_of,
    wait_until,
)

QUESTION = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8}


def ask(url: str, *, seconds: float = 30.0) -> str:
    answer = httpx.post(f"{url}/chat/completions", json=QUESTION, timeout=seconds, trust_env=False)
    return str(answer.json()["choices"][0]["message"]["content"])


def only(fleet: Fleet) -> ServerHealth:
    (health,) = fleet.health()
    return health


def kill_server(fleet: Fleet) -> None:
    """`kill -9`; returns when the fleet has noticed."""
    before = only(fleet)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: only(fleet) != before)


def wait_until_ready(fleet: Fleet, *, num_restarts: int) -> None:
    wait_until(lambda: (only(fleet).num_restarts, only(fleet).state) == (num_restarts, "ready"))


def refusal(tmp_path: Path, *faults: str, start_seconds: float = 60.0) -> str:
    """What is said when this server cannot be started; nothing is left of it then."""
    settings = replace(QUICK, start_seconds=start_seconds)
    fleet = Fleet(
        [a_server(*faults, mark=tmp_path)], log_dir_path=tmp_path / "logs", settings=settings
    )
    with pytest.raises(VauDataError) as caught, fleet:
        pass
    assert processes_of(tmp_path) == []
    return str(caught.value)


def test_servers_answer_at_their_urls_and_are_gone_afterwards(tmp_path: Path) -> None:
    servers = [a_server("--orphan", name=f"caption-{n}", mark=tmp_path) for n in range(2)]
    with fleet_of(*servers, logs=tmp_path / "logs") as fleet:
        assert [ask(url) for url in fleet.urls] == ["The pictures add up to 00000000."] * 2
        assert [(one.name, one.url, one.state) for one in fleet.health()] == [
            ("caption-0", fleet.urls[0], "ready"),
            ("caption-1", fleet.urls[1], "ready"),
        ]
        assert fleet.failure() is None
        assert len(processes_of(tmp_path)) == 6
    assert processes_of(tmp_path) == []


def test_a_log_says_how_its_server_was_started_and_keeps_what_was_there(tmp_path: Path) -> None:
    for _ in range(2):
        with fleet_of(a_server("--say", "loading weights"), logs=tmp_path):
            pass
    log = (tmp_path / "caption-0.log").read_text()
    assert log.count("caption-0 start: ") == 2
    assert log.count("\nloading weights\n") == 2
    assert "serve tiny --say 'loading weights' --host 127.0.0.1 --port 2" in log


def test_a_server_that_was_killed_is_back_at_the_same_url(tmp_path: Path) -> None:
    with fleet_of(a_server(mark=tmp_path), logs=tmp_path / "logs") as fleet:
        before = only(fleet)
        kill_server(fleet)
        wait_until_ready(fleet, num_restarts=1)
        after = only(fleet)
        assert ask(after.url)
        assert after.url == before.url
        assert after.pid != before.pid


def test_a_warden_that_was_killed_leaves_no_second_server(tmp_path: Path) -> None:
    server = a_server("--orphan", "--stubborn", mark=tmp_path)
    with fleet_of(server, logs=tmp_path / "logs") as fleet:
        first = only(fleet)
        assert first.pid is not None
        old = set(processes_of(tmp_path))
        os.kill(_parent_of(first.pid), signal.SIGKILL)
        wait_until_ready(fleet, num_restarts=1)
        assert old & set(processes_of(tmp_path)) == set()
    assert processes_of(tmp_path) == []


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_idle_server_is_left_alone_since_it_answers_when_asked(tmp_path: Path) -> None:
    settings = replace(QUICK, stall_seconds=0.2)  # and half a minute for a sign of life
    with fleet_of(a_server(), logs=tmp_path, settings=settings) as fleet:
        metrics_url = fleet.urls[0].replace("/v1", "/metrics")

        def num_answered() -> float:
            line = next(
                line
                for line in httpx.get(metrics_url, trust_env=False).text.splitlines()
                if line.startswith("vllm:request_success_total")
            )
            return float(line.rpartition(" ")[2])

        wait_until(lambda: num_answered() >= 4)
        assert (only(fleet).state, only(fleet).num_restarts) == ("ready", 0)


def test_a_server_that_dies_again_and_again_without_work_is_given_up(tmp_path: Path) -> None:
    server = a_server("--say", "Error: nobody knows", "--dies-after", "0", "--again")
    settings = replace(QUICK, most_deaths=2)
    with fleet_of(server, logs=tmp_path, settings=settings) as fleet:
        for number in range(settings.most_deaths):
            assert fleet.failure() is None
            wait_until_ready(fleet, num_restarts=number)
            with pytest.raises(httpx.TransportError):
                ask(fleet.urls[0])
        wait_until(lambda: only(fleet).state == "gave up")
        failure = fleet.failure()
    assert failure is not None
    assert "caption-0 died 2 times with no work done in between" in failure
    assert "killed (signal 9" in failure
    assert "  | Error: nobody knows" in failure


def test_deaths_do_not_add_up_where_work_is_done_in_between(tmp_path: Path) -> None:
    settings = replace(QUICK, most_deaths=2)
    log_path = tmp_path / "caption-0.log"
    looks = "counters were read after 5 requests"
    with fleet_of(a_server("--tell-looks"), logs=tmp_path, settings=settings) as fleet:
        for number in range(settings.most_deaths):
            for _ in range(5):
                ask(fleet.urls[0])
            wait_until(lambda: _last_life(log_path).count(looks) > 1)
            kill_server(fleet)
            wait_until_ready(fleet, num_restarts=number + 1)


def _last_life(log_path: Path) -> str:
    return log_path.read_text().rpartition(" start: ")[2]


def test_the_fleet_has_not_failed_while_one_server_is_left(tmp_path: Path) -> None:
    settings = replace(QUICK, most_deaths=1)
    bad = a_server("--dies-after", "0", "--again", name="caption-0")
    with fleet_of(bad, a_server(name="caption-1"), logs=tmp_path, settings=settings) as fleet:
        with pytest.raises(httpx.TransportError):
            ask(fleet.urls[0])
        wait_until(lambda: fleet.health()[0].state == "gave up")
        assert fleet.failure() is None
        assert ask(fleet.urls[1])


@pytest.mark.parametrize(
    ("log_line", "advice"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "gpu_memory_utilization"),
        ("OSError: [Errno 28] No space left on device", "a disk is full"),
    ],
)
def test_a_server_that_ends_while_it_starts_stops_the_fleet_at_once(
    tmp_path: Path, log_line: str, advice: str
) -> None:
    said = refusal(tmp_path, "--say", log_line, "--exit", "1", start_seconds=3600)
    assert f"caption-0 died while it started; it ended with exit code 1: {log_line}" in said
    assert advice in said
    assert f"{tmp_path}/logs/caption-0.log ends so:\n  | {log_line}" in said


def test_the_other_servers_are_ended_when_one_cannot_be_started(tmp_path: Path) -> None:
    servers = [
        a_server(mark=tmp_path),
        a_server("--exit", "1", name="caption-1", mark=tmp_path),
    ]
    with pytest.raises(ServiceError, match="caption-1"), fleet_of(*servers, logs=tmp_path / "logs"):
        pass
    assert processes_of(tmp_path) == []


def test_a_server_that_never_answers_is_given_its_time_and_no_more(tmp_path: Path) -> None:
    said = refusal(tmp_path, "--never-ready", start_seconds=1.0)
    assert "caption-0 did not answer within 1 s" in said
    assert "start_seconds in [vllm]" in said


def test_a_program_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    server = replace(a_server(), command=("/nowhere/vllm", "serve", "tiny"))
    with pytest.raises(ServiceError, match="make install-vllm"), fleet_of(server, logs=tmp_path):
        pass


def test_a_port_that_somebody_took_is_named(tmp_path: Path) -> None:
    fleet = Fleet([a_server(mark=tmp_path)], log_dir_path=tmp_path, settings=QUICK)
    port = int(fleet.urls[0].split(":")[2].removesuffix("/v1"))
    with (
        socket.create_server((HOST, port)),
        pytest.raises(ServiceError, match=f"another process listens at 127.0.0.1:{port}"),
        fleet,
    ):
        pass
    assert processes_of(tmp_path) == []


def test_a_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    with pytest.raises(ServiceError, match="cannot write the log"):
        fleet_of(a_server(), logs=tmp_path / "logs").__enter__()


def test_a_server_of_another_model_is_found_out(tmp_path: Path) -> None:
    server = replace(a_server(), served_model_name="other")
    with pytest.raises(ServiceError, match="other"), fleet_of(server, logs=tmp_path):
        pass


def test_an_empty_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no server"):
        Fleet([], log_dir_path=tmp_path, settings=QUICK)


def test_a_server_gets_its_gpus_and_settings_and_not_our_import_path() -> None:
    plan = replace(a_server(), gpu_ids=(2, 3), environment={"HF_HOME": "/weights"})
    ours = {"PYTHONPATH": "/vau-data", "HOME": "/home/me", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert server_environment(plan, ours) == {
        "HOME": "/home/me",
        "CUDA_VISIBLE_DEVICES": "2,3",
        "HF_HOME": "/weights",
    }
    without_gpus = replace(plan, gpu_ids=())
    assert server_environment(without_gpus, ours)["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_a_server_can_be_ended_before_it_was_started_and_twice(tmp_path: Path) -> None:
    plan = replace(a_server(), command=(sys.executable, "-c", "raise SystemExit(3)"))
    server = Server(plan, port=20_001, log_path=tmp_path / "log", grace_seconds=1.0)
    server.stop()
    assert server.exit_code() is None
    server.start()
    wait_until(lambda: server.exit_code() == 3)
    server.stop()
    assert server.exit_code() == 3
