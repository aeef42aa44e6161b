"""The HTML pages. Each is one file that loads nothing from other servers."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

__all__ = ["content_security_policy", "page_routes", "secure_page"]

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


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


def secure_page(text: str) -> HTMLResponse:
    """Return a page with a policy that allows only its own inline scripts and styles."""
    return HTMLResponse(text, headers=_headers(content_security_policy(text)))


def content_security_policy(text: str) -> str:
    """Return the Content-Security-Policy of a self-contained page."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(text):
        allowed[kind].append(f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'")
    scripts, styles = (" ".join(allowed[kind]) or "'none'" for kind in ("script", "style"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _page(name: str) -> HTMLResponse:
    text, policy = _read(name)
    return HTMLResponse(text, headers=_headers(policy))


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


@cache
def _read(name: str) -> tuple[str, str]:
    text = (files("api") / name).read_text(encoding="utf-8")
    return text, content_security_policy(text)
