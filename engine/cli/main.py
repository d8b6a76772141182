"""`vau-data`: builds the command line, and is the one place where any error ends."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from engine.cli import (
    agreement,
    annotate,
    annotators,
    assign,
    audit,
    bench,
    blind,
    build_instructions,
    caption,
    check,
    clip,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    export_clicks,
    features,
    import_clicks,
    import_events,
    import_features,
    import_hivau,
    import_uca,
    ingest,
    init,
    loop,
    prompts,
    propose,
    rebuild,
    rejects,
    run,
    score,
    sheet,
    show,
    stats,
    status,
    summarize,
    train,
    train_mllm,
    validate,
)

DEBUG_FLAG = "--debug"
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """One command under the name that a person types."""

    name: str
    function: Callable[..., None]
    example: str


COMMANDS = (
    Command("init", init.init, init.EXAMPLE),
    Command("ingest", ingest.ingest, ingest.EXAMPLE),
    Command("import clicks", import_clicks.import_clicks, import_clicks.EXAMPLE),
    Command("import events", import_events.import_events, import_events.EXAMPLE),
    Command("import uca", import_uca.import_uca, import_uca.EXAMPLE),
    Command("import hivau", import_hivau.import_hivau, import_hivau.EXAMPLE),
    Command("import features", import_features.import_features, import_features.EXAMPLE),
    Command("features", features.features, features.EXAMPLE),
    Command("score", score.score, score.EXAMPLE),
    Command("train scorer", train.scorer, train.SCORER_EXAMPLE),
    Command("train mllm", train_mllm.mllm, train_mllm.MLLM_EXAMPLE),
    Command("train merge", train_mllm.merge, train_mllm.MERGE_EXAMPLE),
    Command("explain", explain.explain, explain.EXAMPLE),
    Command("evaluate detection", evaluate.detection, evaluate.DETECTION_EXAMPLE),
    Command("evaluate mcq", evaluate.mcq, evaluate.MCQ_EXAMPLE),
    Command("evaluate reasoning", evaluate.reasoning, evaluate.REASONING_EXAMPLE),
    Command("loop", loop.loop, loop.EXAMPLE),
    Command("annotate", annotate.annotate, annotate.EXAMPLE),
    Command("annotators add", annotators.add, annotators.ADD_EXAMPLE),
    Command("annotators list", annotators.list_names, annotators.LIST_EXAMPLE),
    Command("annotators remove", annotators.remove, annotators.REMOVE_EXAMPLE),
    Command("assign", assign.assign, assign.EXAMPLE),
    Command("agreement", agreement.agreement, agreement.EXAMPLE),
    Command("blind add", blind.add, blind.ADD_EXAMPLE),
    Command("blind report", blind.report, blind.REPORT_EXAMPLE),
    Command("propose", propose.propose, propose.EXAMPLE),
    Command("clip", clip.clip, clip.EXAMPLE),
    Command("caption", caption.caption, caption.EXAMPLE),
    Command("summarize", summarize.summarize, summarize.EXAMPLE),
    Command(
        "build-instructions", build_instructions.build_instructions, build_instructions.EXAMPLE
    ),
    Command("export", export.export, export.EXAMPLE),
    Command("rebuild", rebuild.rebuild, rebuild.EXAMPLE),
    Command("export clicks", export_clicks.export_clicks, export_clicks.EXAMPLE),
    Command("run", run.run, run.EXAMPLE),
    Command("status", status.status, status.EXAMPLE),
    Command("show", show.show, show.EXAMPLE),
    Command("sheet", sheet.sheet, sheet.EXAMPLE),
    Command("rejects", rejects.rejects, rejects.EXAMPLE),
    Command("validate", validate.validate, validate.EXAMPLE),
    Command("audit", audit.audit, audit.EXAMPLE),
    Command("check", check.check, check.EXAMPLE),
    Command("stats", stats.stats, stats.EXAMPLE),
    Command("prompts list", prompts.list_prompts, prompts.LIST_EXAMPLE),
    Command("prompts show", prompts.show_prompt, prompts.SHOW_EXAMPLE),
    Command("doctor", doctor.doctor, doctor.EXAMPLE),
    Command("bench serve", bench.serve, bench.EXAMPLE),
    Command("demo", demo.demo, demo.EXAMPLE),
)
_GROUPS = {
    "annotators": "Who may sign in to the pages.",
    "bench": "Measure how fast things are.",
    "blind": "Have people compare models' answers.",
    "evaluate": "Measure how good scores and answers are.",
    "import": "Bring in other people's annotations.",
    "prompts": "See what is said to models.",
    "train": "Learn from the dataset.",
}
_COMMANDS_WITH_OTHERS = frozenset({"export"})


def build_app() -> typer.Typer:
    """All commands, in the order of the flow."""
    app = _group("From untrimmed videos to a hierarchical video-anomaly instruction dataset.")
    app.callback(epilog="Start with: vau-data demo DIR")(_top)
    groups: dict[str, typer.Typer] = {}
    for command in COMMANDS:
        group_name, _, name = command.name.rpartition(" ")
        if name in _COMMANDS_WITH_OTHERS:
            groups[name] = _group_that_acts(command)
            app.add_typer(groups[name], name=name)
            continue
        if group_name and group_name not in groups:
            groups[group_name] = _group(_GROUPS[group_name])
            app.add_typer(groups[group_name], name=group_name)
        parent = groups[group_name] if group_name else app
        parent.command(name, epilog=f"Example: {command.example}")(command.function)
    return app


def _group_that_acts(command: Command) -> typer.Typer:
    """A command that has others below it: it does its own work where none of them is named."""
    group = _group(command.function.__doc__ or "")
    group.info.no_args_is_help = False
    epilog = f"Example: {command.example}"
    group.callback(epilog=epilog, invoke_without_command=True)(command.function)
    return group


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _print_version(is_asked: bool) -> None:
    from engine.version import VERSION

    if is_asked:
        print(f"vau-data {VERSION}")
        raise typer.Exit


def _top(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
    _debug: Annotated[
        bool, typer.Option(DEBUG_FLAG, help="With any command: tracebacks and debug logs.")
    ] = False,
) -> None:
    """From untrimmed videos to a hierarchical video-anomaly instruction dataset."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Nothing gets past it but the end of the process."""
    is_debug = DEBUG_FLAG in arguments
    try:
        _start(is_debug=is_debug)
        build_app()([one for one in arguments if one != DEBUG_FLAG], prog_name="vau-data")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return _interrupted() if code == EXIT_INTERRUPTED else code
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - the outermost frame: any error ends here
        return _explain(error, is_debug=is_debug)
    return 0


def _start(*, is_debug: bool) -> None:
    from engine.intruders import find_intruders

    if is_debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for intruder in find_intruders():
        print(f"warning: {intruder.describe()}", file=sys.stderr)


def _interrupted() -> int:
    print("interrupted: what is done is kept; run the same command again to go on", file=sys.stderr)
    return EXIT_INTERRUPTED


def _explain(error: Exception, *, is_debug: bool) -> int:
    from engine.errors import VauDataError

    if is_debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, VauDataError):
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(
        f"error: {type(error).__name__}: {error}\n"
        f"This is a fault of vau-data, or of the machine; run it again with {DEBUG_FLAG} to see "
        "where, and report that.",
        file=sys.stderr,
    )
    return 1


def main() -> None:
    """The console script."""
    code = run_command_line(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # All files are closed by now. A thread that is still connecting to a host that does not
        # answer cannot be woken, and a plain exit would wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
