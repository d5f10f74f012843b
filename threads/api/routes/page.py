"""The page: its document at `/`, `/t/ID` and the views, its files below `/assets`. Public: no user's data.

What a reader may see comes from the API, by the requests of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from threads.api.dependencies import StateDep
from threads.api.errors import ApiError
from threads.web import VIEWS, Asset, PageAssets

POLICIES = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
    "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'", "trusted-types": "lit-html dompurify",
}  # fmt: skip
"""No inline script or style, nothing from elsewhere, no text as markup but by these two libraries."""
DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICIES.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
}
FILE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}

router = APIRouter(include_in_schema=False)
IfNoneMatch = Annotated[str | None, Header()]
AcceptEncoding = Annotated[str, Header()]


@router.get("/")
async def start_page(
    state: StateDep, if_none_match: IfNoneMatch = None, accept_encoding: AcceptEncoding = ""
) -> Response:
    """Return the document for a new conversation."""
    return _document(state.page, 0, if_none_match, accept_encoding)


@router.get("/t/{thread_id:path}")
async def thread_page(
    state: StateDep,
    thread_id: Annotated[str, Path()],
    if_none_match: IfNoneMatch = None,
    accept_encoding: AcceptEncoding = "",
) -> Response:
    """Return the document for a thread; whether it exists, the API says."""
    return _document(state.page, 1 + thread_id.count("/"), if_none_match, accept_encoding)


async def view_page(
    state: StateDep, if_none_match: IfNoneMatch = None, accept_encoding: AcceptEncoding = ""
) -> Response:
    """Return the document for a view."""
    return _document(state.page, 0, if_none_match, accept_encoding)


for _view in VIEWS:
    router.add_api_route(f"/{_view}", view_page, methods=["GET"], name=f"{_view} page")


@router.get("/assets/{version}/{name:path}")
async def page_file(
    state: StateDep,
    version: Annotated[str, Path()],
    name: Annotated[str, Path()],
    if_none_match: IfNoneMatch = None,
    accept_encoding: AcceptEncoding = "",
) -> Response:
    """Return a file of the page."""
    page = _present(state.page)
    asset = page.files.get(name) if version == page.version else None
    if asset is None:
        raise ApiError(404, "NotFound", "the page has no such file; reload the page")
    return _response(asset, FILE_HEADERS, if_none_match, accept_encoding)


def _document(
    page: PageAssets | None, depth: int, if_none_match: str | None, accept_encoding: str
) -> Response:
    return _response(_present(page).document(depth), DOCUMENT_HEADERS, if_none_match, accept_encoding)


def _present(page: PageAssets | None) -> PageAssets:
    assert page is not None, "these routes are included with a page only"
    return page


def _response(
    asset: Asset, headers: Mapping[str, str], if_none_match: str | None, accept_encoding: str
) -> Response:
    """Return the file, compressed if the client reads gzip, or 304 if it has it."""
    headers = {**headers, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if if_none_match is not None and asset.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    if asset.compressed is not None and _reads_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, media_type=asset.media_type, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _reads_gzip(accept_encoding: str) -> bool:
    for each in accept_encoding.lower().split(","):
        name, _, quality = each.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
