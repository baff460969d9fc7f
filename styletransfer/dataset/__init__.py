"""Stylize whole data sets, on this machine or on a Ray cluster, and continue after any end."""

from styletransfer.dataset.destination import Outcome
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.run import stylize_dataset, verify_dataset

__all__ = ["Outcome", "Progress", "stylize_dataset", "verify_dataset"]
