"""Hook of mkdocs: pages link to files outside docs/; the site carries these, too."""

import re
from pathlib import Path
from posixpath import dirname, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)")


def outside(page: str, link: str) -> str | None:
    """The repository's path that a link leads to, None if it stays within docs/.

    Args:
        page: Path of the page below docs/.
        link: As it stands there.
    """
    target = normpath(f"docs/{dirname(page)}/{link}")
    inside = target.startswith(("docs/", ".."))
    return None if inside or not (ROOT / target).is_file() else target


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that pages link to."""
    for page in list(files.documentation_pages()):
        for link in LINK.findall(page.content_string):
            target = outside(page.src_uri, link)
            if target and f"files/{target}" not in files.src_uris:
                source = str(ROOT / target)
                files.append(File.generated(config, f"files/{target}", abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads the links there."""
    here = page.file.src_uri

    def lead(match: re.Match[str]) -> str:
        target = outside(here, match[1])
        return f"]({relpath(f'files/{target}', dirname(here) or '.')}" if target else match[0]

    return LINK.sub(lead, markdown)
