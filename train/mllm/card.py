"""What a tuned model is and how it came to be, as data and as a page."""

from dataclasses import dataclass
from typing import Any

CARD_NAME = "model.json"


@dataclass(frozen=True)
class MllmCard:
    """Everything that says what an adapter, or a model merged from it, is."""

    run_id: str
    """Hash of all that decides the weights: release, base, recipe, seed, scores."""
    family: str
    base: str
    base_sha256: str
    """Of its weight files, as `engine.models.vision_tower.weights_hash` takes it."""
    recipe: dict[str, Any]
    seed: int
    num_steps: int
    num_samples: int
    num_trained_weights: int
    final_loss: float | None
    """Mean over the last logged steps; None: nothing was logged."""
    release_name: str
    release_sha256: str
    """Of `release.json`, which holds the hash of every file of the release."""
    rows_path: str
    scores_sha256: str | None
    """Of the anomaly scores by which frames or answers were made."""
    skipped: dict[str, str]
    """Sample -> why it could not be learned from."""
    vau_data_version: str
    versions: dict[str, str]
    """Of torch, transformers, peft and accelerate."""


def card_text(card: MllmCard, *, is_merged: bool = False) -> str:
    """The card as Markdown."""
    how = f"{card.recipe['name']}: {card.recipe['about'].strip()}"
    rows = {
        "base": f"`{card.base}` ({card.family}), weights `{card.base_sha256[:16]}`",
        "trained": f"{card.recipe['train']}, {card.num_trained_weights:,} weights",
        "recipe": " ".join(how.split()),
        "learned from": f"{card.num_samples - len(card.skipped)} conversations of the release "
        f"`{card.release_name}`, `{card.rows_path}`",
        "release hash": f"`{card.release_sha256}`",
        "scores hash": f"`{card.scores_sha256}`" if card.scores_sha256 else "none were used",
        "skipped": _skipped(card.skipped),
        "steps": f"{card.num_steps}, seed {card.seed}",
        "loss at the end": "not logged" if card.final_loss is None else f"{card.final_loss:.4f}",
        "made by": ", ".join(
            [f"vau-data {card.vau_data_version}"]
            + [f"{name} {version}" for name, version in card.versions.items()]
        ),
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    use = (
        "Load it with transformers like its base."
        if is_merged
        else "Merge it into its base: `vau-data train merge --adapter DIR --out DIR`."
    )
    return (
        "# A video LLM for anomalies\n\n"
        f"| | |\n| --- | --- |\n{table}\n"
        f"{use} `{CARD_NAME}` has this page as data.\n"
    )


def _skipped(skipped: dict[str, str]) -> str:
    if not skipped:
        return "none"
    return "; ".join(f"{name}: {why}" for name, why in sorted(skipped.items()))
