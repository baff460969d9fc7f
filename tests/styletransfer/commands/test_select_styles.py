"""`styletransfer select-styles`: which styles are kept, and wrong calls."""

from pathlib import Path

import torch

from styletransfer.checkpoint import load_checkpoint
from tests.styletransfer.commands.calls import refused, run
from tests.styletransfer.untrained import save_checkpoint


def test_the_styles_named_stay_to_the_bit_in_that_order(tmp_path: Path) -> None:
    checkpoint, out = save_checkpoint(tmp_path / "c.ckpt"), tmp_path / "two.ckpt"
    result = run("select-styles", checkpoint, "udnie", "the_scream", "-o", out, "--device", "cpu")
    assert result.stdout == f"wrote {out}: identity, udnie, the_scream\n"
    before, after = load_checkpoint(checkpoint), load_checkpoint(out)
    image = torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for new, old in ((1, 2), (2, 1)):
            expected = before.network(image, torch.eye(3)[[old]])
            assert torch.equal(after.network(image, torch.eye(3)[[new]]), expected)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    checkpoint, out = save_checkpoint(tmp_path / "c.ckpt"), tmp_path / "one.ckpt"
    out.write_text("precious")
    call = ("select-styles", checkpoint, "udnie", "-o", out)
    assert "exists already" in refused(*call)
    assert out.read_text() == "precious"
    assert run(*call, "--overwrite", "--quiet").stdout == ""
    assert load_checkpoint(out).styles == ("identity", "udnie")


def test_wrong_calls(tmp_path: Path) -> None:
    checkpoint, out = save_checkpoint(tmp_path / "c.ckpt"), tmp_path / "none.ckpt"
    call = ("select-styles", checkpoint, "-o", out)
    assert "no style is called 'monet'" in refused(*call, "monet")
    assert "device 'gpu' is no device" in refused(*call, "udnie", "--device", "gpu")
    assert not out.exists()
