"""The command line of training: LightningCLI over our module and our data."""

import warnings
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI

import styletransfer
from styletransfer.errors import RequestError, TrainingDataError
from styletransfer.training.callbacks import SampleGrid, TrainingMetrics
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule


class TrainingCLI(LightningCLI):
    """`fit` and `validate`, with what they are given checked before anything is written."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Leave out `test` and `predict`: `evaluate` and `stylize` do that."""
        offered = LightningCLI.subcommands()
        return {name: offered[name] for name in ("fit", "validate")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the photographs and the paintings the names that they have in every command."""
        parser.add_argument("--photographs", type=Path, help="Folder of photographs to learn on.")
        parser.add_argument("--paintings", type=Path, help="Folder of paintings, the styles.")
        parser.link_arguments("photographs", "data.photographs")
        parser.link_arguments("paintings", "model.styles")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse `args`; those of the process are not looked at.

        Raises:
            RequestError: An option that is unknown or that has a value of the wrong kind.
        """
        try:
            self.config = parser.parse_args(args)  # type: ignore[arg-type]
        except ArgumentError as error:
            raise RequestError(str(error)) from error

    def before_fit(self) -> None:
        """Refuse what cannot be trained, before the run gets a folder."""
        if self.trainer.max_steps < 1:
            raise TrainingDataError("the length of training is not set: give --trainer.max_steps")
        self.datamodule.setup("fit")
        self.model.setup("fit")


def run_training(words: Sequence[str]) -> None:
    """Run `fit` or `validate` with the options in `words`.

    Raises:
        RequestError: Options, folders or files that cannot be trained on.
        ImageError: A painting cannot be read.
        DivergenceError: The loss stays infinite or not a number.
    """
    # Lightning can't know that our stream begins at the trainer's step, whatever the worker.
    for untrue in ("Your `IterableDataset` has `__len__`", ".* your dataloader is not resumable"):
        warnings.filterwarnings("ignore", untrue)
    strict: dict[str, Any] = {"exit_on_error": False}
    try:
        TrainingCLI(
            StyleTransferModule,
            PhotographDataModule,
            args=_with_recipes(words),
            seed_everything_default=0,
            parser_kwargs={**strict, "fit": dict(strict), "validate": dict(strict)},
            trainer_defaults={"callbacks": [TrainingMetrics(), SampleGrid()]},
            auto_configure_optimizers=False,
        )
    # What Lightning says of options that contradict each other.
    except MisconfigurationException as error:
        raise RequestError(str(error)) from error


def recipes() -> dict[str, Path]:
    """Return the recipes of this package, by name: from the wheel, else from the checkout."""
    package = Path(styletransfer.__file__).parent
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _with_recipes(words: Sequence[str]) -> list[str]:
    """Put the path of a recipe in the place of its name, where no file has that name."""
    named = recipes()
    found = list(words)
    for place, word in enumerate(found):
        option, equals, value = word.partition("=")
        if option == "--config" and equals:
            found[place] = f"--config={_recipe(value, named)}"
        elif place and found[place - 1] == "--config":
            found[place] = _recipe(word, named)
    return found


def _recipe(name: str, named: dict[str, Path]) -> str:
    if Path(name).is_file():
        return name
    if name not in named and not Path(name).suffix:
        raise RequestError(f"no recipe is called {name!r}; there are {', '.join(named)}")
    return str(named.get(name, name))
