"""`styletransfer stylize` and `styles`: what is written, what is said and where."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.styletransfer.commands.calls import load, refused, run, save
from tests.styletransfer.inference.compact_model import exported
from tests.styletransfer.tiny_model import STYLES, tiny_model


def test_styles(model: Path) -> None:
    result = run("styles", "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "identity\nthe_scream\nudnie\nstarry_night\n"


def test_one_picture(model: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    result = run("stylize", photo, "-o", out, "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"wrote 1 picture to {out}\n"
    np.testing.assert_array_equal(load(out), 255 - load(photo))


def test_a_blend_at_half_strength_of_a_smaller_picture(model: Path, tmp_path: Path) -> None:
    photo, out = save(tmp_path / "p.png", 40, 60), tmp_path / "out.png"
    blend = ("--style", "udnie:2,identity:2", "--strength", 0.5, "--short-side", 10)
    result = run("stylize", photo, "-o", out, *blend, "--model", model, "--threads", 1)
    assert result.exit_code == 0
    small = tmp_path / "small.png"
    assert run("stylize", photo, "-o", small, *blend[:2], "--strength", 0, "--short-side", 10,
               "--model", model).exit_code == 0  # fmt: skip
    assert load(out).shape == (10, 15, 3)
    assert abs(load(out) - (0.5 * load(small) + 0.25 * 255)).max() <= 1


def test_alpha_is_kept(model: Path, tmp_path: Path) -> None:
    photo, out = save(tmp_path / "p.png", alpha=True), tmp_path / "out.png"
    assert run("stylize", photo, "-o", out, "--style", "udnie", "--model", model).exit_code == 0
    np.testing.assert_array_equal(load(out)[..., 3], load(photo)[..., 3])


def test_a_tree_in_each_style(model: Path, tmp_path: Path) -> None:
    save(tmp_path / "photos" / "a.jpg")
    save(tmp_path / "photos" / "sub" / "b.gif")
    out = tmp_path / "out"
    result = run("stylize", tmp_path / "photos", "-o", out, "--style", "each", "--model", model)
    assert result.exit_code == 0
    assert result.stdout == f"wrote 6 pictures to {out}/\n"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {
        name for style in STYLES[1:] for name in (f"a-{style}.jpg", f"sub/b-{style}.png")
    }
    negative = 255 - load(out / "sub" / "b-udnie.png")
    with Image.open(tmp_path / "photos" / "sub" / "b.gif") as gif:
        np.testing.assert_array_equal(negative, np.asarray(gif.convert("RGB")))


def test_the_only_painting_is_the_default(photo: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "one.onnx", styles=STYLES[:2])
    result = run("stylize", photo, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0
    assert (tmp_path / "out" / "photo.png").is_file()


def test_quiet_says_nothing(model: Path, photo: Path, tmp_path: Path) -> None:
    result = run("stylize", photo, "-o", tmp_path / "out", "--style", "udnie",
                 "--model", model, "--quiet")  # fmt: skip
    assert (result.exit_code, result.output) == (0, "")


def test_failed_images_are_named_and_the_others_done(model: Path, tmp_path: Path) -> None:
    good, late = save(tmp_path / "good.png"), save(tmp_path / "late.png")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    cut = tmp_path / "cut.jpg"
    whole = save(tmp_path / "whole.jpg", 64, 64).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    missing, out = tmp_path / "missing.png", tmp_path / "out"
    result = run("stylize", good, bad, cut, missing, late, "-o", out, "--style", "udnie",
                 "--model", model)  # fmt: skip
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    for line, path in zip(lines, (bad, cut, missing), strict=True):
        assert line.startswith(f"Error: {path}: ")
    assert result.stdout == f"wrote 2 of 5 pictures to {out}/\n"
    assert sorted(path.name for path in out.iterdir()) == ["good.png", "late.png"]


def test_a_failure_of_the_runtime_is_that_of_one_file(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.onnx", height=6)
    wrong, right = save(tmp_path / "a.png", height=5), save(tmp_path / "b.png", height=6)
    result = run("stylize", wrong, right, "-o", tmp_path / "out", "--style", "udnie",
                 "--model", model)  # fmt: skip
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {wrong}: ")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]


def test_no_memory_for_one_file(
    model: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("styletransfer.inference.stylizer.Stylizer.stylize_tensor", exhausted)
    result = run("stylize", photo, "-o", tmp_path / "out", "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        result.stderr == f"Error: {photo}: not enough memory; a smaller --short-side takes less\n"
    )


def test_notes_are_told(model: Path, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    photo = tmp_path / "moving.gif"
    frames[0].save(photo, save_all=True, append_images=frames[1:])
    result = run("stylize", photo, "-o", tmp_path / "out", "--style", "udnie", "--model", model)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"{photo}: animated")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--style", "udni"], "did you mean udnie?"),
        (["--style", "udnie:0.5,the_scram:1"], "did you mean the_scream?"),
        (["--style", "udnie", "--strength", "1.5"], "strength 1.5 is not in 0..1"),
        (["--style", "udnie", "--strength", "nan"], "strength nan is not in 0..1"),
        (["--style", "udnie", "--short-side", "0"], "'--short-side'"),
        (["--style", "udnie", "--threads", "0"], "'--threads'"),
        (["--style", "udnie", "--speed", "9"], "--speed"),
        ([], "give a --style: the_scream, udnie, starry_night, or each for all of them"),
    ],
)
def test_wrong_calls(model: Path, photo: Path, tmp_path: Path, words: list[str], said: str) -> None:
    out = tmp_path / "out"
    assert said in refused("stylize", photo, "-o", out, "--model", model, *words)
    assert not out.exists()


def test_wrong_calls_of_all_kinds(model: Path, photo: Path) -> None:
    assert "INPUT" in refused("stylize", "-o", "x")
    assert "--output" in refused("stylize", photo)
    assert "paint" in refused("paint")
    assert "--loud" in refused("--loud")
    assert "none.onnx" in refused("styles", "--model", model.with_name("none.onnx"))


def test_outputs_that_would_do_harm(model: Path, photo: Path, tmp_path: Path) -> None:
    call = ("stylize", photo, "--style", "udnie", "--model", model, "-o")
    before = photo.read_bytes()
    assert f"{photo} is an input" in refused(*call, photo, "--overwrite")
    assert f"{photo} is an input" in refused(*call, tmp_path, "--overwrite")
    assert photo.read_bytes() == before
    out = save(tmp_path / "out.png", 2, 2)
    mine = out.read_bytes()
    assert f"{out} exists already; --overwrite" in refused(*call, out)
    assert out.read_bytes() == mine
    assert run(*call, out, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(load(out), 255 - load(photo))
    assert f"{model}: this folder cannot be made" in refused(*call, model)
    again = save(tmp_path / "again" / "photo.png")
    line = refused("stylize", photo, again, "--style", "udnie", "--model", model, "-o", "nowhere")
    assert f"{photo} and {again} would both be written to nowhere" in line
    assert not Path("nowhere").exists()


def test_a_model_that_is_not_ours(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for model in (photo, tiny_model(tmp_path / "m.onnx", without=["styletransfer.format"])):
        for call in (
            ("styles",),
            ("stylize", photo, "-o", out),
            ("contact-sheet", photo, "-o", out),
        ):
            assert f"{model}: not a" in refused(*call, "--model", model, status=1)
    assert not out.exists()


def test_tiles_of_a_network_that_pads_between_its_layers(photo: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out.png", exported("johnson")
    words = ("--style", "udnie", "--tile", "9", "--model", model)
    # The call is right; it is the model that cannot do it.
    assert "--tile off" in refused("stylize", photo, "-o", out, *words, status=1)
    assert not out.exists()


def test_preserve_colors_keeps_gray_gray(model: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(54, dtype=np.uint8).reshape(6, 9) * 4).save(tmp_path / "gray.png")
    out = tmp_path / "out.png"
    words = ("--style", "starry_night", "--preserve-colors", "--model", model)
    assert run("stylize", tmp_path / "gray.png", "-o", out, *words).exit_code == 0
    assert np.ptp(load(out), axis=2).max() <= 1


def test_pictures_that_cannot_be_read_are_counted(model: Path, tmp_path: Path) -> None:
    save(tmp_path / "photos" / "a.png")
    for name in ("b.psd", "sub/c.psd", "d.jxl"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).touch()
    out = tmp_path / "out"
    result = run("stylize", tmp_path / "photos", "-o", out, "--style", "udnie", "--model", model)
    assert result.exit_code == 0
    line = f"{tmp_path / 'photos'}: passed over 3 pictures that cannot be read (2 .psd, 1 .jxl)\n"
    assert result.stderr == line


def test_what_transparency_hides_does_not_matter(model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), np.uint8)
    pixels[..., 3] = 0
    pixels[10:30, 20:40, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pixels[pixels[..., 3] == 0] = 0
    Image.fromarray(pixels).save(tmp_path / "b.webp", lossless=True, exact=True)
    for name in ("a.png", "b.webp"):
        out = tmp_path / f"{name}.out.png"
        words = ("--style", "udnie", "--model", model)
        assert run("stylize", tmp_path / name, "-o", out, *words).exit_code == 0
    np.testing.assert_array_equal(
        load(tmp_path / "a.png.out.png"), load(tmp_path / "b.webp.out.png")
    )


def test_metadata_is_carried_over(model: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "Ann"
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    words = ("stylize", tmp_path / "a.jpg", "--style", "udnie", "--model", model)
    assert run(*words, "-o", tmp_path / "kept.jpg").exit_code == 0
    assert run(*words, "-o", tmp_path / "bare.jpg", "--strip").exit_code == 0
    with Image.open(tmp_path / "kept.jpg") as image:
        assert image.size == (20, 30) and image.info["dpi"] == (300, 300)
        assert image.getexif()[0x8298] == "Ann" and image.getexif().get(0x0112, 1) == 1
    with Image.open(tmp_path / "bare.jpg") as image:
        assert image.size == (20, 30)
        assert not image.getexif() and "dpi" not in image.info


def test_the_pixel_limit(model: Path, photo: Path, tmp_path: Path) -> None:
    words = ("stylize", photo, "-o", tmp_path / "o.png", "--style", "udnie", "--model", model)
    result = run(*words, "--max-pixels", 53)
    assert result.exit_code == 1
    assert "54 pixels are over the limit of 53" in result.stderr and str(photo) in result.stderr
    assert run(*words, "--max-pixels", 54).exit_code == 0
