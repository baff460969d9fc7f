"""`styletransfer web`."""

import click

from styletransfer.commands.command_line import Command


@click.command(cls=Command, interrupted="the server has stopped")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8420,
    show_default=True,
    help="TCP port of the page on this machine; 0 chooses a free one. Example: --port 9000",
)
@click.option(
    "--browser/--no-browser",
    default=True,
    show_default=True,
    help="Whether to open the page in the browser. Example: --no-browser",
)
def web(port: int, browser: bool) -> None:
    """Serve a page that paints photographs in the browser.

    Only this machine can open the page, and photographs never leave the browser. Ctrl-C stops the
    server.

    Example: styletransfer web
    """
    import webbrowser

    from styletransfer.web import PageServer

    with PageServer(port) as server:
        click.echo(f"serving {server.url} (Ctrl-C stops)")
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")
