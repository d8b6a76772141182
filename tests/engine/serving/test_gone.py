"""What answers in place of servers that were given up."""

import socket

import pytest

from engine.errors import ServiceError
from engine.serving.gone import answer_gone
from engine.serving.ports import HOST, choose_ports, is_free
from tests.engine.models.openai_builders import a_captioner, a_clip_request


def test_a_client_that_would_wait_for_hours_hears_that_its_server_is_gone() -> None:
    (port,) = choose_ports(1)
    captioner = a_captioner(f"http://{HOST}:{port}/v1", patience_seconds=3600.0)
    request = a_clip_request(captioner)
    with (
        answer_gone(port, "caption-0 died 3 times"),
        pytest.raises(ServiceError, match="HTTP 410: caption-0 died 3 times"),
    ):
        captioner.caption(request)
    assert is_free(port)


def test_a_port_that_somebody_took_is_left_to_them(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server((HOST, 0)) as other:
        with answer_gone(port := other.getsockname()[1], "it is gone"):
            assert f"cannot say at port {port} that its server is gone" in caplog.text
        assert not is_free(port)
