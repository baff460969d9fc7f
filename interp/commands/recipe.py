"""The options of `interp class-image` and `interp facets`: one for each setting of a recipe."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_args

import click

from interp.synthesis.recipes import PRESETS, Recipe

Function = Callable[..., Any]


def recipe_options(preset: str) -> Callable[[Function], Function]:
    """Add `--preset`, and an option for every setting of a `Recipe`, None where not given."""

    def decorate(command: Function) -> Function:
        for setting in reversed(fields(Recipe)):
            name = _option(setting.name)
            choices = get_args(setting.type)
            command = click.option(
                name,
                type=click.Choice(choices) if choices else setting.type,
                help=f"{setting.metadata['help']} Example: {name} {setting.metadata['example']}",
            )(command)
        return click.option(
            "--preset",
            type=click.Choice(list(PRESETS)),
            default=preset,
            show_default=True,
            help="Settings that go together; the options below change them. "
            "Example: --preset nguyen",
        )(command)

    return decorate


def chosen_recipe(preset: str, settings: dict[str, Any]) -> Recipe:
    """The preset with the settings that were given; UsageError for one that makes no sense."""
    recipe = replace(PRESETS[preset], **{k: v for k, v in settings.items() if v is not None})
    if recipe.steps < 1 or recipe.blur_every < 1:
        raise click.UsageError("--steps and --blur-every are at least 1")
    for setting in fields(Recipe):
        value, name = getattr(recipe, setting.name), _option(setting.name)
        if not isinstance(value, str) and not 0 <= value < float("inf"):
            raise click.UsageError(f"{name} {value} is below zero or no number")
        if setting.name.endswith("percentile") and value > 100:
            raise click.UsageError(f"{name} {value} is more than 100 per cent")
    if recipe.scale >= 1:
        raise click.UsageError(f"--scale {recipe.scale} would leave nothing; give less than 1")
    for part in ("least_crop", "first_view"):
        if getattr(recipe, part) > 1:
            raise click.UsageError(
                f"{_option(part)} {getattr(recipe, part)} is more than the whole; give 1 at most"
            )
    return recipe


def _option(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"
