"""Two real servers, shared by all tests of this folder; each starts when first asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.servers import CAPTION_FLAGS, VLLM_BIN, VllmServer, build_model, serving


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tiny models are built; skips where there is no vLLM."""
    if not (VLLM_BIN / "vllm").is_file():
        pytest.skip(f"NOT TESTED against vLLM: no {VLLM_BIN / 'vllm'}; run `make install-vllm`")
    return tmp_path_factory.mktemp("vllm")


@pytest.fixture(scope="session")
def llava_dir(models_dir: Path) -> Path:
    """A tiny LLaVA-NeXT-Video."""
    return build_model("llava", models_dir / "llava")


@pytest.fixture(scope="session")
def llama_dir(models_dir: Path) -> Path:
    """A tiny Llama."""
    return build_model("llama", models_dir / "llama")


@pytest.fixture(scope="session")
def caption_server(llava_dir: Path) -> Iterator[VllmServer]:
    """`tiny-llava` on a server of its own."""
    log_path = llava_dir.parent / "caption_server.log"
    with serving(llava_dir, name="tiny-llava", log_path=log_path, flags=CAPTION_FLAGS) as server:
        server.wait_until_healthy()
        yield server


@pytest.fixture(scope="session")
def summary_server(llama_dir: Path) -> Iterator[VllmServer]:
    """`tiny-llama` on a server of its own."""
    log_path = llama_dir.parent / "summary_server.log"
    with serving(llama_dir, name="tiny-llama", log_path=log_path) as server:
        server.wait_until_healthy()
        yield server
