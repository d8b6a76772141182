"""One step of training: a batch in, losses by name out, weights moved."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from engine.errors import ServiceError
from train.scorer.mlp import Mlp
from train.scorer.networks import Network
from train.scorer.recipe import OptimizerSection, Recipe
from train.scorer.segments import Batch
from train.scorer.supervision import (
    Losses,
    by_boundaries,
    by_clicks,
    by_videos,
    pseudo_labels,
)
from train.scorer.ur_dmu import TrainingOutputs, as_float32
from train.scorer.vador import Vador, VadorOutputs, mil_losses


def take_step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    *,
    recipe: Recipe,
    step: int,
) -> dict[str, Tensor]:
    """Move the weights; the losses by name, `total` among them, without their graphs."""
    factor = rate_factor(recipe, step)
    for group in optimizer.param_groups:
        group["lr"] = recipe.optimizer.learning_rate * factor
    losses = losses_of(network, batch, recipe=recipe, step=step)
    total = torch.stack([*losses.values()]).sum()
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()
    return {name: loss.detach() for name, loss in losses.items()} | {"total": total.detach()}


def losses_of(network: Network, batch: Batch, *, recipe: Recipe, step: int) -> Losses:
    """What the recipe's supervision says of a batch; float32 whatever the network computes in.

    Raises `ServiceError` where the network's scores are no numbers.
    """
    is_lower = recipe.precision == "bfloat16"
    device_type = batch.features.device.type
    if isinstance(network, Vador):
        network.is_contextual = is_contextual(recipe, step)
    with torch.autocast(device_type, torch.bfloat16, enabled=is_lower):
        outputs = (
            network(batch.features)
            if isinstance(network, Mlp)
            else network.training_outputs(batch.features)
        )
    _refuse_no_numbers(outputs, step)
    if isinstance(outputs, Tensor):
        return {"frames": binary_cross_entropy(outputs.float(), batch.labels)}
    if isinstance(outputs, VadorOutputs):
        predictions = tuple(scores.float() for scores in outputs.predictions)
        return mil_losses(VadorOutputs(predictions), batch.is_abnormal)
    outputs = as_float32(outputs)
    if recipe.supervision == "video":
        return by_videos(outputs)
    if recipe.supervision == "boundaries":
        return by_boundaries(outputs, batch.labels)
    clicks = batch.clicks.chunk(2)[1]
    labels = pseudo_labels(clicks, outputs.scores.chunk(2)[1], recipe.clicks, step=step)
    return by_clicks(outputs, clicks, labels, form=recipe.clicks.form)


def _refuse_no_numbers(outputs: Tensor | VadorOutputs | TrainingOutputs, step: int) -> None:
    if isinstance(outputs, VadorOutputs):
        scores = outputs.predictions[-1]
    else:
        scores = outputs if isinstance(outputs, Tensor) else outputs.scores
    if not scores.isfinite().all():
        raise ServiceError(
            f"the scores at step {step} are no numbers any more; try a lower [optimizer] "
            'learning_rate, or precision = "float32"'
        )


def is_contextual(recipe: Recipe, step: int) -> bool:
    """Whether VADor has its context at this step."""
    return recipe.sizes.get("context") != "none" and step >= recipe.num_steps_alone


def rate_factor(recipe: Recipe, step: int) -> float:
    """What the learning rate is multiplied by: warm-up, then constant or a falling cosine.

    Both begin anew where VADor's second phase does.
    """
    start, end = 0, recipe.num_steps_alone or recipe.num_steps
    if step >= end:
        start, end = end, recipe.num_steps
    warmup = min(recipe.optimizer.warmup_steps, end - start - 1)
    done = step - start
    if done < warmup:
        return (done + 1) / (warmup + 1)
    if recipe.optimizer.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (end - start - warmup)))


def optimizer_of(network: nn.Module, settings: OptimizerSection) -> torch.optim.Optimizer:
    """Over all weights of the network."""
    decay = settings.weight_decay
    if settings.name == "sgd":
        return torch.optim.SGD(network.parameters(), settings.learning_rate, weight_decay=decay)
    maker = torch.optim.Adam if settings.name == "adam" else torch.optim.AdamW
    return maker(network.parameters(), settings.learning_rate, weight_decay=decay)
