"""The application: routes, errors, gate, and what begins and ends with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response

from threads import Registry, Runner
from threads.api.cors import OTHER_SITES, OtherSites
from threads.api.errors import HANDLERS
from threads.api.middleware import COOKIE, Gate
from threads.api.openapi import page_of
from threads.api.openapi_examples import add_examples
from threads.api.rate_limit import Limits
from threads.api.routes import admin, bulk, messages, runs, threads
from threads.api.schemas.responses import ROOT, Health, told
from threads.api.state import Server

DESCRIPTION = """Chat threads of LangGraph agents. Errors have one body: `error` for people, `code` for
programs, and `field` where one is meant. What is not yours looks as if it were not there."""


def create_app(
    registry: Registry,
    runner: Runner,
    *,
    default_agent: str | None = None,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    is_https: bool = False,
    limits: Limits | None = None,
    require_login: bool = False,
) -> FastAPI:
    """An ASGI application over a registry and a runner, which stay the caller's to close.

    As long as the registry has no users, requests without a token from this machine are the local user's:
    those with a loopback client address, HTTP/1.1, one loopback `Host` with the server's port, no forwarding
    header, and not from a page of another site. All others are refused. A proxy on this machine that sends no
    forwarding header cannot be told from it: `require_login` refuses every request without a token. So do,
    until the application ends, `is_https`, `hosts` other than loopback ones, and users, also once removed.

    `hosts`: the names besides localhost by which the server is known; `origins`: sites besides its own whose
    pages may ask, `InvalidValue` if one is none. `is_https`: a proxy before it speaks TLS, so cookies are for
    https alone.
    """
    server = Server(
        registry, runner, limits=limits or Limits(), hosts=hosts, origins=origins, is_https=is_https,
        default_agent=default_agent, require_login=require_login,
    )  # fmt: skip

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.reopen()
        server.ensure_started()
        try:
            yield
        finally:
            await server.shut_down()

    app = FastAPI(
        title="langgraph-threads", version=version("langgraph-threads"), description=DESCRIPTION,
        lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name, exception_handlers=HANDLERS,
    )  # fmt: skip
    app.state.server = server
    for module in (threads, messages, runs, bulk, admin):
        app.include_router(module.router, prefix=ROOT)
    _add_public(app, server)
    app.add_middleware(Gate, server=server)
    if server.origins:
        app.add_middleware(OtherSites, allow_origins=sorted(server.origins), **OTHER_SITES)
    return app


def _add_public(app: FastAPI, server: Server) -> None:
    @app.get("/healthz", response_model=Health, tags=["health"], responses=told())
    async def healthz() -> Response:
        """The server lives."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_model=Health, tags=["health"], responses=told())
    async def readyz() -> Response:
        """The server can read its threads."""
        await server.check_ready()
        return JSONResponse({"status": "ready"})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(described(app))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page_of(described(app)))


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI of the application, with what lets a caller in."""
    if app.openapi_schema is None:
        found = app.openapi()
        found["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        found["security"] = [{"token": []}, {"session": []}, {}]
        for path, operations in found["paths"].items():
            for operation in operations.values():
                if not path.startswith(ROOT):
                    operation["security"] = []
                if operation["operationId"].endswith("_events"):  # a stream is all they answer with
                    operation["responses"]["200"]["content"].pop("application/json", None)
        add_examples(found)
    return app.openapi()
