"""The page that paints in a browser, and its server for this machine."""

from styletransfer.web.server import PageServer

__all__ = ["PageServer"]
