"""`vau-data stats`: how much there is, of what, made by whom, at what cost."""

from engine.cli import _options as opt

EXAMPLE = "vau-data stats --json"
TITLES = {
    "granularity": "clips, events and videos",
    "split": "by split",
    "category": "by category",
    "questions": "questions",
    "letters": "right letters of multiple choice; χ² with 3 degrees of freedom",
    "usage": "captions and summaries, and what they took",
    "serving": "servers started with --gpus, and what they cost",
}


def stats(dataset: opt.DatasetDir = None, as_json: opt.AsJson = False) -> None:
    """Count segments, hours, words, questions and costs."""
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.statistics import dataset_tables, table_text

    tables = dataset_tables(open_dataset(dataset))
    if as_json:
        print_json(tables)
        return
    for name, rows in tables.items():
        print(f"{TITLES[name]}\n{table_text(rows)}\n" if rows else f"{TITLES[name]}: none yet\n")
