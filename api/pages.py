"""The HTML pages. Each is one file that loads nothing from other servers."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

__all__ = ["page_routes", "secure_headers"]

_NONCE = "{{ nonce }}"


def page_routes() -> APIRouter:
    """Return the routes ``/`` and ``/docs``."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    async def page() -> HTMLResponse:
        return _page("page.html")

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return _page("docs.html")

    return router


def secure_headers(nonce: str, *, runs_scripts: bool) -> dict[str, str]:
    """Return the headers of a self-contained page, which allow only the styles and scripts that have the nonce.

    Args:
        nonce: A random text of this response. Markup that a page contains by mistake cannot know it.
        runs_scripts: Whether scripts with the nonce are allowed; otherwise none are.
    """
    scripts = f"'nonce-{nonce}'" if runs_scripts else "'none'"
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'nonce-{nonce}'; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def _page(name: str) -> HTMLResponse:
    nonce = secrets.token_urlsafe()
    return HTMLResponse(_read(name).replace(_NONCE, nonce), headers=secure_headers(nonce, runs_scripts=True))


@cache
def _read(name: str) -> str:
    return (files("api") / name).read_text(encoding="utf-8")
