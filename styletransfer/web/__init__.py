"""The page that paints in a browser, and the server that hands it out on this machine."""

from styletransfer.web.server import PageServer

__all__ = ["PageServer"]
