"""Ports for servers."""

import socket

from engine.serving.ports import HOST, choose_ports, is_free


def test_ports_of_one_fleet_differ_and_are_not_those_of_outgoing_connections() -> None:
    ports = choose_ports(8)
    assert len(set(ports)) == 8
    assert all(1024 < port < 32768 for port in ports)


def test_a_port_where_somebody_listens_is_not_free_and_is_again_afterwards() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_port_with_connections_of_a_dead_server_is_free() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
    assert is_free(port)
