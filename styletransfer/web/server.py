"""Serve the page that paints in a browser, only to this machine."""

import errno
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from styletransfer.errors import RequestError

LOOPBACK = "127.0.0.1"
# Where `make web` puts the page. The wheel carries it too.
PAGE = Path(__file__).parent / "page"

# Browsers allow WebAssembly threads only to a page with these headers.
_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}


# Not the table of the operating system: browsers refuse a script with a wrong type.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class PageServer(ThreadingHTTPServer):
    """A server for the page. `serve_forever` runs until `shutdown` or an exception.

    Attributes:
        url: Address of the page.
    """

    daemon_threads = True

    def __init__(self, port: int = 0, folder: Path = PAGE) -> None:
        """Bind to the loopback address.

        Args:
            port: TCP port; 0 chooses a free one.
            folder: Folder of the built page.

        Raises:
            RequestError: The page has not been built, or the port cannot be used.
        """
        if not (folder / "index.html").is_file():
            raise RequestError(
                "the page is not in this installation; run 'make web' in a checkout of the project"
            )
        try:
            super().__init__((LOOPBACK, port), partial(_Handler, directory=str(folder)))
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            reason = "is in use" if taken else f"cannot be used ({error})"
            raise RequestError(f"port {port} {reason}; name another with --port") from error
        self.url = f"http://{LOOPBACK}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that left before its answer was complete."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def end_headers(self) -> None:
        for name, value in _ISOLATION.items():
            self.send_header(name, value)
        # A name in assets/ contains a hash of the file, so the file never changes.
        hashed = self.path.startswith("/assets/")
        keep = "public, max-age=31536000, immutable" if hashed else "no-cache"
        self.send_header("Cache-Control", keep)
        super().end_headers()

    def guess_type(self, path: Any) -> str:
        return _TYPES.get(Path(path).suffix, "application/octet-stream")

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the terminal shows only the address."""
