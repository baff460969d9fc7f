"""Stylize files, folders and streams, and draw contact sheets, as the commands do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from styletransfer.errors import OutputError, StyleError
from styletransfer.images import (
    DEFAULT_MAX_PIXELS,
    Picture,
    decode_image,
    encode_image,
    read_image,
    write_image,
)
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.limits import parse_tiles
from styletransfer.inference.masks import Region, masks_in, parse_masks, read_masks
from styletransfer.inference.outputs import check_targets, gather, is_picture_name, plan_outputs
from styletransfer.inference.painter import Painter
from styletransfer.inference.stylizer import Stylizer
from styletransfer.inference.work import (
    advise_on_size,
    make_folder,
    one_picture,
    progress,
    report,
    stylize_row,
    stylize_task,
)

EACH = "each"


@dataclass(frozen=True)
class PictureOptions:
    """How pictures are stylized.

    Args:
        style: A style, a blend such as `udnie:0.5,the_scream:0.5`, `each` for every style, or a
            folder of masks that are named after styles. None is for models with only one style.
        masks: Texts such as `sky.png=udnie`, one for each region; then `style` is None.
        strength: Strength of the style, 0..1.
        preserve_colors: Whether to keep the colors of the photograph.
        short_side: Short side in pixels to which pictures are scaled first; None keeps their size.
        tile: `auto`, `off`, or the side of a tile in pixels.
        memory: Greatest memory that `auto` may use, such as `500MB`.
        max_pixels: Greatest number of pixels of a picture.
        strip: Whether to leave out EXIF, XMP and resolution of the photograph.
    """

    style: str | None = None
    masks: Sequence[str] = ()
    strength: float = 1.0
    preserve_colors: bool = False
    short_side: int | None = None
    tile: str = "auto"
    memory: str = "1GB"
    max_pixels: int = DEFAULT_MAX_PIXELS
    strip: bool = False


@dataclass(frozen=True)
class Written:
    """Result of a command for pictures.

    Attributes:
        written: Number of pictures that were written.
        due: Number of pictures that should have been written.
    """

    written: int
    due: int

    @property
    def whole(self) -> bool:
        """Whether no picture failed."""
        return self.written == self.due


def stylize_files(
    stylizer: Stylizer,
    inputs: Sequence[Path],
    output: Path,
    options: PictureOptions,
    *,
    overwrite: bool = False,
    quiet: bool = True,
) -> Written:
    """Stylize files, and all pictures in folders.

    If a picture fails, stderr names it and the work goes on.

    Args:
        stylizer: The model.
        inputs: Files and folders.
        output: A file for one picture, a folder for several.
        options: How the pictures are stylized.
        overwrite: Whether to replace existing files.
        quiet: Whether to hide the progress bar.

    Raises:
        RequestError: The call is wrong; nothing was written.
        ImageError: A mask cannot be read.
    """
    prepared = _Prepared(stylizer, options)
    tasks = plan_outputs(
        inputs,
        output,
        prepared.styles,
        each=options.style == EACH,
        overwrite=overwrite,
        spared=prepared.mask_files,
        report=report,
    )
    painter = prepared.painter()
    if options.short_side is None and tasks:
        advise_on_size(tasks[0].source)
    due = sum(len(task.targets) for task in tasks)
    with progress(due, quiet=quiet) as bar:
        written = sum(
            stylize_task(
                painter,
                task,
                options.short_side,
                bar,
                max_pixels=options.max_pixels,
                strip=options.strip,
            )
            for task in tasks
        )
    return Written(written, due)


def stylize_piped(
    stylizer: Stylizer,
    source: Path | IO[bytes],
    target: Path | IO[bytes],
    options: PictureOptions,
    format: str = "png",
    *,
    overwrite: bool = False,
) -> None:
    """Stylize one picture, read from or written to an open stream.

    Args:
        stylizer: The model.
        source: File or binary stream to read.
        target: File or binary stream to write.
        options: One style, a blend or masks; not `each`.
        format: Format to write to a stream, as a suffix without dot.
        overwrite: Whether to replace an existing file.

    Raises:
        RequestError: The call is wrong.
        ImageError: The picture cannot be read or written.
    """
    if options.style == EACH:
        raise StyleError("with - one picture is written; give one style, not 'each'")
    prepared = _Prepared(stylizer, options)
    painter = prepared.painter()
    if isinstance(target, Path):
        _check_picture(target)
        read = [source] if isinstance(source, Path) else []
        check_targets([*read, *prepared.mask_files], [target], overwrite=overwrite)
    if isinstance(source, Path):
        painter.check(source, None, options.short_side)
    picture = _read(source, options)
    if line := painter.check_disk(picture.rgb.shape[:2]):
        report(line)
    painted = painter(picture, prepared.styles[0])
    for note in painted.notes:
        report(note)
    if isinstance(target, Path):
        make_folder(target)
        write_image(target, painted, strip=options.strip)
    else:
        encode_image(target, painted, f".{format}", strip=options.strip)


def write_contact_sheet(
    stylizer: Stylizer,
    photographs: Sequence[Path],
    output: Path,
    *,
    styles: Sequence[str] = (),
    short_side: int = 256,
    overwrite: bool = False,
    quiet: bool = True,
) -> Written:
    """Write a sheet that shows photographs in several styles, with labels.

    If a photograph fails, stderr names it and the sheet leaves it out.

    Args:
        stylizer: The model.
        photographs: Files and folders.
        output: The picture to write.
        styles: Styles and blends; the default is every style of the model.
        short_side: Short side of each picture on the sheet, in pixels.
        overwrite: Whether to replace an existing file.
        quiet: Whether to hide the progress bar.

    Returns:
        The number of photographs on the sheet, and of those that should be there.

    Raises:
        RequestError: The call is wrong; nothing was written.
        ImageError: The sheet cannot be written.
    """
    from styletransfer.inference.contact_sheet import contact_sheet  # with Pillow's fonts

    shown = styles or stylizer.styles[1:]
    for style in shown:
        parse_blend(style, stylizer.styles)
    _check_picture(output)
    sources = [source.path for source in gather(photographs, output, report)]
    check_targets(sources, [output], overwrite=overwrite)
    rows: list[list[Picture]] = []
    with progress(len(sources) * len(shown), quiet=quiet) as bar:
        for source in sources:
            with one_picture(source):
                rows.append(stylize_row(stylizer, source, shown, short_side, bar))
    if rows:
        make_folder(output)
        write_image(output, contact_sheet(["photograph", *shown], rows))
    return Written(len(rows), len(sources))


class _Prepared:
    """The styles, regions and tiles that the options ask for, checked against the model."""

    def __init__(self, stylizer: Stylizer, options: PictureOptions) -> None:
        self.stylizer, self.options = stylizer, options
        self.tiles, self.notes = parse_tiles(options.tile, options.memory, stylizer.receptive_field)
        if self.tiles is not None and self.tiles.side is not None:
            _ = stylizer.tiled  # raises now if the network cannot run in tiles
        self.regions = _regions(options, stylizer.styles)
        self.styles = [""] if self.regions else _styles(options.style, stylizer.styles)
        for style in self.styles:
            parse_blend(style or stylizer.styles[0], stylizer.styles, options.strength)
        self.mask_files = [region.mask for region in self.regions if region.mask is not None]

    def painter(self) -> Painter:
        """Read the masks, report notes, and return the painter."""
        tiles = self.tiles
        memory = tiles.memory if tiles is not None and tiles.side is None else None
        masks, mask_notes = read_masks(self.regions, memory)
        for note in (*self.notes, *mask_notes):
            report(note)
        return Painter(
            self.stylizer,
            strength=self.options.strength,
            preserve_colors=self.options.preserve_colors,
            regions=self.regions,
            masks=masks,
            tiles=self.tiles,
        )


def _styles(style: str | None, names: Sequence[str]) -> Sequence[str]:
    """Return the style texts of the pictures to write."""
    paintings = names[1:]
    if style == EACH and paintings:
        return paintings
    if style is not None:
        return [style]
    if len(paintings) == 1:
        return paintings
    choice = ", ".join(paintings or names)
    raise StyleError(f"give a --style: {choice}, or {EACH} for all of them")


def _regions(options: PictureOptions, names: Sequence[str]) -> list[Region]:
    """Return the regions of `--mask`, or those of a folder of masks."""
    style = options.style
    if options.masks:
        if style is not None:
            raise StyleError(
                "give either --style or --mask; --mask rest=STYLE is for what no mask covers"
            )
        return parse_masks(options.masks, names)
    if style is None or style == EACH or style in names or not Path(style).is_dir():
        return []
    return masks_in(Path(style), names)


def _check_picture(path: Path) -> None:
    if not is_picture_name(path):
        raise OutputError(f"{path}: this is not the name of a picture; give one such as sheet.png")


def _read(source: Path | IO[bytes], options: PictureOptions) -> Picture:
    size, limit = options.short_side, options.max_pixels
    if isinstance(source, Path):
        return read_image(source, short_side=size, max_pixels=limit)
    return decode_image(source, name="standard input", short_side=size, max_pixels=limit)
