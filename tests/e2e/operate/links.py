"""Whether the links of our pages lead somewhere: files that are there, headings that are there."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get, as code hosts make them."""
    seen: dict[str, int] = {}
    found = set()
    for line in without_code(page.read_text()).splitlines():
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def dead_links(page: Path, repository: Path) -> list[str]:
    """Relative links of a page that lead nowhere. Others are the web's, which is not asked here."""
    dead = []
    prose = re.sub(r"`[^`\n]*`", "", without_code(page.read_text()))
    for link in LINK.findall(prose):
        if not re.match(r"[a-z]+:", link) and not leads_somewhere(page, link, repository):
            dead.append(f"{page.relative_to(repository)}: {link}")
    return dead


def leads_somewhere(page: Path, link: str, repository: Path) -> bool:
    path, _, anchor = urllib.parse.unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(repository):
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors(target)
