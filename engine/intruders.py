"""Are our packages the ones that Python finds? Names such as `train` are easily shadowed."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("schemas", "engine", "annotator_ui", "train", "prompts", "manifests")
ROOT_DIR_PATH = Path(__file__).resolve().parent.parent
"""Where all of them lie, whether in a checkout or installed."""


@dataclass(frozen=True)
class Intruder:
    """A package of our name that is not ours, or is not there."""

    name: str
    found_dir_path: Path | None
    """None: there is no package of this name."""

    def describe(self) -> str:
        """What is wrong and how to mend it."""
        if self.found_dir_path is None:
            return (
                f"the package {self.name!r} is missing from {ROOT_DIR_PATH}; install vau-data again"
            )
        return (
            f"the package {self.name!r} is taken from {self.found_dir_path}, not from "
            f"{ROOT_DIR_PATH}; uninstall or rename that package, or set PYTHONPATH={ROOT_DIR_PATH}"
        )


def find_intruders() -> list[Intruder]:
    """Every package of ours that Python would import from elsewhere. Imports none of them."""
    found = ((name, _dir_of(name)) for name in PACKAGES)
    return [Intruder(name, dir_path) for name, dir_path in found if not _is_ours(name, dir_path)]


def _is_ours(name: str, dir_path: Path | None) -> bool:
    return dir_path is not None and dir_path == ROOT_DIR_PATH / name


def _dir_of(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    locations = list(spec.submodule_search_locations or ())
    return Path(locations[0] if locations else spec.origin or name).resolve()
