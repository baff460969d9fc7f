"""Files that commands write: nothing of the user's is lost, and no half of a file is left."""

import resource
from pathlib import Path

import pytest
import torch

from styletransfer.commands.written import check_output, write_checkpoint
from styletransfer.errors import OutputError


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.ckpt", tmp_path / "other.ckpt"
    mine.write_text("precious")
    check_output(other, overwrite=False, inputs=[mine])
    check_output(mine, overwrite=True)
    with pytest.raises(OutputError, match=r"exists already; --overwrite"):
        check_output(mine, overwrite=False)
    link = tmp_path / "link.ckpt"
    link.symlink_to(mine)
    for same in (mine, link, tmp_path / "." / "mine.ckpt"):
        with pytest.raises(OutputError, match="is the input"):
            check_output(same, overwrite=True, inputs=[mine])
    with pytest.raises(OutputError, match="no such folder"):
        check_output(tmp_path / "none" / "a.ckpt", overwrite=False)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write_checkpoint({"a": torch.zeros(2)}, path)
    whole = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 1000, limits[1]))
    try:
        with pytest.raises(OSError) as error:
            write_checkpoint({"a": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(path)
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]
