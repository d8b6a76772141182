"""`vau-data annotators`: who may sign in to the annotation pages."""

from typing import Annotated

import typer

from engine.cli import _options as opt

ADD_EXAMPLE = "vau-data annotators add ada"
LIST_EXAMPLE = "vau-data annotators list --json"
REMOVE_EXAMPLE = "vau-data annotators remove ada"

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def add(name: Name, dataset: opt.DatasetDir = None) -> None:
    """Add a person; the password is asked for, or read from standard input."""
    import sys
    from getpass import getpass

    from annotator_ui.accounts import Accounts
    from engine.cli._datasets import open_dataset
    from engine.errors import UsageError

    accounts = Accounts.of(open_dataset(dataset))
    if sys.stdin.isatty():
        password = getpass("password: ")
        if getpass("again: ") != password:
            raise UsageError("the two passwords differ; nothing was added")
    else:
        password = sys.stdin.readline().rstrip("\n")
    accounts.add(name, password)
    print(f"added {name}; the pages ask for name and password from the next start on")


def list_names(dataset: opt.DatasetDir = None, as_json: opt.AsJson = False) -> None:
    """List who may sign in."""
    from annotator_ui.accounts import Accounts
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json, remark

    names = list(Accounts.of(open_dataset(dataset)).all())
    if as_json:
        print_json(names)
        return
    print("\n".join(names)) if names else remark("nobody; this machine alone needs no account")


def remove(name: Name, dataset: opt.DatasetDir = None) -> None:
    """Remove a person; their sessions end at once, their work is kept."""
    from annotator_ui.accounts import Accounts
    from engine.cli._datasets import open_dataset

    Accounts.of(open_dataset(dataset)).remove(name)
    print(f"removed {name}")
