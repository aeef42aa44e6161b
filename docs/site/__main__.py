"""Write the sources of the documentation site: the pages of ``docs`` and those that are generated from the code."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.site.commands import commands_page
from docs.site.flows import flows_page
from docs.site.settings import settings_page

ROOT = Path(__file__).resolve().parents[2]
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "flows.md": flows_page,
    "settings.md": settings_page,
}
_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#]*)(?:#[^)]*)?\)")


def main(folder: Path) -> None:
    """Replace the folder by the sources of the site. Raises ``ValueError`` if a page links to a missing file."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("site", "__pycache__"))
    for page in folder.rglob("*.md"):
        page.write_text(_without_links_to_code(page.read_text("utf-8"), page.relative_to(folder)), "utf-8")
    for name, generate in PAGES.items():
        (folder / name).write_text(generate(), "utf-8")


def _without_links_to_code(markdown: str, page: Path) -> str:
    """Replace the links out of ``docs`` by the paths in the project: the site holds the pages only."""

    def replace(link: re.Match[str]) -> str:
        text, path = link.groups()
        if not (ROOT / path).exists():
            raise ValueError(f"docs/{page} links to {path}, which does not exist")
        return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"

    return _OUTSIDE.sub(replace, markdown)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
