"""Hugging Face's trainer, told which order, which rates and which loss; states to go on from."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from train.mllm.encode import IGNORED
from train.mllm.recipe import MllmRecipe, OptimizerSection
from train.mllm.samples import Order

_WHOLE = "whole"
"""Written last into a state: one without it was being written when the run was killed."""
_LORA = "lora_"
_SCHEDULES = {"constant": "constant_with_warmup", "cosine": "cosine"}


def answer_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None) -> Tensor:
    """Cross-entropy of answers' tokens over the number of them in the whole step.

    (B, K, vocabulary) logits and (B, K) labels, position by position. A batch without a token to
    learn, where all of its samples were skipped, gives 0 and not a division by 0.
    """
    logits = outputs["logits"].float()
    total = cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    counted = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
    return total / torch.as_tensor(counted, device=total.device).clamp(min=1)


class AnswerTrainer(Trainer):
    """The trainer's documented points to step in: which sample comes when, and rates by part."""

    def __init__(self, *, order: Order, rates: OptimizerSection, **settings: Any) -> None:
        super().__init__(compute_loss_func=answer_loss, **settings)
        self._order = order
        self._rates = rates

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:  # noqa: ARG002
        return self._order

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a group per part and decay."""
        if getattr(self, "optimizer", None) is None:
            groups = groups_of(self.model if model is None else model, self._rates)
            self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups)
        return self.optimizer


def groups_of(model: Any, rates: OptimizerSection) -> list[dict[str, Any]]:
    """Trained weights by rate and decay; no group is empty."""
    groups = dict[tuple[float, float], list[Tensor]]()
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        is_lora = _LORA in name
        rate = rates.lora_learning_rate if is_lora else rates.projector_learning_rate
        decay = rates.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(weight)
    return [
        {"params": weights, "lr": rate, "weight_decay": decay}
        for (rate, decay), weights in groups.items()
    ]


@dataclass(frozen=True)
class Watchers:
    """Who is told how a run goes."""

    on_step: Callable[[], None]
    on_log: Callable[[Mapping[str, float], int], None]


@dataclass
class Hooks(TrainerCallback):
    """Keeps the order in step with the epoch, marks whole states, passes figures on."""

    order: Order
    watchers: Watchers
    last_losses: list[float] = field(default_factory=list)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Before the trainer asks for the epoch's order."""
        self.order.epoch = int((state.epoch or 0) + 1e-6)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """One step was taken."""
        self.watchers.on_step()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """After the last file of a state was written."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Loss and rate of the last steps."""
        figures = {name: value for name, value in (logs or {}).items() if name != "epoch"}
        if "loss" in figures:
            self.last_losses.append(float(figures["loss"]))
        self.watchers.on_log(figures, state.global_step)


def arguments_of(
    recipe: MllmRecipe, *, dir_path: Path, seed: int, workers: int, is_cpu: bool, num_devices: int
) -> TrainingArguments:
    """What the recipe says in the trainer's words."""
    rates = recipe.optimizer
    arguments = TrainingArguments(
        output_dir=str(dir_path),
        per_device_train_batch_size=recipe.per_device,
        gradient_accumulation_steps=recipe.batch_size // (recipe.per_device * num_devices),
        num_train_epochs=recipe.num_epochs,
        max_steps=recipe.num_steps or -1,
        lr_scheduler_type=_SCHEDULES[rates.schedule],
        warmup_steps=rates.warmup_share,
        max_grad_norm=rates.most_gradient,
        bf16=recipe.precision == "bfloat16",
        activation_checkpointing=recipe.is_checkpointed,
        activation_checkpointing_kwargs={"use_reentrant": False},
        save_strategy="steps",
        save_steps=recipe.save_every,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=workers,
        dataloader_pin_memory=not is_cpu,
        seed=seed,
        use_cpu=is_cpu,
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )
    # Several GPUs are used by `accelerate launch`, a process each; without it the trainer would put
    # its own threads on all of them, where random masks do not come again.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def quiet(trainer: Trainer) -> Trainer:
    """Without the trainer's own printing."""
    trainer.remove_callback(PrinterCallback)
    return trainer


def last_whole_state(dir_path: Path) -> Path | None:
    """The newest state that was written to its end."""
    marks = {int(mark.parent.name.rpartition("-")[2]): mark.parent for mark in _marks(dir_path)}
    return marks[max(marks)] if marks else None


def remove_torn_states(dir_path: Path) -> None:
    """What a killed run was writing."""
    whole = {mark.parent for mark in _marks(dir_path)}
    for path in set(dir_path.glob("checkpoint-*")) - whole:
        shutil.rmtree(path)


def _marks(dir_path: Path) -> list[Path]:
    return list(dir_path.glob(f"checkpoint-*/{_WHOLE}"))
