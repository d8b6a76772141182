"""`vau-data status`: what each stage has settled, has to do, and why."""

from engine.cli import _options as opt

EXAMPLE = "vau-data status --json"


def status(dataset: opt.DatasetDir = None, as_json: opt.AsJson = False) -> None:
    """Say what is settled, to do and why, rejected, waiting."""
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.cli._status_text import status_lines
    from engine.status import dataset_status

    found = dataset_status(open_dataset(dataset))
    if as_json:
        print_json(found)
    else:
        print("\n".join(status_lines(found)))
