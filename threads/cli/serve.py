"""`threads serve`: the page and the HTTP API of one file, on this machine, or for users with tokens."""

from __future__ import annotations

import ipaddress
import shlex
import sys
import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from threads.cli.agent_loader import OFFLINE_DELAY, load_agents
from threads.cli.context import CliContext, common_options
from threads.cli.output import print_note, print_text
from threads.errors import InvalidValue


@click.command(epilog="Example: threads serve --db support.db --port 8000")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one."
)
@click.option(
    "--name", "names", metavar="HOST", multiple=True, help="A host name of the server; can be repeated."
)
@click.option(
    "--origin", "origins", metavar="URL", multiple=True, help="Another site whose pages may send requests."
)
@click.option(
    "--https", "is_https", is_flag=True, help="A proxy in front terminates TLS: cookies are for https."
)
@click.option("--require-login", is_flag=True, help="Every request needs a token, also from this machine.")
@click.option(
    "--uds", type=click.Path(path_type=Path), metavar="PATH",
    help="Listen on a Unix socket that only you can open, instead of a port.",
)  # fmt: skip
@click.option("--open", "opens_page", is_flag=True, help="Show the page in your browser.")
@click.option("--page/--no-page", default=True, help="Serve the page, or the HTTP API alone.")
@click.option("--page-name", metavar="TEXT", help="What the page calls itself; by default Threads.")
@click.option(
    "--page-logo", type=click.Path(path_type=Path), metavar="FILE", help="Its logo: SVG, PNG, WebP or JPEG."
)
@click.option("--page-accent", metavar="COLOR", help="Its accent colour, as in #3553c9.")
@common_options("--db", "--agents", "--traceback")
@click.pass_context
def serve(
    context: click.Context, host: str, port: int, names: tuple[str, ...], origins: tuple[str, ...],
    is_https: bool, require_login: bool, uds: Path | None, opens_page: bool, page: bool,
    page_name: str | None, page_logo: Path | None, page_accent: str | None,
) -> None:  # fmt: skip
    """Serve the threads as a page and by HTTP, until Ctrl+C.

    Without users it serves this machine only. With users (`threads users add`) every request needs a token,
    and each user sees their own threads; only then can it listen on an address that other machines reach.

    A request is local if its address, its Host and its headers say so. A proxy on this machine that adds no
    forwarding header cannot be distinguished from a local client: behind one, use --require-login. --name
    and --https imply it, and so do users, until the server ends.
    """
    cli: CliContext = context.obj
    _check_socket_options(context, uds, opens_page)
    page_options = {"name": page_name, "logo": page_logo, "accent": page_accent}
    if not page and (opens_page or any(value is not None for value in page_options.values())):
        raise click.UsageError("--no-page cannot be combined with --open or other options of the page")
    try:
        from threads.api import PageOptions, create_app
        from threads.api.server import serve
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"{error.name} is missing; install with: pip install 'langgraph-threads[server]'"
        ) from error
    with cli.open(create=True) as registry:
        if not _is_loopback(host) and not registry.users:
            raise click.UsageError(
                f"{host} can be reached by others, and there are no users: threads users add NAME"
            )
        agents = load_agents(cli.agents, offline_delay=OFFLINE_DELAY)
        with agents.runner(registry, agents.ids) as runner:
            app = create_app(
                registry, runner, default_agent=agents.default, hosts=(host, *names), origins=origins,
                is_https=is_https, require_login=require_login or bool(names),
                page=page and _page_options(PageOptions, page_options),
            )  # fmt: skip
            leave = serve(
                app, host=host, port=port, uds=uds, announce=partial(_announce, opens_page=opens_page)
            )
    leave()


def _check_socket_options(context: click.Context, uds: Path | None, opens_page: bool) -> None:
    if uds is not None and any(_is_given(context, name) for name in ("host", "port")):
        raise click.UsageError("--uds cannot be combined with --host or --port")
    if uds is not None and opens_page:
        raise click.UsageError("--uds cannot be combined with --open: a browser opens no Unix socket")


def _page_options(kind: Any, options: dict[str, Any]) -> Any:
    """Return the options of the page as `create_app` takes them; raises `click.UsageError`."""
    try:
        return kind(**{name: value for name, value in options.items() if value is not None})
    except InvalidValue as error:
        raise click.UsageError(f"--page-{error.field}: {error.reason}") from error


def _announce(url: str, *, opens_page: bool) -> None:
    print_text(url)
    sys.stdout.flush()
    path = url.removeprefix("unix:")
    page = f"{url}/docs" if path == url else f"curl --unix-socket {shlex.quote(path)} http://localhost/docs"
    print_note(f"documentation: {page}; Ctrl+C stops the server")
    if opens_page:
        threading.Thread(target=_open_page, args=(url,), name="threads-open-page", daemon=True).start()


def _open_page(url: str) -> None:
    """Show the page in the user's browser. Some browsers return only when they are closed."""
    for wildcard in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(wildcard, "//localhost:")
    if not webbrowser.open(url):
        print_note(f"no browser was found; open {url}")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
