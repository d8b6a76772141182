"""The warden: a server lives no longer than whoever wanted it, whatever it does about that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.serving import warden
from tests.engine.serving.fleets import MARK, processes_of, wait_until

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); {SLEEP}"
PARENT = (
    "import subprocess, sys;"
    f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True);"
)


def warden_of(mark: Path, *command: str, grace_seconds: float = 10.0) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-IS", warden.__file__, str(grace_seconds), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {MARK: str(mark)},
    )


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", code)


def server_pid(running: "subprocess.Popen[bytes]") -> int:
    assert running.stdout is not None
    return int(running.stdout.readline())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_the_exit_code_of_the_server_is_passed_on(tmp_path: Path, code: str, expected: int) -> None:
    running = warden_of(tmp_path, *python(code))
    assert running.wait(timeout=30) == expected
    running.communicate()


def test_what_the_server_says_and_its_pid_come_out_apart(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python("import sys; print('a'); print('b', file=sys.stderr)"))
    assert server_pid(running) != running.pid
    assert running.wait(timeout=30) == 0
    out, said = running.communicate()
    assert (out, said.split()) == (b"", [b"a", b"b"])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    running = warden_of(tmp_path, "/nowhere/vllm")
    _, said = running.communicate(timeout=30)
    assert running.returncode == warden.CANNOT_RUN
    assert b"cannot run /nowhere/vllm: No such file" in said


def test_the_end_of_its_input_ends_the_server_and_what_left_its_session(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python(PARENT + SLEEP))
    wait_until(lambda: len(processes_of(tmp_path)) == 3)
    running.communicate(timeout=30)
    assert processes_of(tmp_path) == []


def test_orphans_of_a_server_that_was_killed_do_not_survive_it(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python(PARENT + SLEEP))
    wait_until(lambda: len(processes_of(tmp_path)) == 3)
    os.kill(server_pid(running), signal.SIGKILL)
    assert running.wait(timeout=30) == 128 + signal.SIGKILL
    assert processes_of(tmp_path) == []
    running.communicate()


def test_a_server_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python(STUBBORN), grace_seconds=0.2)
    assert running.stderr is not None
    assert running.stderr.readline() == b"up\n"
    running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGKILL
    assert processes_of(tmp_path) == []


def test_kill_leaves_no_grace(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python(STUBBORN), grace_seconds=600)
    assert running.stderr is not None
    assert running.stderr.readline() == b"up\n"
    running.communicate(b"kill\n", timeout=30)
    assert running.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_warden_ends_the_server(tmp_path: Path, number: signal.Signals) -> None:
    running = warden_of(tmp_path, *python(SLEEP))
    server_pid(running)
    running.send_signal(number)
    assert running.wait(timeout=30) == 128 + signal.SIGTERM
    running.communicate()


HOLDER = """
import os, subprocess, sys, time
held = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
if {leaks_its_end}:
    os.fork()
time.sleep(600)
"""


@pytest.mark.parametrize("leaks_its_end", [False, True], ids=["alone", "with a forked copy"])
def test_kill_9_of_whoever_wanted_the_server_ends_it(tmp_path: Path, leaks_its_end: bool) -> None:
    code = HOLDER.format(leaks_its_end=leaks_its_end)
    warden_command = (sys.executable, "-IS", warden.__file__, "10", *python(PARENT + SLEEP))
    holder = subprocess.Popen(
        [*python(code), *warden_command],
        env=os.environ | {MARK: str(tmp_path)},
        stdout=subprocess.DEVNULL,
    )
    # The holder, perhaps its copy, the warden, the server, the server's child.
    wait_until(lambda: len(processes_of(tmp_path)) == 4 + leaks_its_end)
    holder.kill()
    holder.wait()
    wait_until(lambda: len(processes_of(tmp_path)) == int(leaks_its_end))
    for copy in processes_of(tmp_path):
        os.kill(copy, signal.SIGKILL)


def test_kill_9_of_the_warden_ends_its_server(tmp_path: Path) -> None:
    running = warden_of(tmp_path, *python(SLEEP))
    server_pid(running)
    running.kill()
    wait_until(lambda: processes_of(tmp_path) == [])
    running.communicate()
