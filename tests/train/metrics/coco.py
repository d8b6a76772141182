"""The COCO toolkit, for tests that hold our figures to its own; they skip where it is not."""

import shutil
from importlib.util import find_spec

import pytest

needs_package = pytest.mark.skipif(
    find_spec("pycocoevalcap") is None,
    reason="pycocoevalcap is not installed (make install-reasoning)",
)
needs_java = pytest.mark.skipif(
    find_spec("pycocoevalcap") is None or shutil.which("java") is None,
    reason="pycocoevalcap or Java is not installed (make install-reasoning, default-jre-headless)",
)
