"""`styletransfer train`."""

import click

from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra


@click.command(
    cls=Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    interrupted="training had not begun; nothing was written",
)
@click.argument("words", metavar="fit|validate [OPTION]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def train(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Train a network on paintings, or validate a checkpoint, with PyTorch Lightning.

    `styletransfer train fit --help` lists every option. --config takes a YAML file or the name of
    a recipe in this package: `quickstart` trains on any photographs in minutes, `gallery` and
    `gallery-large` trained the shipped networks. Options after --config replace its values.

    Example: styletransfer train fit --config quickstart --photographs photos --paintings paintings

    Example: styletransfer train fit --config quickstart --photographs photos --paintings paintings
    --trainer.max_steps 4000 --ckpt_path last
    """
    if not words or words[0] in ("-h", "--help"):
        click.echo(ctx.get_help())
        return
    with extra("train"):
        from styletransfer.training.cli import run_training
    run_training(words)
