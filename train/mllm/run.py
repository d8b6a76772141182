"""Tuning a video LLM on a release: from a plan to an adapter with its card.

A run that was killed goes on from its last whole state and ends with the same weights: order,
frames and masks of a step depend on seed and step alone.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import torch
from filelock import FileLock, Timeout
from transformers import set_seed

from engine.errors import ServiceError, TooManyRejectsError, UsageError
from engine.progress import Progress
from engine.version import VERSION
from train.mllm.base import adapted, load_model
from train.mllm.card import CARD_NAME, MllmCard, card_text
from train.mllm.plan import RUN_NAME, MllmPlan, is_first_process
from train.mllm.samples import Collate, Order, Samples, read_skipped
from train.mllm.trainer import (
    AnswerTrainer,
    Hooks,
    Watchers,
    arguments_of,
    last_whole_state,
    quiet,
    remove_torn_states,
)
from train.scorer.checkpoint import write_whole
from train.scorer.log import training_log

STATES_DIR_NAME = "states"
LOGS_DIR_NAME = "tensorboard"
SKIPPED_NAME = "skipped.jsonl"
_PACKAGES = ("torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True)
class MllmReport:
    """What came of it."""

    path: Path
    """The adapter's folder."""
    card: MllmCard
    first_step: int
    """Where this call began; > 0: it went on with a run that was cut off."""
    seconds: float


def tune(plan: MllmPlan) -> MllmReport:
    """Train, or go on; the folder then holds the adapter with its card.

    Raises `ServiceError` where the loss leaves the numbers or memory runs out.
    """
    started, dir_path = time.monotonic(), plan.options.out_dir_path
    if plan.is_finished:
        card = read_card(dir_path)
        return MllmReport(dir_path, card, card.num_steps, 0.0)
    with _only_here(plan):
        states_dir_path = dir_path / STATES_DIR_NAME
        state = last_whole_state(states_dir_path)
        first_step = int(state.name.rpartition("-")[2]) if state is not None else 0
        trainer, hooks = _trained(plan, state=state, first_step=first_step)
        # Called by every process: where weights are shared out, each has a part to give.
        trainer.save_model(str(dir_path))
        if trainer.is_world_process_zero():
            card = _finish(plan, trainer, hooks)
        else:
            card = card_of(plan, trainer.state.global_step, None)
    return MllmReport(dir_path, card, first_step, time.monotonic() - started)


def refuse_too_many_skipped(plan: MllmPlan, *, max_reject_rate: float) -> None:
    """Raises `TooManyRejectsError` where a larger share of samples could not be had."""
    num_skipped, num_all = len(_skipped(plan)), len(plan.lessons.shots)
    if num_skipped > max_reject_rate * num_all:
        raise TooManyRejectsError(
            f"{num_skipped} of {num_all} samples were skipped, more than --max-reject-rate "
            f"{max_reject_rate:.0%}; {plan.options.out_dir_path / SKIPPED_NAME} lists them. Mend "
            "them, and train anew into another folder"
        )


def _skipped(plan: MllmPlan) -> dict[str, str]:
    return read_skipped(plan.options.out_dir_path / SKIPPED_NAME)


def _trained(plan: MllmPlan, *, state: Path | None, first_step: int) -> tuple[AnswerTrainer, Hooks]:
    is_first = is_first_process()
    log_dir_path = plan.options.out_dir_path / LOGS_DIR_NAME
    is_quiet = plan.options.is_quiet or not is_first
    with (
        training_log(log_dir_path, first_step) if is_first else nullcontext() as log,
        Progress("train", _num_steps(plan) - first_step, is_quiet) as shown,
    ):

        def note(figures: Mapping[str, float], step: int) -> None:
            if log is not None:
                for name, value in figures.items():
                    log.value(f"train/{name}", value, step)
            _refuse_no_number(figures, step)

        hooks = Hooks(_order(plan), Watchers(lambda: shown.advance(is_reject=False), note))
        trainer = _trainer(plan, samples_of(plan), hooks)
        try:
            trainer.train(resume_from_checkpoint=None if state is None else str(state))
        except torch.OutOfMemoryError as error:
            raise ServiceError(
                f"{plan.device} ran out of memory; lower per_device or [frames] num in the recipe, "
                "and name another folder with --out"
            ) from error
    return trainer, hooks


def _trainer(plan: MllmPlan, samples: Samples, hooks: Hooks) -> AnswerTrainer:
    recipe = plan.recipe
    set_seed(plan.options.seed)
    model = load_model(plan.base.dir_path, precision=recipe.precision)
    model.config.get_text_config().use_cache = False
    tuned = adapted(model, plan.architecture, train=recipe.train, lora=recipe.lora)
    arguments = arguments_of(
        recipe,
        dir_path=plan.options.out_dir_path / STATES_DIR_NAME,
        seed=plan.options.seed,
        workers=plan.options.workers,
        is_cpu=plan.device.type == "cpu",
        num_devices=plan.num_devices,
    )
    trainer = AnswerTrainer(
        order=hooks.order,
        rates=recipe.optimizer,
        model=tuned,
        args=arguments,
        train_dataset=samples,
        data_collator=Collate(plan.architecture, _pad_id(plan)),
        callbacks=[hooks],
    )
    quiet(trainer)
    return trainer


def samples_of(plan: MllmPlan) -> Samples:
    """What the plan's shots give, as tensors."""
    return Samples(
        shots=plan.lessons.shots,
        architecture=plan.architecture,
        asked=plan.asked,
        tau=plan.recipe.frames.tau,
        seed=plan.options.seed,
        max_tokens=plan.recipe.max_tokens,
        skipped_path=plan.options.out_dir_path / SKIPPED_NAME,
    )


def _order(plan: MllmPlan) -> Order:
    return Order(
        lengths=samples_of(plan).lengths(),
        seed=plan.options.seed,
        batch_size=plan.recipe.batch_size,
        is_grouped=plan.recipe.is_grouped,
    )


def _num_steps(plan: MllmPlan) -> int:
    if plan.recipe.num_steps is not None:
        return plan.recipe.num_steps
    return plan.recipe.num_epochs * -(-len(plan.lessons.shots) // plan.recipe.batch_size)


def _pad_id(plan: MllmPlan) -> int:
    tokenizer = plan.asked.tokenizer
    found = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if found is None else found)


def _refuse_no_number(figures: Mapping[str, float], step: int) -> None:
    loss = figures.get("loss", 0.0)
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise ServiceError(
            f"the loss of step {step} is {loss}; lower the learning rates in the recipe, and name "
            "another folder with --out"
        )


def _finish(plan: MllmPlan, trainer: AnswerTrainer, hooks: Hooks) -> MllmCard:
    """Write the adapter and its card, then drop what was only needed to go on."""
    dir_path = plan.options.out_dir_path
    (dir_path / "training_args.bin").unlink(missing_ok=True)
    plan.asked.tokenizer.save_pretrained(dir_path)
    last = hooks.last_losses[-10:]
    loss = sum(last) / len(last) if last else None
    card = card_of(plan, trainer.state.global_step, loss)
    write_whole(dir_path / "README.md", card_text(card).encode())
    write_whole(dir_path / CARD_NAME, orjson.dumps(card, option=orjson.OPT_INDENT_2))
    shutil.rmtree(dir_path / STATES_DIR_NAME, ignore_errors=True)
    (dir_path / RUN_NAME).unlink(missing_ok=True)
    return card


def card_of(plan: MllmPlan, num_steps: int, final_loss: float | None) -> MllmCard:
    """What the run made."""
    release = plan.lessons.release
    return MllmCard(
        run_id=plan.run_id,
        family=plan.architecture.family,
        base=plan.base.name,
        base_sha256=plan.base.sha256,
        recipe=plan.recipe.model_dump(mode="json"),
        seed=plan.options.seed,
        num_steps=num_steps,
        num_samples=len(plan.lessons.shots) + len(plan.lessons.left_out),
        num_trained_weights=plan.num_weights[1],
        final_loss=final_loss,
        release_name=release.name,
        release_sha256=release.sha256,
        rows_path=release.file.path,
        scores_sha256=plan.lessons.scores_sha256,
        skipped=plan.lessons.left_out | _skipped(plan),
        vau_data_version=VERSION,
        versions={name: version(name) for name in _PACKAGES},
    )


def read_card(dir_path: Path) -> MllmCard:
    """Of an adapter or a merged model. Raises `UsageError` where the folder holds neither."""
    try:
        told: dict[str, Any] = orjson.loads((dir_path / CARD_NAME).read_bytes())
        return MllmCard(**told)
    except (OSError, TypeError, orjson.JSONDecodeError) as error:
        raise UsageError(
            f"{dir_path} holds no tuned video LLM ({CARD_NAME} is missing or another's); train one "
            "with `vau-data train mllm`"
        ) from error


@contextmanager
def _only_here(plan: MllmPlan) -> Iterator[None]:
    """Raises `UsageError` where another run trains in the same folder."""
    dir_path = plan.options.out_dir_path
    if not is_first_process():
        yield
        return
    dir_path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(dir_path / ".lock").acquire(timeout=0):
            write_whole(dir_path / RUN_NAME, orjson.dumps({"run_id": plan.run_id}))
            remove_torn_states(dir_path / STATES_DIR_NAME)
            if last_whole_state(dir_path / STATES_DIR_NAME) is None:
                (dir_path / SKIPPED_NAME).unlink(missing_ok=True)
            yield
    except Timeout:
        raise UsageError(
            f"another process is training in {dir_path}; wait for it, or name another folder with "
            "--out"
        ) from None
