"""The pages for a person: each one file that loads nothing from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

__all__ = ["page_routes"]

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def page_routes() -> APIRouter:
    """``/`` and ``/docs``."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    async def page() -> HTMLResponse:
        return _page("page.html")

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return _page("docs.html")

    return router


def _page(name: str) -> HTMLResponse:
    text, policy = _read(name)
    return HTMLResponse(
        text,
        headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"},
    )


@cache
def _read(name: str) -> tuple[str, str]:
    """A page, and the policy that lets nothing run in it but what is written in it."""
    text = (files("api") / name).read_text(encoding="utf-8")
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(text):
        hashes[kind].append(f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'")
    return text, (
        f"default-src 'none'; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
