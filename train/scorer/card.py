"""What a checkpoint is and how it came to be, as data and as a page."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Selection:
    """How the weights were chosen among those that training went through."""

    step: int
    chosen_on: str
    """`validation`, `test`, or `last`: nothing was held out."""
    measure: str
    """What was compared: `roc_auc of frames` …"""
    value: float | None
    num_videos: int


@dataclass(frozen=True)
class ModelCard:
    """Everything that says what a checkpoint is."""

    run_id: str
    """Hash of all that decides the weights: features, labels, recipe, seed."""
    network: str
    sizes: dict[str, Any]
    num_parameters: int
    extractor: str
    width: int
    recipe: dict[str, Any]
    seed: int
    num_steps: int
    selection: Selection
    dataset_name: str
    dataset_sha256: str
    """Of features, labels, clicks and boundaries that were learned from."""
    num_train_videos: int
    num_left_out: dict[str, int]
    """Why -> how many videos."""
    vau_data_version: str
    torch_version: str


def card_text(card: ModelCard) -> str:
    """The card as Markdown."""
    rows = {
        "network": f"{card.network}, {card.num_parameters:,} parameters",
        "takes": f"{card.width} numbers per 16-frame snippet, of `{card.extractor}`",
        "gives": "one anomaly score in [0, 1] per snippet",
        "recipe": f"{card.recipe['name']}: {card.recipe['about'].strip()}",
        "learned from": f"{card.num_train_videos} videos of `{card.dataset_name}`, "
        f"by {card.recipe['supervision']}",
        "left out": ", ".join(f"{n}: {why}" for why, n in card.num_left_out.items()) or "none",
        "steps": f"{card.num_steps}, seed {card.seed}",
        "weights": _chosen(card.selection),
        "dataset hash": f"`{card.dataset_sha256}`",
        "made by": f"vau-data {card.vau_data_version}, torch {card.torch_version}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    return (
        "# An anomaly scorer\n\n"
        f"| | |\n| --- | --- |\n{table}\n"
        "Score the videos of a dataset with it: `vau-data score --checkpoint DIR`. "
        "`model.json` has this page as data.\n"
    )


def _chosen(selection: Selection) -> str:
    if selection.chosen_on == "last":
        return "those of the last step; there were too few videos to hold any out"
    told = (
        f"of step {selection.step}, the best {selection.measure} ({selection.value:.4f}) "
        f"on {selection.num_videos} {selection.chosen_on} videos"
    )
    if selection.chosen_on == "test":
        return f"{told}. **Chosen on the test set, as the papers do: figures on it flatter.**"
    return told
