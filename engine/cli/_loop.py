"""One round: train on what people marked, score, propose; and what that changed."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engine.cli._output import how_many
from engine.cli._scorers import with_checkpoint
from engine.cli._stages import Reports, StageFlags, do_steps, reporting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.changes import EventChange, ScoreChange
    from engine.dataset import Dataset
    from schemas import Event, ScoreTrack
    from train.scorer.recipe import Recipe
    from train.scorer.run import TrainReport

_MOST_SHOWN = 20


@dataclass(frozen=True)
class LoopFlags:
    """How a person asked for a round."""

    recipe: "Recipe"
    seed: int
    device: str
    stages: StageFlags


@dataclass(frozen=True)
class _State:
    """What a round changes."""

    events: "tuple[Event, ...]"
    tracks: "dict[str, ScoreTrack]"


def run_loop(dataset: "Dataset", flags: LoopFlags) -> None:
    """Features, training, scores, events, and the difference. Each part goes on where it ended."""
    before = _state(dataset)
    with reporting(dataset, flags.stages) as reports:
        _bring_up_to_date(dataset, ("features",), flags.stages, reports)
        trained = _train(dataset, flags)
        _tell_training(trained, reports)
        scored = with_checkpoint(dataset, trained.path)
        _bring_up_to_date(scored, ("score", "propose"), flags.stages, reports)
        _tell_changes(before, _state(dataset), reports)


def _bring_up_to_date(
    dataset: "Dataset", names: "Sequence[str]", flags: StageFlags, reports: Reports
) -> None:
    from engine.flow import STEPS

    steps = [step for step in STEPS if step.name in names]
    for label, report, changes in do_steps(dataset, steps, flags):
        reports.add(label, report, changes)


def _train(dataset: "Dataset", flags: LoopFlags) -> "TrainReport":
    """Into a folder of its own for every state of the data, so that no round runs over another."""
    from dataclasses import replace

    from train.scorer.run import TrainOptions, plan_training, train_scorer

    folder = dataset.dir_path / "checkpoints"
    options = TrainOptions(
        out_dir_path=folder / "loop-unnamed",
        seed=flags.seed,
        device=flags.device,
        is_quiet=flags.stages.is_quiet,
    )
    run_id = plan_training(dataset, flags.recipe, options).run_id
    path = folder / f"loop-{flags.recipe.name}-{run_id[:8]}"
    return train_scorer(dataset, flags.recipe, replace(options, out_dir_path=path))


def _tell_training(trained: "TrainReport", reports: Reports) -> None:
    card, selection = trained.card, trained.card.selection
    reports.rows["training"] = asdict(card) | {"path": str(trained.path)}
    if reports.is_json:
        return
    chosen = "" if selection.value is None else f", {selection.measure} {selection.value:.3f}"
    print(
        f"train: {card.num_steps} steps on {how_many(card.num_train_videos, 'video')}, kept step "
        f"{selection.step} ({selection.chosen_on}{chosen}); "
        f"{trained.seconds:.1f} s; {trained.path}",
        flush=True,
    )


def _state(dataset: "Dataset") -> _State:
    from engine.index import Index
    from schemas import Event, ScoreTrack

    index = Index(dataset)
    tracks = {track.id: track for track in index.all(ScoreTrack)}
    return _State(tuple(index.all(Event)), tracks)


def _tell_changes(before: _State, after: _State, reports: Reports) -> None:
    from engine.changes import event_changes, score_changes

    events = event_changes(before.events, after.events)
    scores = score_changes(before.tracks, after.tracks)
    reports.rows["event_changes"] = [asdict(change) for change in events]
    reports.rows["score_changes"] = [asdict(change) for change in scores]
    if not reports.is_json:
        print("\n".join(change_lines(events, scores)))


def change_lines(
    events: "Sequence[EventChange]", scores: "Sequence[ScoreChange]"
) -> "Iterator[str]":
    """Counts first, then the events one by one and the scores that moved most."""
    counts = [
        f"{sum(change.kind == kind for change in events)} {kind}"
        for kind in ("moved", "added", "gone")
    ]
    yield f"events: {', '.join(counts)}"
    yield from _some([_event_line(change) for change in events])
    known = [change.mean_change for change in scores if change.mean_change is not None]
    mean = f", by {sum(known) / len(known):.3f} on the average" if known else ""
    yield f"scores: {len(known)} changed{mean}; {len(scores) - len(known)} new"
    yield from _some([_score_line(change) for change in scores])


def _some(lines: "list[str]") -> "Iterator[str]":
    yield from lines[:_MOST_SHOWN]
    if len(lines) > _MOST_SHOWN:
        yield f"  … and {len(lines) - _MOST_SHOWN} more; --json has all"


def _event_line(change: "EventChange") -> str:
    parts: list[Any] = [change.before, change.after]
    shown = [f"{part[0]:.1f}–{part[1]:.1f} s" for part in parts if part is not None]
    return f"  {change.video_id}: {change.kind} {' to '.join(shown)}"


def _score_line(change: "ScoreChange") -> str:
    if change.mean_change is None:
        return f"  {change.video_id}: new, highest at {change.peak_after_seconds:.1f} s"
    return (
        f"  {change.video_id}: by {change.mean_change:.3f}, highest at "
        f"{change.peak_before_seconds:.1f} s before, {change.peak_after_seconds:.1f} s now"
    )
