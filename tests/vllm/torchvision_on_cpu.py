"""Lets torchvision's usual wheel be imported beside a torch without CUDA.

`make install-vllm` puts this file and a `.pth` line into `.venv-vllm`, and nowhere else, so that
every Python process there has it: `vllm serve` starts several. The wheel's native library is built
for CUDA and does not load with such a torch; its Python code then fails on operators that nobody
declared. Declaring them is enough for image and video processors, which use neither.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType

SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


class DeclareBeforeImport:
    """A finder that finds nothing: it hears of torchvision's import just before it happens."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Declare the operators, once, when torchvision is looked for."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare()
        return None


def _declare() -> None:
    import torch

    if torch.version.cuda is None and not version("torchvision").endswith("+cpu"):
        for operator, schema in SCHEMAS.items():
            torch.library.define(operator, schema)


def install() -> None:
    """Listen for the import; costs nothing where torchvision is never imported."""
    # Python runs the lines of a virtual environment's .pth files twice.
    if not any(isinstance(finder, DeclareBeforeImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, DeclareBeforeImport())
