"""Members of tar files that are no plain files, and headers that are damaged."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.dataset import members as tar_members
from styletransfer.dataset.members import Member, read_members
from tests.styletransfer.dataset.data_set import failures, pictures, run, save, tar_contents

LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)


def header(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def regular(name: str, content: bytes) -> bytes:
    return header(name, size=len(content)) + padded(content)


def read(tar: bytes) -> dict[str, Member]:
    return {member.name: member for member in read_members(io.BytesIO(tar), len(tar))}


def content(tar: bytes, member: Member) -> bytes:
    return b"".join(
        bytes(count) if start is None else tar[start : start + count]
        for start, count in member.pieces
    )


END = bytes(1024)


def test_links_are_followed_wherever_they_lead() -> None:
    tar = (
        header("first", tarfile.SYMTYPE, "folder/later")
        + header("folder", tarfile.DIRTYPE)
        + regular("folder/later", b"content")
        + header("folder/near", tarfile.SYMTYPE, "./later")
        + header("hard", tarfile.LNKTYPE, "folder/later")
        + header("twice", tarfile.SYMTYPE, "hard")
        + header("loop", tarfile.SYMTYPE, "pool")
        + header("pool", tarfile.SYMTYPE, "loop")
        + header("lost", tarfile.LNKTYPE, "nowhere")
        + header("out", tarfile.SYMTYPE, "../../etc/passwd")
        + header("way", tarfile.SYMTYPE, "folder")
        + header("pipe", tarfile.FIFOTYPE)
        + END
    )
    found = read(tar)
    good = ("first", "folder/later", "folder/near", "hard", "twice")
    assert {name: content(tar, found[name]) for name in good} == dict.fromkeys(good, b"content")
    problems = {name: member.problem for name, member in found.items() if name not in good}
    assert problems == {
        "loop": "is a link that leads to itself",
        "pool": "is a link that leads to itself",
        "lost": "is a link to nowhere, which is not in the tar file",
        "out": "is a link to ../../etc/passwd, which is not in the tar file",
        "way": "is a link to a folder; pack the files of that folder",
        "pipe": "is no regular file",
    }


@pytest.mark.parametrize("starts", [(0,), (1 << 20,), (0, 1 << 20, 3 << 20)])
@pytest.mark.parametrize("format", ["gnu", "posix"])
def test_sparse_files_of_gnu_tar(tmp_path: Path, format: str, starts: tuple[int, ...]) -> None:
    with (tmp_path / "holes").open("wb") as file:
        for start in starts:
            file.seek(start)
            file.write(b"data" * 2000)
        file.truncate(4 << 20)
    call = ["tar", "--create", "--sparse", f"--format={format}", "--file=x.tar", "holes"]
    subprocess.run(call, cwd=tmp_path, check=True)
    tar = (tmp_path / "x.tar").read_bytes()
    assert len(tar) < 200_000  # it is sparse in there
    assert content(tar, read(tar)["holes"]) == (tmp_path / "holes").read_bytes()


def test_the_last_of_members_with_one_name_counts() -> None:
    tar = regular("a.cls", b"1") + regular("a.png", b"old") + regular("b.cls", b"2")
    tar += regular("./a.png", b"new") + END
    members = list(read_members(io.BytesIO(tar), len(tar)))
    assert [member.name for member in members] == ["a.cls", "a.png", "b.cls"]
    assert content(tar, members[1]) == b"new"
    assert members[1].note == "is in the tar file more than once; the last one is taken"


def test_a_large_header_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, "MOST_HEADER", 2048)
    record = b"2048 comment=" + b"x" * 2034 + b"\n"
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        small = header("h", kind, size=2048) + record
        large = header("h", kind, size=4096) + record * 2
        tar = small + regular("a", b"1") + large + regular("b", b"2") + regular("c", b"3") + END
        found = read(tar)
        assert "has a header of more than" in (found["b"].problem or "")
        assert content(tar, found["c"]) == b"3"
    tar = regular("a", b"1") + header("h", tarfile.XHDTYPE, size=2 << 30) + bytes(512)
    found = read(tar)
    assert content(tar, found["a"]) == b"1"
    assert found[""].problem


def test_members_that_go_backwards_end() -> None:
    tar = bytearray(regular("a", b"1") + regular("b", b"2") + END)
    tar[1024 + 124 : 1024 + 136] = b"\xff" * 10 + b"\xfc\x00"  # the size -1024
    info = tarfile.TarInfo.frombuf
    check = 256 + sum(tar[1024 : 1024 + 148]) + sum(tar[1024 + 156 : 1024 + 512])
    tar[1024 + 148 : 1024 + 156] = b"%06o\0 " % check
    assert info(bytes(tar[1024:1536]), "utf-8", "strict").size == -1024
    found = read(bytes(tar))
    assert set(found) == {"a", ""}
    assert "negative size" in (found[""].problem or "")


@pytest.mark.parametrize("target", ["out", "out/y.tar"])
def test_every_member_is_in_the_output_or_in_the_failures(
    model: Path, tmp_path: Path, target: str
) -> None:
    picture = save(tmp_path / "p.png").read_bytes()
    members = (
        regular("a.png", picture) + regular("a.cls", b"1")
        + header("b.png", tarfile.LNKTYPE, "a.png") + header("b.cls", tarfile.SYMTYPE, "a.cls")
        + header("c.png", tarfile.SYMTYPE, "nowhere") + regular("c.cls", b"3")
        + regular("d.png", b"no picture") + regular("d.cls", b"4")
        + header("e.cls", tarfile.FIFOTYPE) + regular("e.png", picture)
        + regular("../f.png", picture) + regular("g.mask.png", picture)
        + regular("a.cls", b"5") + header("h.png", size=2 << 30)
    )  # fmt: skip
    (tmp_path / "x.tar").write_bytes(members)
    out = tmp_path / target
    result = run(tmp_path / "x.tar", out, "--style", "udnie", "--model", model)
    assert result.exit_code == 1
    failed = failures(tmp_path / "out")
    assert failed["x.tar/h.png"] == "is an image file of more than 1 GB"
    failed = {name.removeprefix("x.tar/") for name in failed}
    found = tar_contents(out) if out.suffix == ".tar" else pictures(out)
    found = {name.removeprefix("x/"): content for name, content in found.items()}
    written = set(found)
    assert found["a.cls"] == b"5"  # the last of two, as for `tar -x`
    assert "x.tar/a.cls: is in the tar file more than once" in result.stderr
    names = {f"{sample}.{field}" for sample in "abcde" for field in ("png", "cls")}
    assert written | failed >= names | {"../f.png", "g.mask.png", "h.png"}
    assert not written & failed
    assert {"a.png", "a.cls", "b.png", "b.cls", "g.mask.png"} <= written


NAMES = st.text(st.sampled_from("ab./\\é\r\n\x1b\x00"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(NAMES, st.sampled_from([*LINKS, tarfile.REGTYPE, tarfile.DIRTYPE]), NAMES),
        max_size=8,
    ),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=6),
)
def test_any_bytes_are_read_without_a_fault(
    entries: list[tuple[str, bytes, str]], changes: list[tuple[int, int]]
) -> None:
    tar = bytearray(b"".join(header(name, kind, link) for name, kind, link in entries) + END)
    for place, value in changes:
        tar[place % len(tar)] = value
    for member in read_members(io.BytesIO(tar), len(tar)):
        assert member.problem or not member.name.startswith(("/", "..", "\\"))
        assert all(count >= 0 for _, count in member.pieces)
