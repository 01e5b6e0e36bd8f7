"""Writes the pages of MATLAB's help browser: `python -m clients.matlab.help_pages`; `make docs` does so too.

They go to `build/matlab_help`: `info.xml`, by which MATLAB finds them once the folder is on its path, and `html` with
`helptoc.xml`, the pages of `docs/matlab`, the pages that these link to, a page for each public name, and the examples.
The build file of the toolbox packs the folder.
"""

from __future__ import annotations

import html
import posixpath
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import markdown
import yaml

from clients.matlab.generate_help import SECTIONS
from clients.matlab.public_names import TOOLBOX, Class, Function, public

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = TOOLBOX / "examples"
TARGET = ROOT / "build" / "matlab_help"

_EXTENSIONS = ["admonition", "attr_list", "pymdownx.highlight", "pymdownx.superfences", "tables", "toc"]
_LINK = re.compile(r'<a href="(?P<target>[^"]+)">(?P<text>.*?)</a>', re.DOTALL)
_IMAGE = re.compile(r'src="(?P<target>[^"]+)"')
_INFO = """<?xml version="1.0" encoding="utf-8"?>
<productinfo xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="optional">
  <matlabrelease>R2019b</matlabrelease>
  <name>Levada</name>
  <type>toolbox</type>
  <icon></icon>
  <help_location>html</help_location>
</productinfo>
"""
_STYLE = """body { font-family: sans-serif; line-height: 1.4; margin: 1.5em; max-width: 60em; }
pre, code { font-family: monospace; background: #f5f5f5; }
pre { padding: 0.7em; overflow-x: auto; }
table { border-collapse: collapse; }
td, th { border: 1px solid #ccc; padding: 0.2em 0.6em; text-align: left; vertical-align: top; }
"""


def write(folder: Path) -> None:
    """Write all pages into a folder, in place of what it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "html"
    place.mkdir(parents=True)
    (folder / "info.xml").write_text(_INFO, encoding="utf-8")
    (place / "style.css").write_text(_STYLE, encoding="utf-8")
    own = {f"matlab/{Path(path).name}": title for title, path in _own_pages()}
    texts = {path: (DOCS / path).read_text(encoding="utf-8") for path in own}
    linked = sorted({target for path in own for target in _linked(path, texts[path])} - set(own))
    texts |= {path: (DOCS / path).read_text(encoding="utf-8") for path in linked}
    for path, text in texts.items():
        (place / page_name(path)).write_text(_page(path, text, set(texts), place), encoding="utf-8")
    more = {path: _title(texts[path]) for path in linked}
    names = [(f"levada.{found.name}", found) for found in public()]
    for name, found in names:
        (place / f"{name}.html").write_text(_framed(name, _reference(found)), encoding="utf-8")
    (place / "functions.html").write_text(_framed("Functions", _functions()), encoding="utf-8")
    examples = {file.stem: file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.glob("*.m"))}
    for name, text in examples.items():
        (place / f"example-{name}.html").write_text(_framed(_first_title(text), example(name, text)), encoding="utf-8")
    toc: list[_Item] = [(title, page_name(path), []) for path, title in own.items()]
    toc.append(
        (
            "Examples",
            "examples.html",
            [(_first_title(text), f"example-{name}.html", []) for name, text in examples.items()],
        )
    )
    toc.append(("Functions", "functions.html", [(name, f"{name}.html", []) for name, _ in names]))
    toc.append(("Further pages", "further.html", [(title, page_name(path), []) for path, title in more.items()]))
    for title, target, below in toc:
        if below and not (place / target).exists():
            (place / target).write_text(_framed(title, _list(below)), encoding="utf-8")
    (place / "index.html").write_text(_framed("Levada", f"<h1>Levada</h1>\n{_list(toc)}"), encoding="utf-8")
    lines = [
        "<?xml version='1.0' encoding=\"utf-8\"?>",
        '<toc version="2.0">',
        *_items([("Levada", "index.html", toc)], 1),
        "</toc>",
    ]
    (place / "helptoc.xml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def page_name(path: str) -> str:
    """Return the file of a page of the documentation: those of MATLAB keep their names."""
    return path.removeprefix("matlab/").removesuffix(".md").replace("/", "-") + ".html"


def example(name: str, text: str) -> str:
    """Return an example as HTML: the texts between its code, and the code."""
    parts = [f'<p><a href="matlab:edit {name}">Open this example</a></p>']
    code: list[str] = []
    prose: list[str] = []

    def end() -> None:
        if "".join(prose).strip():
            parts.append(markdown.markdown("\n".join(prose)))
        if "".join(code).strip():
            parts.append(f"<pre>{html.escape(chr(10).join(code).strip())}</pre>")
        prose.clear()
        code.clear()

    heading = False
    for line in text.split("\n"):
        if line.startswith("%% "):
            end()
            parts.append(f"<h{1 if len(parts) == 1 else 2}>{html.escape(line[3:])}</h{1 if len(parts) == 1 else 2}>")
            heading = True
        elif heading and line.startswith("%"):
            prose.append(re.sub(r"\|([^|]+)\|", r"`\1`", line.removeprefix("%").strip()))
        else:
            heading = False
            code.append(line)
    end()
    return "\n".join(parts)


_Item = tuple[str, str, "list[_Item]"]


def _own_pages() -> Iterator[tuple[str, str]]:
    """Yield the title and the path of each page of MATLAB, in the order of mkdocs.yml."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    for entry in next(entry["MATLAB"] for entry in navigation if "MATLAB" in entry):
        yield from entry.items()


def _linked(path: str, text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)#]+\.md)", text):
        if ":" not in target:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _page(path: str, text: str, kept: set[str], place: Path) -> str:
    """Return a page of the documentation as HTML. Links to pages that are not here become plain text."""

    def link(match: re.Match[str]) -> str:
        target, hash_sign, anchor = match["target"].partition("#")
        if ":" in target or not target:
            return match[0]
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if found in kept:
            return f'<a href="{page_name(found)}{hash_sign}{anchor}">{match["text"]}</a>'
        return match["text"]

    def image(match: re.Match[str]) -> str:
        source = DOCS / posixpath.dirname(path) / match["target"]
        shutil.copyfile(source, place / source.name)
        return f'src="{source.name}"'

    rendered = markdown.markdown(text, extensions=_EXTENSIONS, output_format="html")
    return _framed(_title(text), _IMAGE.sub(image, _LINK.sub(link, rendered)))


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _first_title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("%% ")


def _framed(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><link rel="stylesheet" href="style.css">'
    return f"<!DOCTYPE html>\n<html><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def _reference(found: Function | Class) -> str:
    parts = [f"<h1>levada.{found.name}</h1>", f"<pre>{html.escape(chr(10).join(found.help))}</pre>"]
    for method in found.methods if isinstance(found, Class) else ():
        if method.name != found.name:
            parts.append(f'<h2 id="{method.name}">{method.name}</h2>')
            parts.append(f"<pre>{html.escape(chr(10).join(method.help))}</pre>")
    return "\n".join(parts)


def _functions() -> str:
    sentences = {found.name: found.sentence for found in public()}
    parts = ["<h1>Functions and classes</h1>"]
    for title, names in SECTIONS.items():
        rows = "\n".join(
            f'<tr><td><a href="levada.{name}.html">levada.{name}</a></td><td>{html.escape(sentences[name])}</td></tr>'
            for name in names
        )
        parts += [f"<h2>{title}</h2>", f"<table>\n{rows}\n</table>"]
    return "\n".join(parts)


def _list(items: list[_Item]) -> str:
    lines = (f'<li><a href="{target}">{html.escape(title)}</a></li>' for title, target, _ in items)
    return "<ul>\n" + "\n".join(lines) + "\n</ul>"


def _items(items: list[_Item], depth: int) -> Iterator[str]:
    for title, target, below in items:
        opening = f"{'  ' * depth}<tocitem target={quoteattr(target)}>{escape(title)}"
        if below:
            yield opening
            yield from _items(below, depth + 1)
            yield f"{'  ' * depth}</tocitem>"
        else:
            yield f"{opening}</tocitem>"


if __name__ == "__main__":
    write(TARGET)
