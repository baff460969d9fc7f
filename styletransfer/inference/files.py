"""Stylize files, folders and pipes: what the commands do, from Python."""

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
from styletransfer.inference.contact_sheet import contact_sheet
from styletransfer.inference.masks import Region, masks_in, parse_masks, read_masks
from styletransfer.inference.outputs import check_targets, gather, is_picture_name, plan_outputs
from styletransfer.inference.painter import Painter, parse_tiles
from styletransfer.inference.stylizer import Stylizer
from styletransfer.inference.work import (
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
    """How pictures are to be painted.

    Args:
        style: A style, a blend such as `udnie:0.5,the_scream:0.5`, `each` for every style, or a
            folder of masks that are named after styles. None takes the only style of the model.
        masks: Texts such as `sky.png=udnie`, a style for each region; they take the place of
            `style`.
        strength: Strength of the style, 0..1.
        preserve_colors: Keep the colors of the photograph.
        short_side: Short side to scale pictures to first, in pixels.
        tile: `auto`, `off`, or the side of a tile in pixels.
        memory: Memory that `auto` keeps to, such as `500MB`.
        max_pixels: Limit for the pixels of a picture.
        strip: Leave out EXIF, XMP and resolution of the photograph.
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
    """Number of pictures that were written, of those that were due."""

    written: int
    due: int

    @property
    def whole(self) -> bool:
        """Whether none failed."""
        return self.written == self.due


def stylize_files(
    stylizer: Stylizer,
    inputs: Sequence[Path],
    output: Path,
    painting: PictureOptions,
    *,
    overwrite: bool = False,
    quiet: bool = True,
) -> Written:
    """Stylize files, and all pictures in folders.

    A picture that fails is named on stderr, and the others are still done. `output` is a file for
    one picture and a folder for several.

    Raises:
        RequestError: The call cannot be carried out; nothing was written.
        ImageError: A mask cannot be read.
    """
    prepared = _Prepared(stylizer, painting)
    tasks = plan_outputs(
        inputs,
        output,
        prepared.styles,
        each=painting.style == EACH,
        overwrite=overwrite,
        spared=prepared.mask_files,
        report=report,
    )
    painter = prepared.painter()
    due = sum(len(task.targets) for task in tasks)
    with progress(due, quiet=quiet) as bar:
        written = sum(
            stylize_task(
                painter,
                task,
                painting.short_side,
                bar,
                max_pixels=painting.max_pixels,
                strip=painting.strip,
            )
            for task in tasks
        )
    return Written(written, due)


def stylize_piped(
    stylizer: Stylizer,
    source: Path | IO[bytes],
    target: Path | IO[bytes],
    painting: PictureOptions,
    format: str = "png",
    *,
    overwrite: bool = False,
) -> None:
    """Stylize one picture, read from or written to an open stream.

    Args:
        stylizer: The model.
        source: File or stream to read.
        target: File or stream to write.
        painting: One style, a blend or masks; not `each`.
        format: Suffix of the format that a stream gets, without the dot.
        overwrite: Replace a file that exists.

    Raises:
        RequestError: The call cannot be carried out.
        ImageError: The picture cannot be read or written.
    """
    if painting.style == EACH:
        raise StyleError("one picture is written, so give one style in place of 'each'")
    prepared = _Prepared(stylizer, painting)
    painter = prepared.painter()
    if isinstance(target, Path):
        _check_picture(target)
        read = [source] if isinstance(source, Path) else []
        check_targets([*read, *prepared.mask_files], [target], overwrite=overwrite)
    if isinstance(source, Path):
        painter.check(source, None, painting.short_side)
    picture = _read(source, painting)
    if line := painter.check_disk(picture.rgb.shape[:2]):
        report(line)
    painted = painter(picture, prepared.styles[0])
    for note in painted.notes:
        report(note)
    if isinstance(target, Path):
        make_folder(target)
        write_image(target, painted, strip=painting.strip)
    else:
        encode_image(target, painted, f".{format}", strip=painting.strip)


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
    """Draw photographs in styles or blends, by default in every style, on one labeled sheet.

    A photograph that fails is named on stderr and left out. The counts are of photographs.

    Raises:
        RequestError: The call cannot be carried out; nothing was written.
        ImageError: The sheet cannot be written.
    """
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
    """The styles, masks and tiles of a painting, checked against the model."""

    def __init__(self, stylizer: Stylizer, painting: PictureOptions) -> None:
        self.stylizer, self.painting = stylizer, painting
        self.tiles, self.notes = parse_tiles(
            painting.tile, painting.memory, stylizer.receptive_field
        )
        if self.tiles is not None and self.tiles.side is not None:
            _ = stylizer.tiled  # a network that cannot be tiled is refused before any work
        self.regions = _regions(painting, stylizer.styles)
        self.styles = [""] if self.regions else _styles(painting.style, stylizer.styles)
        for style in self.styles:
            parse_blend(style or stylizer.styles[0], stylizer.styles, painting.strength)
        self.mask_files = [region.mask for region in self.regions if region.mask is not None]

    def painter(self) -> Painter:
        """Read the masks, report notes, and return what paints one picture."""
        tiles = self.tiles
        memory = tiles.memory if tiles is not None and tiles.side is None else None
        masks, mask_notes = read_masks(self.regions, memory)
        for note in (*self.notes, *mask_notes):
            report(note)
        return Painter(
            self.stylizer,
            strength=self.painting.strength,
            preserve_colors=self.painting.preserve_colors,
            regions=self.regions,
            masks=masks,
            tiles=self.tiles,
        )


def _styles(style: str | None, names: Sequence[str]) -> Sequence[str]:
    """Return the style texts to paint."""
    paintings = names[1:]
    if style == EACH and paintings:
        return paintings
    if style is not None:
        return [style]
    if len(paintings) == 1:
        return paintings
    choice = ", ".join(paintings or names)
    raise StyleError(f"give a --style: {choice}, or {EACH} for all of them")


def _regions(painting: PictureOptions, names: Sequence[str]) -> list[Region]:
    """Return the styles of regions, from masks or from a folder of them."""
    style = painting.style
    if painting.masks:
        if style is not None:
            raise StyleError(
                "--mask and --style both choose the styles; "
                "--mask rest=STYLE is for what no mask covers"
            )
        return parse_masks(painting.masks, names)
    if style is None or style == EACH or style in names or not Path(style).is_dir():
        return []
    return masks_in(Path(style), names)


def _check_picture(path: Path) -> None:
    if not is_picture_name(path):
        raise OutputError(f"{path}: this is no name of a picture; give one such as sheet.png")


def _read(source: Path | IO[bytes], painting: PictureOptions) -> Picture:
    size, limit = painting.short_side, painting.max_pixels
    if isinstance(source, Path):
        return read_image(source, short_side=size, max_pixels=limit)
    return decode_image(source, name="standard input", short_side=size, max_pixels=limit)
