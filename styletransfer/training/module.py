"""The LightningModule: one step of training, validation, and what a checkpoint holds."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities import rank_zero_warn
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from styletransfer.checkpoint import ENTRY, check_format, entry
from styletransfer.errors import TrainingDataError
from styletransfer.losses import Critic, LossNetwork, Objective, StyleTargets, averaged
from styletransfer.losses.objective import targets_map
from styletransfer.losses.perceptual import content_loss
from styletransfer.networks import build_network
from styletransfer.networks.style_network import IDENTITY
from styletransfer.training.batch_losses import (
    DRAFT_SIZE,
    batch_losses,
    check_draft,
    move_of_batch,
)
from styletransfer.training.optimizer import MuonAndAdam
from styletransfer.training.photographs import Batch
from styletransfer.training.refusals import Refusals
from styletransfer.training.saving import forget_batches
from styletransfer.training.schedule import rate_factor, rate_groups, set_rates
from styletransfer.training.styles import StyleDeck, find_styles, read_paintings


class StyleTransferModule(pl.LightningModule):
    """Trains one network on many paintings with content and Gram losses.

    The total of a sample is that of `styletransfer.losses.Objective`, with the style loss times
    its painting's own factor. Stability is how much the output changes, relative to it, when the
    photograph moves by up to 7 pixels. A sample of the identity, for a network whose identity is
    not exact, has pixel_weight·(relative squared error of the pixels) + content_weight·content.

    Args:
        paintings: A folder of paintings, or a list of files. The names of the styles are those of
            the files without suffixes.
        network: A name of `styletransfer.networks.NETWORKS`.
        network_options: Further arguments of that network.
        loss_network: Architecture of the loss network.
        loss_weights: Its weights: `default`, `random`, or a file.
        style_taps: Taps of the style loss.
        content_tap: Tap of the content loss.
        scales: Factors by which pictures are averaged for the style loss.
        painting_size: Short side of the paintings in pixels; decides the size of brush marks.
        style_weight: Weight of the style loss.
        content_weight: Weight of the content loss.
        tone_weight: Weight of the tone loss.
        tv_weight: Weight of the total variation.
        grid_weight: Weight of the grid loss.
        frame_weight: Weight of the frame loss.
        stability_weight: Weight of the stability loss.
        draft_weight: Weight of the losses of the draft, while both stages are trained.
        pixel_weight: Weight of the pixels' error in samples of the identity.
        per_painting: Factors of the style weight, by painting; the default is 1.
        identity_share: Share of samples that train the identity; by default 0 for a network whose
            identity is exact, else 1/S.
        draft_steps: First steps, in which the coarse stage alone is trained, at half the size.
        lr: Greatest learning rate. It warms up, stays constant, and falls along a cosine to 0: once
            during drafting and once after it.
        style_lr: The same for the parameters of single styles (γ, β and the like).
        warmup_steps: Length of each warm-up, in steps.
        decay_share: Share of the steps, in 0..1, at the end, in which the learning rate falls.
        seed: Seed of the styles' order.
        trained_on: A line for the exported file: on which photographs this was trained.

    Raises:
        TrainingDataError: The paintings, a name or a number cannot be used.
    """

    style_factors: Tensor

    def __init__(
        self,
        paintings: Path | list[Path],
        network: str = "compact",
        network_options: dict[str, Any] | None = None,
        loss_network: str = "vgg19",
        loss_weights: str = "default",
        style_taps: Sequence[str] = Objective.style_taps,
        content_tap: str = Objective.content_tap,
        scales: Sequence[int] = Objective.scales,
        painting_size: int = Objective.painting_size,
        style_weight: float = Objective.style_weight,
        content_weight: float = Objective.content_weight,
        tone_weight: float = 0.0,
        tv_weight: float = 0.0,
        grid_weight: float = 0.0,
        frame_weight: float = 0.0,
        stability_weight: float = 0.0,
        draft_weight: float = 0.0,
        pixel_weight: float = 10.0,
        per_painting: dict[str, float] | None = None,
        identity_share: float | None = None,
        draft_steps: int = 0,
        lr: float = 2e-3,
        style_lr: float = 4e-3,
        warmup_steps: int = 100,
        decay_share: float = 0.4,
        seed: int = 0,
        trained_on: str = "",
    ) -> None:
        super().__init__()
        files = find_styles(paintings)
        self.painting_files = list(files.values())
        self.style_names = [IDENTITY, *files]
        if unknown := ", ".join(sorted(set(per_painting or {}) - set(files))):
            raise TrainingDataError(f"--model.per_painting names no painting: {unknown}")
        factors = [1.0, *((per_painting or {}).get(name, 1.0) for name in files)]
        self.register_buffer("style_factors", torch.tensor(factors), persistent=False)
        self.network_name = network
        self.network = build_network(network, len(self.style_names), **(network_options or {}))
        self.objective = Objective(
            loss_network=loss_network,
            style_taps=tuple(style_taps),
            content_tap=content_tap,
            scales=tuple(scales),
            painting_size=painting_size,
            style_weight=style_weight,
            content_weight=content_weight,
            tone_weight=tone_weight,
            tv_weight=tv_weight,
            grid_weight=grid_weight,
            frame_weight=frame_weight,
            stability_weight=stability_weight,
            draft_weight=draft_weight,
        )
        self.loss_weights = loss_weights
        self.pixel_weight = pixel_weight
        if identity_share is None:
            identity_share = 0.0 if self.network.exact_identity else 1 / len(self.style_names)
        self.deck = StyleDeck(len(self.style_names), identity_share, seed)
        check_draft(self.network, scales, draft_steps=draft_steps, draft_weight=draft_weight)
        self.draft_steps = draft_steps
        self.lr, self.style_lr = lr, style_lr
        self.warmup_steps = warmup_steps
        if not 0 < decay_share <= 1:
            raise TrainingDataError(f"--model.decay_share {decay_share} is not above 0, at most 1")
        self.decay_share = decay_share
        self.trained_on = trained_on
        # Batches that this process has seen in the whole run. Not `global_step`, which counts
        # steps of the optimizer: with gradient accumulation there are several batches to a step.
        self.batches = 0
        # In a tuple, so that Lightning neither saves nor trains the loss network.
        self._critic: tuple[Critic, ...] = ()
        self._targets: StyleTargets = {}
        self._warned: set[str] = set()
        self._refusals = Refusals()

    @property
    def drafting(self) -> bool:
        """Whether the coarse stage alone is trained at this step."""
        return self._trainer is not None and self.global_step < self.draft_steps

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Stylize `image` (N×3×H×W in 0..1) with rows `style_weights` (N×S); enlarge a draft."""
        if self.drafting:
            half = self.network.draft(averaged(image, DRAFT_SIZE), style_weights)
            return F.interpolate(half, image.shape[2:], mode="bilinear")
        return self.network(image, style_weights)  # type: ignore[no-any-return]

    def setup(self, stage: str) -> None:
        """Build the loss network and the Gram matrices of the paintings, once."""
        if not self._critic:
            aim = self.objective
            critic = Critic(aim, LossNetwork(aim.loss_network, aim.taps, self.loss_weights))
            paintings = read_paintings(self.painting_files, aim.painting_size)
            self._targets = critic.style_targets(paintings)
            self._critic = (critic,)

    def losses(self, image: Tensor, styles: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Stylize `image` (N×3×H×W) with `styles` (N indices). Return the output and its losses.

        Each loss is N numbers; training minimizes `total`. A draft has half the size.
        """
        aim, critic = self.objective, self._critic[0]
        if critic.loss_network.mean.device != image.device:
            critic.loss_network.to(image.device)
            self._targets = targets_map(lambda gram: gram.to(image.device), self._targets)
        targets = targets_map(lambda gram: gram[styles - 1], self._targets)
        stylized, parts = batch_losses(
            self.network,
            critic,
            image,
            F.one_hot(styles, len(self.style_names)).float(),
            targets,
            drafting=self.drafting,
            move=move_of_batch(self.deck.seed, self.batches) if self.training else None,
        )
        factors = self.style_factors[styles]
        total = parts["total"] + (factors - 1) * aim.style_weight * parts["style"]
        if self.deck.identity_share:
            parts["pixel"] = content_loss(stylized, image)
            restored = self.pixel_weight * parts["pixel"] + aim.content_weight * parts["content"]
            total = torch.where(styles > 0, total, restored)
        if self.drafting and self.training:
            # Distributed training needs a gradient of every parameter.
            total = total + 0 * sum(p.sum() for p in self.network.parameters())
        return stylized, {**parts, "total": total}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any] | None:
        self._warn_skipped(batch.skipped)
        count = len(batch.images)
        first = (self.batches * self.trainer.world_size + self.trainer.global_rank) * count
        dealt = self.deck.deal(first, count)
        _, parts = self.losses(batch.images, torch.tensor(dealt, device=self.device))
        # Not when the batch ends: a callback may save a checkpoint before that.
        self.batches += 1
        loss = parts["total"].mean()
        # All processes must agree, or the others wait forever for the gradients of this one.
        bad = self.trainer.strategy.reduce((~loss.isfinite()).float(), reduce_op="sum")
        if bad > 0:
            finite = parts["total"].isfinite().tolist()
            at_fault = [s for s, ok in zip(dealt, finite, strict=True) if not ok] or dealt
            self._refusals.refuse(self.global_step, [self.style_names[s] for s in at_fault])
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
        # With 16-mixed, overflow is usual, and the scaler handles it.
        if grads and not scaled and not torch.nn.utils.get_total_norm(grads).isfinite():
            optimizer.zero_grad(set_to_none=True)
            self._refusals.refuse(self.global_step, [])
            return
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.drafting:
            # Else its first updates of the fine stage are too large: Adam counts these steps too.
            for name, parameter in self.network.named_parameters():
                if not self.network.is_coarse(name):
                    parameter.grad = None

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._refusals.end_batch(self.batches % self.trainer.accumulate_grad_batches == 0)

    def _warn_skipped(self, lines: list[str]) -> None:
        for line in sorted(set(lines) - self._warned):
            self._warned.add(line)
            rank_zero_warn(f"skipped {line}")

    def counters(self) -> Counter[str]:
        """Return the numbers of files that could not be used and of steps that were refused."""
        return Counter(skipped_files=len(self._warned), refused_steps=self._refusals.total)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._warn_skipped(batch.skipped)
        if not (count := len(batch.images)):
            return
        numbers = torch.arange(count, device=self.device) + batch_idx * count
        styles = numbers % (len(self.style_names) - 1) + 1
        _, parts = self.losses(batch.images, styles)
        for name, values in parts.items():
            self.log(f"val/{name}", values.mean(), batch_size=count, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        groups = rate_groups(self.network, self.lr, self.style_lr)
        optimizer = MuonAndAdam(groups)
        run = (self.trainer.max_steps, self.draft_steps, self.warmup_steps, self.decay_share)
        factors = [rate_factor(*run, group.coarse) for group in groups]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what is needed to build the network again and to add a style, in plain types only."""
        # A half-done step of the optimizer is repeated after resuming: its batches do not count.
        begun = self.batches % self.trainer.accumulate_grad_batches
        forget_batches(checkpoint, begun)
        about = (self.network_name, self.network, self.style_names, self.trained_on)
        checkpoint[ENTRY] = entry(*about, self.objective, self.batches - begun)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse other styles, or another order of them. Take the rates of the configuration."""
        check_format(checkpoint)
        self.batches = checkpoint[ENTRY]["batches"]
        theirs, ours = checkpoint[ENTRY]["styles"][1:], self.style_names[1:]
        if theirs != ours:
            raise TrainingDataError(
                f"the checkpoint's styles are {', '.join(theirs) or 'none'}, but the "
                f"configuration's are {', '.join(ours)}; name the same, in the same order "
                "(styletransfer select-styles reorders a checkpoint)"
            )
        set_rates(checkpoint, rate_groups(self.network, self.lr, self.style_lr))
