"""Photographs, paintings and a configuration small enough to train on in a second."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import yaml
from PIL import Image

from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule

OPTIONS = {
    "coarse_channels": 8,
    "coarse_hidden": 8,
    "coarse_kernels": [3],
    "fine_channels": 8,
    "fine_hidden": 8,
    "fine_kernels": [3],
    "stem": 8,
    "head": 8,
}
# Decoded in the process itself: a worker takes longer to start than the whole run.
DATA = {"crop": 32, "batch_size": 2, "held_out": 2, "workers": 0}
MODEL = {
    "network_options": OPTIONS,
    "loss_network": "vgg16",
    "loss_weights": "random",
    "style_taps": ["relu1_1", "relu2_1"],
    "content_tap": "relu2_1",
    "painting_size": 32,
}


def save_noise(path: Path, width: int, height: int, seed: int) -> Path:
    """Write a picture of seeded coarse noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height)).save(path)
    return path


def make_data(root: Path, photographs: int = 6, paintings: int = 2) -> dict[str, Path]:
    """Write `photos/` (a tree) and `paintings/` below `root`; returns both folders."""
    for i in range(photographs):
        save_noise(root / "photos" / f"class{i % 2}" / f"p{i}.png", 48 + i, 40 + i, i)
    for i in range(paintings):
        save_noise(root / "paintings" / f"painting{i}.png", 40, 36, 100 + i)
    return {"photographs": root / "photos", "paintings": root / "paintings"}


def module(paintings: Path | list[Path], **changes: Any) -> StyleTransferModule:
    """A tiny module with seeded weights."""
    arguments: dict[str, Any] = {**MODEL, "warmup_steps": 2, **changes}
    torch.manual_seed(5)
    return StyleTransferModule(paintings, **arguments)


def data(photographs: Path | str, **changes: Any) -> PhotographDataModule:
    """Tiny batches."""
    arguments: dict[str, Any] = {**DATA, **changes}
    return PhotographDataModule(photographs, **arguments)


def trainer(root: Path, steps: int, callbacks: Any = (), **changes: Any) -> pl.Trainer:
    """A quiet trainer on the CPU that leaves files below `root` alone."""
    arguments = {
        "accelerator": "cpu",
        "devices": 1,
        "max_steps": steps,
        "callbacks": list(callbacks),
        "default_root_dir": root,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "logger": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
        "gradient_clip_val": 10.0,
        **changes,
    }
    return pl.Trainer(**arguments)


def write_config(root: Path, folders: dict[str, Path], **trainer_options: Any) -> Path:
    """A YAML file for train.py, of the same tiny run."""
    config = {
        "seed_everything": 5,
        "photographs": str(folders["photographs"]),
        "paintings": str(folders["paintings"]),
        "data": DATA,
        "model": MODEL,
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "max_steps": 3,
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "val_check_interval": 3,
            "default_root_dir": str(root),
            "logger": {
                "class_path": "pytorch_lightning.loggers.CSVLogger",
                "init_args": {"save_dir": str(root), "flush_logs_every_n_steps": 1},
            },
            **trainer_options,
        },
    }
    path = root / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
