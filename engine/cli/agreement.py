"""`vau-data agreement`: how well people agree."""

from engine.cli import _options as opt

EXAMPLE = "vau-data agreement --json"


def agreement(dataset: opt.DatasetDir = None, as_json: opt.AsJson = False) -> None:
    """Say how well people agree on videos done twice.

    Clicks within 2 s of each other, one to one; kappa on bins of a second; overlap of boundaries
    that two people set. Below 20 videos, or 20 events, there is no figure.
    """
    from annotator_ui.agreement import agreement_lines
    from annotator_ui.journal import LOG_NAME, read_states
    from annotator_ui.progress import agreement_in
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.index import Index
    from schemas import Video

    opened = open_dataset(dataset)
    states = read_states(opened.dir_path / LOG_NAME)
    found = agreement_in(Index(opened).all(Video), states)
    if as_json:
        print_json(found)
    else:
        print("\n".join(agreement_lines(found)))
