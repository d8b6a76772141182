"""The frame around all commands: help, exit codes, errors, and how fast it starts."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import COMMANDS, build_app
from tests.engine.cli.command_line import REPOSITORY, edit_config, vau
from tests.fakes import Behavior, FakeOpenAiServer

NAMES = [command.name for command in COMMANDS]
EXAMPLES = {command.name: command.example for command in COMMANDS}


def process(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine.cli.main", *arguments]


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_command_has_an_example_of_itself(name: str) -> None:
    result = CliRunner().invoke(build_app(), [*name.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: vau-data {name}" in " ".join(result.output.split())


@pytest.mark.parametrize("name", NAMES)
def test_example_uses_only_options_that_the_command_has(name: str) -> None:
    text = CliRunner().invoke(build_app(), [*name.split(), "--help"]).output
    for option in re.findall(r"--[a-z-]+", EXAMPLES[name]):
        assert option in text


def test_top_help_lists_every_command() -> None:
    shown = vau("--help").out
    assert {name.split()[0] for name in NAMES} <= set(re.findall(r"^  ([a-z-]+)", shown, re.M))


@pytest.mark.parametrize("group", ["", "bench", "evaluate", "import", "prompts", "train"])
def test_no_short_help_is_cut_off(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "..." not in vau(*group.split(), "--help").out.replace("ARGS]...", "")


def test_readme_of_the_command_line_lists_every_command() -> None:
    text = (REPOSITORY / "engine/cli/README.md").read_text()
    assert [name for name in NAMES if f"`vau-data {name}" not in text] == []


def test_readme_names_no_command_that_does_not_exist() -> None:
    text = (REPOSITORY / "engine/cli/README.md").read_text()
    named = re.findall(r"^\| `vau-data ([a-z -]+?)(?: [A-Z].*?)?`", text, re.M)
    assert sorted(named) == sorted(NAMES)


def test_help_answers_in_half_a_second() -> None:
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(process("--help"), cwd=REPOSITORY, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5


def test_help_imports_nothing_heavy() -> None:
    heavy = "'av', 'cv2', 'numpy', 'pandas', 'pydantic', 'httpx', 'rich', 'tqdm', 'orjson'"
    code = (
        "import sys; from engine.cli.main import run_command_line; run_command_line(['--help']);"
        f" found = [m for m in ({heavy}) if m in sys.modules]; sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version_is_that_of_the_project() -> None:
    assert f'version = "{vau("--version").out.split()[1]}"' in (
        REPOSITORY / "pyproject.toml"
    ).read_text(encoding="utf-8")


def test_misspelt_command_exits_2_and_suggests_the_right_one() -> None:
    outcome = vau("captoin")
    assert outcome.code == 2
    assert "'caption'" in outcome.err


def test_command_outside_a_dataset_exits_2_and_says_how_to_get_one(tmp_path: Path) -> None:
    outcome = vau("status", cwd=tmp_path)
    assert outcome.code == 2
    assert "no dataset.toml in" in outcome.err
    assert "vau-data init DIR --videos PATH" in outcome.err


def test_folder_given_by_dataset_that_is_none_exits_2(tmp_path: Path) -> None:
    outcome = vau("status", "--dataset", tmp_path)
    assert outcome.code == 2
    assert "is no dataset" in outcome.err


def test_dataset_is_found_from_a_folder_inside_it(empty: Path) -> None:
    inside = empty / "notes" / "today"
    inside.mkdir(parents=True)
    assert str(empty) in vau("status", cwd=inside).out


def test_unknown_key_in_dataset_toml_exits_2_and_names_known_ones(empty: Path) -> None:
    edit_config(empty, "[caption]\n", "[caption]\nmodle = 3\n")
    outcome = vau("status", cwd=empty)
    assert outcome.code == 2
    assert "unknown key `caption.modle`" in outcome.err
    assert "num_frames" in outcome.err


def test_unexpected_error_is_short_and_shows_its_trace_only_with_debug(empty: Path) -> None:
    (empty / "runs").mkdir()
    (empty / "runs" / "ingest.jsonl").mkdir()
    short, long = vau("ingest", cwd=empty), vau("ingest", "--debug", cwd=empty)
    assert (short.code, long.code) == (1, 1)
    assert "IsADirectoryError" in short.err
    assert "--debug" in short.err
    assert "Traceback" not in short.err
    assert "Traceback" in long.err


def test_module_and_console_script_are_the_same_command() -> None:
    outcome = subprocess.run(
        process("--version"), cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert outcome.stdout == vau("--version").out
    script = 'vau-data = "engine.cli.main:main"'
    assert script in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def test_stranger_package_of_our_name_is_named_at_start(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "__init__.py").touch()
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(REPOSITORY)!r}];"
        " from engine.cli.main import run_command_line; run_command_line(['--version'])"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"'train' is taken from {tmp_path / 'train'}" in outcome.stderr


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_interrupted_run_exits_130_keeps_what_is_done_and_goes_on(done: Path) -> None:
    behavior = Behavior(latency_seconds=(0.2, 0.2))
    with FakeOpenAiServer(behavior) as server:
        section = f'[caption]\nmodel = "tiny"\nconcurrency = 1\nendpoints = ["{server.url}"]'
        section += "\ncanary_every = 0"
        edit_config(done, "[caption]\n", f"{section}\n")
        edit_config(done, '\nmodel = "baseline"\n# model = "llava', '\n# model = "llava')
        edit_config(done, "[caption]\n", "[clip]\ntarget_seconds = 0.5\n[caption]\n")
        assert vau("clip", cwd=done).code == 0
        running = subprocess.Popen(
            process("caption", "--dataset", str(done), "--workers", "1"),
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait_until(lambda: server.num_completions >= 3)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        assert running.returncode == 130
        assert "run the same command again" in err
        num_asked = server.num_completions
        behavior.latency_seconds = (0.0, 0.0)
        again = vau("caption", "--json", cwd=done).json["stages"][0]
    assert again["num_settled_before"] >= num_asked - 2 >= 1
    assert again["num_done"] >= 1
