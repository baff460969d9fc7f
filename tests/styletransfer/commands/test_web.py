"""`styletransfer web`: what it serves, to whom, and how it ends."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from styletransfer.commands.web import web
from styletransfer.errors import RequestError
from styletransfer.web import PageServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<h1>page</h1>")
    for name in ("a.js", "a.mjs", "a.wasm", "a.onnx", "a.css"):
        (page / "assets" / name).write_bytes(b"content")
    (tmp_path / "secret.txt").write_text("secret")
    return page


@pytest.fixture
def server(folder: Path) -> Iterator[PageServer]:
    with PageServer(folder=folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: PageServer, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_the_page_comes_with_the_headers_that_threads_need(server: PageServer) -> None:
    status, headers, body = get(server, "/")
    assert (status, body) == (200, b"<h1>page</h1>")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"


def test_a_browser_that_leaves_early_is_not_an_error(
    server: PageServer, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "assets" / "large.wasm").write_bytes(bytes(30_000_000))
    done = threading.Event()
    after = server.shutdown_request
    server.shutdown_request = lambda request: (after(request), done.set())  # type: ignore[assignment,method-assign]
    browser = socket.create_connection(server.server_address[:2], timeout=10)
    browser.sendall(b"GET /assets/large.wasm HTTP/1.1\r\nHost: here\r\n\r\n")
    assert browser.recv(100).startswith(b"HTTP/1.1 200")
    browser.close()
    assert done.wait(10)
    assert capfd.readouterr().err == ""


def test_another_error_of_the_server_keeps_its_traceback(
    server: PageServer, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        raise KeyError("a bug")
    except KeyError:
        server.handle_error(None, None)
    assert "KeyError: 'a bug'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript"),
        ("a.mjs", "text/javascript"),
        ("a.css", "text/css"),
        ("a.wasm", "application/wasm"),
        ("a.onnx", "application/octet-stream"),
    ],
)
def test_each_kind_of_file_has_its_type_and_is_kept(
    server: PageServer, name: str, kind: str
) -> None:
    status, headers, body = get(server, f"/assets/{name}")
    assert (status, body, headers["Content-Type"]) == (200, b"content", kind)
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/assets/", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/no"]
)
def test_nothing_outside_the_page_and_no_list_of_files_is_served(
    server: PageServer, path: str
) -> None:
    status, _, body = get(server, path)
    assert status == 404
    assert b"secret" not in body.replace(b"secret.txt", b"")


def test_only_the_loopback_address_is_bound(server: PageServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"


def test_a_page_that_was_not_built_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="make web"):
        PageServer(folder=tmp_path)


def test_a_port_in_use_is_told_with_the_remedy(server: PageServer, folder: Path) -> None:
    port = server.server_address[1]
    with pytest.raises(RequestError, match=f"port {port} is in use; name another with --port"):
        PageServer(port, folder)


def test_a_port_that_cannot_be_is_refused() -> None:
    result = CliRunner().invoke(web, ["--port", "70000"])
    assert result.exit_code == 2
    assert "70000" in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of Ctrl-C")
def test_the_command_prints_its_address_opens_it_and_stops_on_ctrl_c(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = (
        "import sys, webbrowser; from pathlib import Path; from styletransfer.web import server;"
        "server.PageServer.__init__.__defaults__ = (0, Path(sys.argv.pop(1)));"
        "webbrowser.open = lambda url: print('opened', url, flush=True);"
        "from styletransfer.commands.web import web; web()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{port}/"
        assert process.stdout.readline() == f"serving {url} (Ctrl-C stops)\n"
        assert process.stdout.readline() == f"opened {url}\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"<h1>page</h1>"
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "stopped\n", "")
