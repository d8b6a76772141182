"""`vau-data rejects`: what could not be done, and why."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data rejects --stage caption --reason media_timeout"


def rejects(
    stage: Annotated[str | None, typer.Option(show_default=False, help="Of this stage.")] = None,
    reason: Annotated[str | None, typer.Option(show_default=False, help="For this reason.")] = None,
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """List what is rejected now, and why."""
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json, remark
    from engine.rejects import current_rejects

    found = current_rejects(open_dataset(dataset), stage=stage, reason=reason)
    if as_json:
        print_json(found)
        return
    for reject in found:
        print(f"{reject.stage}  {reject.item_id}  {reject.reason}: {reject.detail}")
    remark(f"{len(found)} rejected" if found else "nothing is rejected")
