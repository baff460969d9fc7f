"""The LightningModule: one step of training, validation, and what a checkpoint holds."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities import rank_zero_warn
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from styletransfer.errors import DivergenceError, TrainingDataError
from styletransfer.losses import (
    LossNetwork,
    content_loss,
    gram_matrix,
    grid_loss,
    style_loss,
    surrounded,
    tone_loss,
    total_variation,
)
from styletransfer.losses.objective import Objective
from styletransfer.networks import build_network
from styletransfer.networks.style_rows import shared_and_own
from styletransfer.training.muon import Muon
from styletransfer.training.photographs import Batch
from styletransfer.training.styles import IDENTITY, StyleDeck, find_styles, style_grams

# Non-finite steps in a row after which the run is hopeless.
PATIENCE = 10
# The side in pixels of the cells in which the networks work.
CELL = 4


class StyleTransferModule(pl.LightningModule):
    """Trains one network on many paintings with content and Gram losses.

    The total of a painted sample is style_weight·(its painting's own weight)·style +
    content_weight·content + tone_weight·tone + tv_weight·total variation + grid_weight·grid +
    stability_weight·stability; of an identity sample, pixel_weight·(relative squared error of
    the pixels) + content_weight·content. All are the relative losses of `styletransfer.losses`.
    Grid is what networks that work at a half and a quarter of the size print into flat areas.
    Stability is how much the output changes, relative to it, when the photograph is moved by up to
    3 pixels: without it, they paint their cells and flicker.

    Args:
        styles: a folder of style images, or a list of files; their stems are the styles' names.
        network: a name of `styletransfer.networks.NETWORKS`.
        network_options: further arguments of that network.
        loss_network: architecture of the loss network.
        loss_weights: its weights: `default`, `random`, or a file.
        style_taps, content_tap: where the losses are taken.
        style_size: short side of the style images in pixels; it decides the size of the strokes.
        style_weight, content_weight, tone_weight, tv_weight, grid_weight, stability_weight,
            pixel_weight: see above.
        per_style: factors of the style weight, by style name; 1 where none is given.
        identity_share: share of samples that train the identity; by default 0 for a network whose
            identity is exact as it is, else 1/S.
        lr: Muon's greatest learning rate. It warms up, stays, and then falls along a cosine to 0;
            so a run that was stopped before the fall can go on for longer than was planned.
        style_lr: the same for what each style has for itself (γ, β and the like), which has far
            to go and is seen in a few samples only.
        warmup_steps: length of the warm-up.
        decay_share: the last share of the steps, 0..1, in which the learning rate falls.
        seed: of the styles' order.
        trained_on: a line for the exported file: on which photographs this was trained.
    """

    style_factors: Tensor

    def __init__(
        self,
        styles: Path | list[Path],
        network: str = "compact",
        network_options: dict[str, Any] | None = None,
        loss_network: str = "vgg19",
        loss_weights: str = "default",
        style_taps: Sequence[str] = ("relu1_1", "relu2_1", "relu3_1", "relu3_3"),
        content_tap: str = "relu3_2",
        style_size: int = 384,
        style_weight: float = 100.0,
        content_weight: float = 1.0,
        tone_weight: float = 0.0,
        tv_weight: float = 0.0,
        grid_weight: float = 0.0,
        stability_weight: float = 0.0,
        pixel_weight: float = 10.0,
        per_style: dict[str, float] | None = None,
        identity_share: float | None = None,
        lr: float = 5e-3,
        style_lr: float = 1e-2,
        warmup_steps: int = 100,
        decay_share: float = 0.4,
        seed: int = 0,
        trained_on: str = "",
    ) -> None:
        super().__init__()
        files = find_styles(styles)
        self.style_files = list(files.values())
        self.style_names = [IDENTITY, *files]
        if unknown := set(per_style or {}) - set(files):
            raise TrainingDataError(f"per_style names no style of the folder: {sorted(unknown)}")
        factors = [1.0, *((per_style or {}).get(name, 1.0) for name in files)]
        self.register_buffer("style_factors", torch.tensor(factors), persistent=False)
        self.network_name = network
        self.network = build_network(network, len(self.style_names), **(network_options or {}))
        self.objective = Objective(
            loss_network,
            tuple(style_taps),
            content_tap,
            style_size,
            style_weight,
            content_weight,
            tone_weight,
        )
        self.loss_weights = loss_weights
        self.tv_weight = tv_weight
        self.grid_weight = grid_weight
        self.stability_weight = stability_weight
        self.pixel_weight = pixel_weight
        if identity_share is None:
            exact = getattr(self.network, "exact_identity", False)
            identity_share = 0.0 if exact else 1 / len(self.style_names)
        self.deck = StyleDeck(len(self.style_names), identity_share, seed)
        self.lr = lr
        self.style_lr = style_lr
        self.warmup_steps = warmup_steps
        if not 0 < decay_share <= 1:
            raise TrainingDataError(
                f"decay_share is a share of the steps in 0..1, not {decay_share}"
            )
        self.decay_share = decay_share
        self.trained_on = trained_on
        # In a tuple, so that Lightning neither saves nor trains it.
        self._loss_network: tuple[LossNetwork, ...] = ()
        self._grams: dict[str, Tensor] = {}
        self._warned: set[str] = set()
        self._refused = self._in_a_row = 0
        self._refused_now = False

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Stylize `image` (N×3×H×W in 0..1) with rows `style_weights` (N×S)."""
        out: Tensor = self.network(image, style_weights)
        return out

    def setup(self, stage: str) -> None:
        """Build the loss network and the Gram matrices of the paintings, once."""
        if not self._loss_network:
            aim = self.objective
            net = LossNetwork(aim.loss_network, aim.taps, self.loss_weights)
            self._grams = style_grams(self.style_files, aim.style_size, net, aim.style_taps)
            self._loss_network = (net,)

    def losses(self, image: Tensor, styles: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Stylize `image` (N×3×H×W) with `styles` (N indices); the output and its losses.

        Each loss is N numbers; `total` is their weighted sum, the one that training minimises.
        """
        aim, net = self.objective, self._loss_network[0].to(image.device)
        grams = {tap: gram.to(image.device)[styles - 1] for tap, gram in self._grams.items()}
        rows = F.one_hot(styles, len(self.style_names)).float()
        stylized = self(image, rows)
        features = net(surrounded(stylized))
        with torch.no_grad():
            target = net(surrounded(image), deepest=aim.content_tap)[aim.content_tap]
        parts = {
            "style": style_loss({tap: gram_matrix(features[tap]) for tap in grams}, grams),
            "content": content_loss(features[aim.content_tap], target),
            "tone": tone_loss(stylized, image),
            "tv": total_variation(stylized),
            "grid": grid_loss(stylized, image),
            "pixel": content_loss(stylized, image),
            "stability": self._stability(image, rows, stylized),
        }
        content = aim.content_weight * parts["content"]
        painted = (
            aim.style_weight * self.style_factors[styles] * parts["style"]
            + content
            + aim.tone_weight * parts["tone"]
            + self.tv_weight * parts["tv"]
            + self.grid_weight * parts["grid"]
            + self.stability_weight * parts["stability"]
        )
        restored = self.pixel_weight * parts["pixel"] + content
        parts["total"] = torch.where(styles > 0, painted, restored)
        return stylized, parts

    def _stability(self, image: Tensor, rows: Tensor, stylized: Tensor) -> Tensor:
        """The relative squared change of the output with a photograph that has moved: N numbers."""
        if not self.stability_weight or not self.training:
            return torch.zeros(len(image), device=image.device)
        down, right = _move(self.deck.seed, self.trainer.global_step)
        return content_loss(self(image[:, :, down:, right:], rows), stylized[:, :, down:, right:])

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any] | None:
        self._warn_skipped(batch.skipped)
        step, count = self.trainer.global_step, len(batch.images)
        first = (step * self.trainer.world_size + self.trainer.global_rank) * count
        dealt = self.deck.deal(first, count)
        _, parts = self.losses(batch.images, torch.tensor(dealt, device=self.device))
        loss = parts["total"].mean()
        # All processes must agree, or the others wait for this one's gradients for ever.
        bad = self.trainer.strategy.reduce((~loss.isfinite()).float(), reduce_op="sum")
        self._refused_now = bool(bad > 0)
        if self._refused_now:
            finite = parts["total"].isfinite().tolist()
            self._refuse([s for s, ok in zip(dealt, finite, strict=True) if not ok] or dealt)
            return None
        self.log("loss", loss, prog_bar=True, logger=False)
        return {"loss": loss, "styles": dealt, "parts": {k: v.detach() for k, v in parts.items()}}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        grads = [p.grad for p in self.parameters() if p.grad is not None]
        scaled = getattr(self.trainer.precision_plugin, "scaler", None) is not None
        # With 16-mixed, overflow is everyday and the scaler's own business.
        if grads and not scaled and not torch.nn.utils.get_total_norm(grads).isfinite():
            optimizer.zero_grad(set_to_none=True)
            self._refused_now = True
            self._refuse([])
            return
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not self._refused_now:
            self._in_a_row = 0

    def _refuse(self, styles: list[int]) -> None:
        self._refused += 1
        self._in_a_row += 1
        if self._in_a_row >= PATIENCE:
            names = ", ".join(sorted({self.style_names[s] for s in styles})) or "all of the batch"
            raise DivergenceError(
                f"the loss was not finite {PATIENCE} steps in a row, up to step "
                f"{self.trainer.global_step}, there with style {names}; lower --model.lr or "
                "that style's weight, and go on from the last checkpoint"
            )

    def _warn_skipped(self, lines: list[str]) -> None:
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                rank_zero_warn(f"skipped {line}")

    def counters(self) -> Counter[str]:
        """Files that could not be used so far, and steps refused for a non-finite loss."""
        return Counter(skipped_files=len(self._warned), refused_steps=self._refused)

    def validation_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        painted = len(self.style_names) - 1
        first = batch_idx * len(batch)
        styles = torch.arange(first, first + len(batch), device=self.device) % painted + 1
        stylized, parts = self.losses(batch, styles)
        for name in ("total", "style", "content", "tone"):
            self.log(f"val/{name}", parts[name].mean(), batch_size=len(batch), sync_dist=True)
        return stylized

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What all styles share, and what belongs to one, each with its learning rate."""
        parameters = dict(self.network.named_parameters())
        shared, own = ([parameters[n] for n in names] for names in shared_and_own(self.network))
        return [{"params": shared, "lr": self.lr}, {"params": own, "lr": self.style_lr}]

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = Muon(self.parameter_groups())
        steps = self.trainer.max_steps

        def factor(step: int) -> float:
            warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
            fallen = 1 - (1 - min(step / steps, 1)) / self.decay_share
            return warm * 0.5 * (1 + math.cos(math.pi * max(fallen, 0)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what building the network again and teaching it a style need, in plain types only."""
        checkpoint["styletransfer"] = {
            "network": self.network_name,
            "options": getattr(self.network, "options", {}),
            "styles": self.style_names,
            "trained_on": self.trained_on,
            "objective": self.objective.as_entry(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to go on with other styles, or in another order, than the checkpoint has."""
        theirs = checkpoint.get("styletransfer", {}).get("styles", [])
        if theirs != self.style_names:
            raise TrainingDataError(
                f"the checkpoint's styles are {', '.join(theirs[1:]) or 'none'}, but the "
                f"configuration's are {', '.join(self.style_names[1:])}; name the same, in the "
                "same order (styletransfer select-styles reorders a checkpoint)"
            )


def _move(seed: int, step: int) -> tuple[int, int]:
    """By how many pixels the photographs of a step are moved down and right, 0..3, not both 0."""
    which = 1 + int(np.random.default_rng([seed, step]).integers(CELL**2 - 1))
    return divmod(which, CELL)
