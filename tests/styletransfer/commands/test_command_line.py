"""Errors, bugs, interrupts and streams: what every command does alike."""

import os
import signal
import subprocess
import sys
import textwrap
from importlib.metadata import metadata
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import styletransfer
from styletransfer.commands.command_line import OneLineErrors
from styletransfer.commands.extras import DISTRIBUTION, extra
from styletransfer.commands.main import cli
from styletransfer.errors import ImageError, MissingExtraError, RequestError, StyleTransferError
from tests.styletransfer.tiny_model import tiny_model

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def group(error: BaseException) -> click.Group:
    @click.group(cls=OneLineErrors)
    def main() -> None:
        """Fail."""

    @main.command("work", interrupted="the first half is done")
    def work() -> None:
        raise error

    return main


def invoke(error: BaseException, *words: str) -> Result:
    return CliRunner().invoke(group(error), ["work", *words])


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (RequestError("no such thing;\n give another"), 2, "no such thing; give another"),
        (ImageError("a.png: damaged"), 1, "a.png: damaged"),
        (click.UsageError("wrong call"), 2, "wrong call"),
        (OSError(28, "No space left on device", "a.png"), 1, "a.png: No space left on device"),
        (MemoryError(), 1, "not enough memory; give fewer or smaller pictures"),
        (KeyboardInterrupt(), 130, "interrupted; the first half is done"),
    ],
)
def test_an_error_is_one_line(error: BaseException, status: int, line: str) -> None:
    result = invoke(error)
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", f"Error: {line}\n")


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("a"), RuntimeError("b")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    result = invoke(error)
    assert result.exception is error
    assert result.stderr == ""


def test_an_error_shows_its_traceback_where_it_is_asked_for() -> None:
    result = invoke(RequestError("no such thing"), "--traceback")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("Error: no such thing\n")


def test_every_error_has_an_exit_code_and_a_purpose() -> None:
    def below(kind: type[StyleTransferError]) -> set[type[StyleTransferError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    for kind in below(StyleTransferError):
        assert kind.exit_code in (1, 2) and kind.__doc__


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_one_letter_away(word: str) -> None:
    for words in ([word], ["stylize", word], ["train", word], ["export", word]):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 0 and result.stdout.startswith("Usage:")


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.stdout == f"styletransfer, version {styletransfer.__version__}\n"


@pytest.mark.parametrize("name", ["train", "interp", "segment", "video", "large", "ray"])
def test_the_hint_names_our_distribution_and_an_extra_that_it_has(name: str) -> None:
    with pytest.raises(MissingExtraError) as error, extra(name):
        raise ModuleNotFoundError("No module named 'x'", name="x")
    about = metadata(DISTRIBUTION)
    assert f"pip install '{about['Name']}[{name}]' brings it" in str(error.value)
    assert name in (about.get_all("Provides-Extra") or [])


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), extra("train"):
        raise ModuleNotFoundError("No module named 'styletransfer.x'", name="styletransfer.x")


@pytest.mark.parametrize("command", [[], *([name] for name in cli.commands)])
def test_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example: styletransfer " in " ".join(result.stdout.split())


def test_no_command_is_a_question_for_help() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 0
    assert "contact-sheet" in result.stdout


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    tiny_model(tmp_path / "m.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `st` is our command and `$S` its options."""
    python = f'st() {{ "{sys.executable}" -m styletransfer "$@"; }}\n'
    options = "S='--style udnie --model m.onnx'\n"
    return subprocess.run(
        ["bash", "-c", python + options + line],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=200,
    )


def negative(photo: Path) -> np.ndarray:
    return 255 - np.asarray(Image.open(photo))


def test_pictures_go_through_pipes(photo: Path, tmp_path: Path) -> None:
    done = shell("cat photo.png | st stylize - -o - $S | cat > out.png", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), negative(photo))
    done = shell("st stylize photo.png -o - $S --format bmp > out.bmp", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(tmp_path / "out.bmp") as image:
        assert image.format == "BMP"
        np.testing.assert_array_equal(np.asarray(image), negative(photo))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_streams_that_are_closed_or_full(photo: Path, tmp_path: Path) -> None:
    done = shell("st styles --model m.onnx > /dev/full", tmp_path)
    said = b"Error: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)
    done = shell("st stylize photo.png -o full.png $S > /dev/full 2> /dev/full", tmp_path)
    assert done.returncode == 1
    done = shell("st stylize photo.png -o out.png $S 0<&- 1>&- 2>&-", tmp_path)
    assert done.returncode == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), negative(photo))
    done = shell("st stylize none.png -o none-out.png $S 2>&-", tmp_path)
    assert done.returncode == 1
    done = shell("unset HOME; XDG_CACHE_HOME=/dev/null st styles --model m.onnx", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_is_one_line_during_imports_too(tmp_path: Path) -> None:
    """Ctrl-C at each line of the first modules that the process imports."""
    code = """
        import os, signal, sys
        from styletransfer.commands import process
        count = int(sys.argv.pop())
        def trace(frame, event, arg):
            global count
            if event == "call" and "/styletransfer/" in frame.f_code.co_filename:
                count -= 1
                if count == 0:
                    sys.settrace(None)
                    os.kill(os.getpid(), signal.SIGINT)
            return None
        sys.settrace(trace)
        process.run_process("styletransfer.commands.main")
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    for count in (3, 12, 40):
        done = subprocess.run(
            [sys.executable, str(script), "styles", str(count)],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert (done.returncode, done.stdout) == (130, ""), (count, done.stderr)
        assert done.stderr.startswith("Error: interrupted") and done.stderr.count("\n") == 1


def test_ctrl_c_that_native_code_turned_into_another_error(tmp_path: Path) -> None:
    code = """
        import os, signal, click
        from styletransfer.commands import process
        from styletransfer.commands.command_line import OneLineErrors
        from styletransfer.errors import ModelError
        @click.group(cls=OneLineErrors)
        def cli(): pass
        @cli.command(interrupted="nothing was written")
        def work():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt as error:
                raise ModelError("m.onnx: not an ONNX file") from error
        def main():
            cli(["work"])
    """
    (tmp_path / "converts.py").write_text(textwrap.dedent(code))
    line = "from styletransfer.commands.process import run_process; run_process('converts')"
    done = subprocess.run(
        [sys.executable, "-c", line],
        env={**ENVIRONMENT, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 130
    assert done.stderr == "Error: interrupted; nothing was written\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("https://example.org/a.jpg", "is a URL"),
        ("~/a.jpg", "'~' in quotes"),
        ("~someone", "'~' in quotes"),
        ("nowhere/*.jpg", "no file matches this pattern"),
    ],
)
def test_paths_that_the_shell_should_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["stylize", word, "-o", "out"], ["stylize", "a.jpg", "-o", word]):
        if "*" in word and words[1] != word:
            continue
        result = CliRunner().invoke(cli, [*words, "--style", "udnie"])
        assert result.exit_code == 2 and said in result.stderr, result.stderr
        assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_written_path_may_hold_any_character(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "what? [1]*.png"
    call = ["stylize", str(photo), "-o", str(out), "--style", "udnie"]
    assert CliRunner().invoke(cli, [*call, "--model", str(tmp_path / "m.onnx")]).exit_code == 0
    assert out.is_file()
    again = ["stylize", str(out), "-o", str(tmp_path / "again.png"), "--style", "udnie"]
    assert CliRunner().invoke(cli, [*again, "--model", str(tmp_path / "m.onnx")]).exit_code == 0


def test_a_data_set_is_not_written_to_a_folder_called_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    result = CliRunner().invoke(cli, ["stylize-dataset", "photos", "~/painted", "--style", "udnie"])
    assert result.exit_code == 2 and "'~' in quotes" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_sigint_stays_ignored_where_the_shell_ignores_it() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import sys, types; m = types.ModuleType('m'); sys.modules['m'] = m\n"
        "m.main = lambda: print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)\n"
        "from styletransfer.commands.process import run_process; run_process('m')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
