"""Models that lean on a server: asked whether they can be used, and let go afterwards."""

from typing import Protocol, runtime_checkable

from engine.models.chat import Captioner, Summarizer
from engine.progress import Vitals


@runtime_checkable
class Connected(Protocol):
    """A model behind an endpoint."""

    def check(self) -> None:
        """Raises `UsageError` or `ServiceError` where the endpoint cannot be used."""
        ...

    def close(self) -> None:
        """Let its connections go."""
        ...

    def vitals(self) -> Vitals:
        """How the servers are."""
        ...


def check_model(model: Captioner | Summarizer) -> None:
    """Before any work: is the endpoint up, does it serve the model, does it keep to schemas?"""
    if isinstance(model, Connected):
        model.check()


def close_model(model: Captioner | Summarizer) -> None:
    """Let connections go, where there are any."""
    if isinstance(model, Connected):
        model.close()


def vitals_of(model: Captioner | Summarizer) -> Vitals | None:
    """How its servers are; None where it has none."""
    return model.vitals() if isinstance(model, Connected) else None
