"""`create_app`: puts together routes, error handlers, middleware and lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response

from threads import Registry, Runner
from threads.api.cors import CORS_OPTIONS, JsonCORSMiddleware
from threads.api.errors import EXCEPTION_HANDLERS
from threads.api.middleware import middleware_stack
from threads.api.openapi import docs_page, openapi_schema
from threads.api.rate_limit import Limits
from threads.api.routes import (
    agents,
    analytics,
    bulk,
    events,
    info,
    messages,
    retention,
    runs,
    search,
    session,
    tags,
    temporary,
    threads,
    trash,
    unread,
)
from threads.api.routes import page as page_routes
from threads.api.schemas.responses import API_PREFIX, Health, error_responses
from threads.api.state import AppState
from threads.web import PageAssets, PageOptions

DESCRIPTION = """Chat threads of LangGraph agents. All errors have one body: `error` is a message for people,
`code` a constant for programs, and `field` names the invalid field, if any. A thread that you may not read
gives 404, as one that does not exist."""
ROUTES = (
    threads, messages, temporary, runs, events, search, tags, bulk, trash, unread, analytics, agents,
    info, session, retention,
)  # fmt: skip
"""In the order of the OpenAPI schema."""


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
    page: PageOptions | bool = True,
) -> FastAPI:
    """Return an ASGI application over a registry and a runner, which stay the caller's to close.

    As long as the registry has no users, requests without a token from this machine are the local user's:
    those with a loopback client address, HTTP/1.1, one loopback `Host` with the server's port, no forwarding
    header, and not from a page of another site. All others are refused. A proxy on this machine that sends no
    forwarding header cannot be detected: `require_login` refuses every request without a token. So do,
    until the application ends, `is_https`, `hosts` other than loopback ones, and users, also once removed.

    `hosts`: the names of the server besides localhost; `origins`: sites besides its own whose pages may send
    requests, `InvalidValue` if one is none. `is_https`: a proxy before it speaks TLS, so cookies are for
    https alone. `page`: name, logo and accent colour of the page at `/`; False: no page, the API alone.
    """
    registry._context.learn_from(runner.registry._context)
    state = AppState(
        registry, runner, limits=limits or Limits(), hosts=hosts, origins=origins, is_https=is_https,
        default_agent=default_agent, require_login=require_login, page=_page_assets(page),
    )  # fmt: skip
    app = FastAPI(
        title="langgraph-threads", version=version("langgraph-threads"), description=DESCRIPTION,
        lifespan=partial(_lifespan, state), docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False, generate_unique_id_function=lambda route: route.name,
        exception_handlers=EXCEPTION_HANDLERS, middleware=_middleware(state),
    )  # fmt: skip
    app.state.threads = state
    for module in ROUTES:
        app.include_router(module.router, prefix=API_PREFIX)
    _add_health_and_docs(app, state)
    if state.page is not None:
        app.include_router(page_routes.router)
    return app


def _middleware(state: AppState) -> list[Middleware]:
    middleware = middleware_stack(state)
    if state.origins:
        cors = Middleware(JsonCORSMiddleware, allow_origins=sorted(state.origins), **CORS_OPTIONS)
        middleware.insert(0, cors)
    return middleware


def _page_assets(page: PageOptions | bool) -> PageAssets | None:
    if page is False:
        return None
    return PageAssets(PageOptions() if page is True else page)


@asynccontextmanager
async def _lifespan(state: AppState, _: FastAPI) -> AsyncIterator[None]:
    state.reopen()
    state.ensure_started()
    try:
        yield
    finally:
        await state.shut_down()


def _add_health_and_docs(app: FastAPI, state: AppState) -> None:
    @app.get("/healthz", response_model=Health, tags=["health"], responses=error_responses())
    async def healthz() -> Response:
        """Liveness: the server responds."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_model=Health, tags=["health"], responses=error_responses())
    async def readyz() -> Response:
        """Readiness: the server can read its database."""
        await state.check_ready()
        return JSONResponse({"status": "ready"})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return JSONResponse(openapi_schema(app, request.scope.get("root_path", "")))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(openapi_schema(app, request.scope.get("root_path", ""))))
