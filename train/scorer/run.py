"""Training a scorer on a dataset's features, from first batch to checkpoint with its card.

A run that was killed goes on where its last state was written and ends with the same weights:
batches, masks and noise of a step depend on seed and step alone.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import orjson
import torch
from filelock import FileLock, Timeout

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.progress import Progress
from engine.version import VERSION
from train.scorer.allocator import keep_freed_memory
from train.scorer.card import ModelCard, Selection
from train.scorer.checkpoint import CARD_NAME, MODEL_NAME, save_checkpoint, write_whole
from train.scorer.corpus import Corpus, groups_of, load_corpus, sha256_of_videos
from train.scorer.dropout import use_fast_masks
from train.scorer.log import TrainingLog, training_log
from train.scorer.networks import Network, build_network, name_of, sizes_of
from train.scorer.recipe import Recipe
from train.scorer.segments import Samples, batch_of, draw_batch, make_samples
from train.scorer.selection import Yardstick, measure, yardstick
from train.scorer.steps import is_contextual, optimizer_of, take_step

CHECKPOINTS_DIR_NAME = "checkpoints"
STATE_NAME = "state.pt"
SEGMENTS_NAME = "segments.npy"
LOGS_DIR_NAME = "tensorboard"
_STEPS_BETWEEN_LOGS = 10

SelectOn = Literal["validation", "test"]


@dataclass(frozen=True)
class TrainOptions:
    """What may differ from run to run of one recipe."""

    out_dir_path: Path | None = None
    """Default: `checkpoints/<recipe>-s<seed>` in the dataset."""
    seed: int = 0
    select_on: SelectOn = "validation"
    """`test` is what the papers do: figures on the test set then flatter."""
    device: str = "auto"
    is_quiet: bool = False
    seconds_between_states: float = 60.0
    """How much work a kill can cost."""


@dataclass(frozen=True)
class TrainPlan:
    """What a run would do; nothing is written yet."""

    recipe: Recipe
    options: TrainOptions
    corpus: Corpus
    by: Yardstick | None
    """None: too few videos to hold any out; the last weights are kept."""
    dataset_sha256: str
    """Of all that is learned from and chosen by: features, labels, clicks, boundaries."""
    run_id: str
    dir_path: Path
    is_finished: bool
    """The folder holds this very run's checkpoint already."""


@dataclass(frozen=True)
class TrainReport:
    """What came of it."""

    path: Path
    """The checkpoint's folder."""
    card: ModelCard
    first_step: int
    """Where this call began; > 0: it went on with a run that was cut off."""
    seconds: float


@dataclass
class _Progressed:
    """All that changes while training, and is written down to go on from."""

    network: Network
    optimizer: torch.optim.Optimizer
    step: int = 0
    """How many were taken."""
    best_step: int = 0
    best_value: float = -1.0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)


def plan_training(dataset: Dataset, recipe: Recipe, options: TrainOptions) -> TrainPlan:
    """Look at everything that decides a run.

    Raises `UsageError` where there is too little to learn from, and where the folder to write to
    holds another run.
    """
    corpus = load_corpus(dataset, recipe.supervision)
    chosen_by = corpus.test if options.select_on == "test" else corpus.validation
    if options.select_on == "test" and not chosen_by:
        raise UsageError("there is no test video with features and a label to choose by")
    dataset_sha256 = sha256_of_videos([*corpus.train, *chosen_by])
    told = recipe.model_dump(mode="json")
    decisive = [dataset_sha256, told, options.seed, options.select_on]
    run_id = hashlib.sha256(orjson.dumps(decisive)).hexdigest()
    default = dataset.dir_path / CHECKPOINTS_DIR_NAME / f"{recipe.name}-s{options.seed}"
    dir_path = options.out_dir_path or default
    return TrainPlan(
        recipe=recipe,
        options=options,
        corpus=corpus,
        by=yardstick(chosen_by, recipe.select_by),
        dataset_sha256=dataset_sha256,
        run_id=run_id,
        dir_path=dir_path,
        is_finished=_is_finished(dir_path, run_id),
    )


def train_scorer(
    dataset: Dataset, recipe: Recipe, options: TrainOptions | None = None
) -> TrainReport:
    """Train, or go on; the folder then holds the best weights with their card.

    Raises `UsageError` as `plan_training` does, and `ServiceError` where the scores leave the
    numbers.
    """
    started = time.monotonic()
    plan = plan_training(dataset, recipe, options or TrainOptions())
    if plan.is_finished:
        card = ModelCard(**_read_card(plan.dir_path))
        return TrainReport(plan.dir_path, card, card.num_steps, 0.0)
    with _only_here(plan.dir_path):
        device = _device(plan.options.device)
        if device.type == "cpu":
            keep_freed_memory()
        samples = make_samples(
            dataset,
            plan.corpus.train,
            num_segments=recipe.num_segments,
            path=plan.dir_path / SEGMENTS_NAME,
        )
        progressed = _begin(plan, device)
        _go_on(plan, state_path=plan.dir_path / STATE_NAME, progressed=progressed)
        first_step = progressed.step
        _train(dataset, plan, samples, progressed)
        card = _finish(dataset, plan, progressed)
    return TrainReport(plan.dir_path, card, first_step, time.monotonic() - started)


def _train(dataset: Dataset, plan: TrainPlan, samples: Samples, progressed: _Progressed) -> None:
    recipe, seed = plan.recipe, plan.options.seed
    device = next(progressed.network.parameters()).device
    last_state = time.monotonic()
    with (
        training_log(plan.dir_path / LOGS_DIR_NAME, progressed.step) as log,
        Progress("train", recipe.num_steps - progressed.step, plan.options.is_quiet) as shown,
    ):
        while progressed.step < recipe.num_steps:
            step = progressed.step
            torch.manual_seed(_seed_of(seed, step))
            rows, segments = draw_batch(
                samples, recipe.draw, batch_size=recipe.batch_size, seed=seed, step=step
            )
            batch = batch_of(samples, rows, segments, device)
            losses = take_step(
                progressed.network, progressed.optimizer, batch, recipe=recipe, step=step
            )
            progressed.step += 1
            if progressed.step % _STEPS_BETWEEN_LOGS == 0 or progressed.step == recipe.num_steps:
                log.losses(losses, progressed.step)
            is_look = progressed.step % recipe.validate_every == 0
            if is_look or progressed.step == recipe.num_steps:
                _look(dataset, plan, progressed, log)
            if time.monotonic() - last_state >= plan.options.seconds_between_states:
                _write_state(plan, progressed)
                last_state = time.monotonic()
            shown.advance(is_reject=False)


def _look(dataset: Dataset, plan: TrainPlan, progressed: _Progressed, log: TrainingLog) -> None:
    """Measure on the held-out videos, and keep the weights where they are the best so far."""
    is_whole = is_contextual(plan.recipe, progressed.step) or not plan.recipe.num_steps_alone
    if plan.by is None or not is_whole:
        return
    value = measure(dataset, progressed.network, plan.by)
    log.value(f"{plan.options.select_on}/{plan.by.name}", value, progressed.step)
    if value > progressed.best_value:
        progressed.best_value, progressed.best_step = value, progressed.step
        weights = progressed.network.state_dict()
        progressed.best_weights = {name: weight.clone() for name, weight in weights.items()}


def _begin(plan: TrainPlan, device: torch.device) -> _Progressed:
    torch.manual_seed(_seed_of(plan.options.seed, -1))
    sizes = {**plan.recipe.sizes, "feature_dim": plan.corpus.width}
    network = build_network(plan.recipe.network, sizes, where=f"recipe {plan.recipe.name}")
    if plan.recipe.dropout_masks == "fast":
        use_fast_masks(network)
    network = network.to(device).train()
    return _Progressed(network, optimizer_of(network, plan.recipe.optimizer))


def _go_on(plan: TrainPlan, *, state_path: Path, progressed: _Progressed) -> None:
    """Take up the state that a run of the same kind left; nothing where there is none."""
    if not state_path.exists():
        return
    state: dict[str, Any] = torch.load(state_path, map_location="cpu", weights_only=True)
    if state["run_id"] != plan.run_id:
        raise UsageError(
            f"{plan.dir_path} holds an unfinished run with other data, settings or seed; name "
            f"another folder with --out, or remove {state_path} to begin anew"
        )
    progressed.network.load_state_dict(state["weights"])
    progressed.optimizer.load_state_dict(state["optimizer"])
    progressed.step = state["step"]
    progressed.best_step, progressed.best_value = state["best_step"], state["best_value"]
    progressed.best_weights = state["best_weights"]


def _write_state(plan: TrainPlan, progressed: _Progressed) -> None:
    content = BytesIO()
    torch.save(
        {
            "run_id": plan.run_id,
            "step": progressed.step,
            "weights": progressed.network.state_dict(),
            "optimizer": progressed.optimizer.state_dict(),
            "best_step": progressed.best_step,
            "best_value": progressed.best_value,
            "best_weights": progressed.best_weights,
        },
        content,
    )
    write_whole(plan.dir_path / STATE_NAME, content.getvalue())


def _finish(dataset: Dataset, plan: TrainPlan, progressed: _Progressed) -> ModelCard:
    """Write the checkpoint, then drop what was only needed to go on."""
    if plan.by is not None:
        progressed.network.load_state_dict(progressed.best_weights)
    network = progressed.network.cpu().eval()
    card = ModelCard(
        run_id=plan.run_id,
        network=name_of(network),
        sizes=sizes_of(network),
        num_parameters=sum(weight.numel() for weight in network.parameters()),
        extractor=plan.corpus.extractor,
        width=plan.corpus.width,
        recipe=plan.recipe.model_dump(mode="json"),
        seed=plan.options.seed,
        num_steps=progressed.step,
        selection=_selection(plan, progressed),
        dataset_name=dataset.config.dataset.name,
        dataset_sha256=plan.dataset_sha256,
        num_train_videos=len(plan.corpus.train),
        num_left_out={why: len(ids) for why, ids in groups_of(plan.corpus.left_out).items()},
        vau_data_version=VERSION,
        torch_version=str(torch.__version__),
    )
    save_checkpoint(plan.dir_path, network, card)
    for name in (STATE_NAME, SEGMENTS_NAME):
        (plan.dir_path / name).unlink(missing_ok=True)
    return card


def _selection(plan: TrainPlan, progressed: _Progressed) -> Selection:
    if plan.by is None:
        return Selection(progressed.step, "last", "", None, 0)
    return Selection(
        step=progressed.best_step,
        chosen_on=plan.options.select_on,
        measure=plan.by.name,
        value=progressed.best_value,
        num_videos=len(plan.by.videos),
    )


@contextmanager
def _only_here(dir_path: Path) -> Iterator[None]:
    """Raises `UsageError` where another process trains in the same folder."""
    dir_path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(dir_path / ".lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"another process is training in {dir_path}; wait for it, or name another folder with "
            "--out"
        ) from None


def _is_finished(dir_path: Path, run_id: str) -> bool:
    """Raises `UsageError` where the folder holds the checkpoint of another run."""
    if not (dir_path / MODEL_NAME).exists():
        return False
    if (dir_path / CARD_NAME).exists() and _read_card(dir_path).get("run_id") == run_id:
        return True
    raise UsageError(
        f"{dir_path} holds the checkpoint of a run with other data, settings or seed; name another "
        "folder with --out, or remove it"
    )


def _read_card(dir_path: Path) -> dict[str, Any]:
    card: dict[str, Any] = orjson.loads((dir_path / CARD_NAME).read_bytes())
    return card | {"selection": Selection(**card["selection"])}


def _seed_of(seed: int, step: int) -> int:
    digest = hashlib.sha256(f"{seed}:{step}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
