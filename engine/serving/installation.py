"""Where `vllm` is on this machine, and which version it is."""

import shutil
from pathlib import Path

from engine.config import VllmSection
from engine.errors import UsageError
from engine.intruders import ROOT_DIR_PATH

HOW_TO_GET = (
    "run `make install-vllm` beside vau-data, or install vllm into an environment of its own and "
    "name its program with command in [vllm]"
)


def vllm_command(section: VllmSection) -> str:
    """What starts vLLM, whether or not it is there."""
    if section.command is not None:
        return str(Path(section.command).expanduser())
    own = ROOT_DIR_PATH / ".venv-vllm" / "bin" / "vllm"
    return str(own) if own.is_file() else "vllm"


def check_installed(section: VllmSection) -> None:
    """Raises `UsageError` where there is no such program."""
    command = vllm_command(section)
    if shutil.which(command) is None:
        raise UsageError(f"there is no vLLM here ({command!r} is no program): {HOW_TO_GET}")


def vllm_version(section: VllmSection) -> str | None:
    """Read from the files of its environment, since asking the program takes ten seconds.

    None: not installed by pip into an environment of its own.
    """
    program = shutil.which(vllm_command(section))
    if program is None:
        return None
    packages = Path(program).resolve().parent.parent.glob("lib/python*/site-packages")
    names = [path.name for dir_path in packages for path in dir_path.glob("vllm-*.dist-info")]
    return names[0].removeprefix("vllm-").removesuffix(".dist-info") if names else None
