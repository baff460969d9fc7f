"""`styletransfer video`."""

import sys
from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra


def _time(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    with extra("video"):
        from styletransfer.video.timeline import parse_time

    return None if text is None else parse_time(text)


@click.command(cls=Command, interrupted="the same command continues from the last complete piece")
@click.argument("source", metavar="IN", type=options.PATH)
@options.output(
    options.TARGET,
    "Film to write: mp4, mkv, webm, gif, webp, a folder of frames, or frame-%05d.png. "
    "Example: -o painted.mp4",
)
@click.option(
    "--style",
    "styles",
    metavar="STYLE[@TIME]",
    multiple=True,
    help="Style or blend; repeat the option with times for a cross-fade. "
    "Example: --style starry_night@0 --style udnie@5s",
)
@click.option(
    "--mask",
    "masks",
    metavar="FILE=STYLE",
    multiple=True,
    help="Style for the white part of a mask (a picture or a film), or for the rest; repeat the "
    "option for more masks. Example: --mask sky.mp4=starry_night --mask rest=udnie",
)
@click.option(
    "--strength",
    "strengths",
    metavar="STRENGTH[@TIME]",
    multiple=True,
    help="Strength of the style, from 0 (the photograph) to 1; repeat the option with times for a "
    "change. Example: --strength 0@0 --strength 1@3s",
)
@click.option(
    "--stability",
    type=float,
    default=1.0,
    show_default=True,
    help="Stability of the strokes from frame to frame, from 0 (each frame by itself) to 1. "
    "Example: --stability 0.5",
)
@options.preserve_colors
@options.short_side("Scale the short side of the frames to N pixels first.", least=2)
@click.option(
    "--start", metavar="TIME", callback=_time, help="Time to begin at. Example: --start 1:30"
)
@click.option("--end", metavar="TIME", callback=_time, help="Time to end at. Example: --end 95s")
@click.option(
    "--crf",
    type=click.IntRange(0, 63),
    help="Constant rate factor of mp4 and mkv (default 18) or webm (default 30); less is better. "
    "Example: --crf 23",
)
@options.model
@options.provider
@options.threads
@options.overwrite
@options.quiet
def video(
    source: Path,
    output: Path,
    styles: tuple[str, ...],
    masks: tuple[str, ...],
    strengths: tuple[str, ...],
    stability: float,
    preserve_colors: bool,
    short_side: int | None,
    start: float | None,
    end: float | None,
    crf: int | None,
    model: Path | None,
    provider: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Stylize a film: a file, an animated picture, or a folder or pattern of numbered frames.

    Sound, subtitles, chapters and the times of the frames are kept. Strokes move with the objects
    in the film. If the command is stopped, the same command continues the work.

    Example: styletransfer video holiday.mp4 -o painted.mp4 --style starry_night

    Example: styletransfer video in.mkv -o out.webm --style udnie@0 --style the_scream@10s
    """
    with extra("video"):
        from styletransfer.video import FilmOptions, stylize_film
    from tqdm import tqdm

    from styletransfer.inference.work import report

    if bool(styles) == bool(masks):
        raise click.UsageError("give either --style or --mask")
    chosen = FilmOptions(
        styles=styles,
        strengths=strengths,
        masks=masks,
        stability=stability,
        preserve_colors=preserve_colors,
        short_side=short_side,
        start=start or 0.0,
        end=end,
        crf=crf,
    )
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(unit="frame", disable=hidden) as bar:

        def advance(done: int, total: int) -> None:
            if bar.total is None:
                bar.reset(total)
                bar.initial = bar.n = done  # frames of an earlier run do not count for the rate
            bar.update(done - bar.n)

        result = stylize_film(
            source,
            output,
            chosen,
            model=model,
            provider=provider,
            threads=threads,
            overwrite=overwrite,
            advance=advance,
            say=report,
        )
    for note in result.notes:
        report(note)
    if not quiet:
        noun = "frame" if result.frames == 1 else "frames"
        click.echo(f"wrote {result.frames} {noun} to {output}")
