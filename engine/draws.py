"""Choices that depend on a seed and a name alone: the same on every machine, in every order."""

from hashlib import blake2b


def draw_of(seed: int, *parts: str) -> float:
    """A number in [0, 1), evenly spread over names."""
    told = "\0".join((str(seed), *parts)).encode()
    return int.from_bytes(blake2b(told, digest_size=7).digest(), "big") / 2**56
