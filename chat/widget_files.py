"""The widget over the wire: its modules put together, without comments, compressed, in two requests and a language.

What is written in `static/widget/` runs as it is; nothing has to be built. This spares a customer twenty requests and
two thirds of the bytes. Each module becomes a function, so their names cannot meet.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers

SOURCE = Path(settings.BASE_DIR) / "static" / "widget"
SERVED = re.compile(r"support-chat\.js|panel\.js|strings/[a-z]{2}\.js")
IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./([\w-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
COMMENT = re.compile(r"^\s*//[^\n]*\n|^\s*/\*\*.*?\*/\s*\n|[ \t]+// [^\n\"'`]*(?=\n)", re.MULTILINE | re.DOTALL)
PRIVATE = re.compile(r"^\s*(?:async |get |set )?#(\w+)(?=[ (;])", re.MULTILINE)
MINUTES = 10


@dataclass(frozen=True, slots=True)
class File:
    text: bytes
    packed: bytes
    etag: str


def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Any site may load it: it is public code, and holds nothing of anybody."""
    if not SERVED.fullmatch(name) or not (SOURCE / name).is_file():
        raise Http404("The widget has no such file.")
    file = read(name, max(path.stat().st_mtime_ns for path in SOURCE.rglob("*.js")))
    if request.headers.get("If-None-Match") == file.etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = HttpResponse(file.packed if packed else file.text, content_type="text/javascript; charset=utf-8")
        if packed:
            response.headers["Content-Encoding"] = "gzip"
    response.headers["ETag"] = file.etag
    response.headers["Cache-Control"] = f"public, max-age={MINUTES * 60}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


@cache
def read(name: str, changed: int) -> File:
    """The file as it is sent; `changed` is the newest time of any source, so that an edit is seen at once."""
    text = (assemble(name) if name == "panel.js" else _shorten(lighten((SOURCE / name).read_text()))).encode()
    return File(text, gzip.compress(text, 9, mtime=0), f'"{hashlib.sha256(text).hexdigest()[:16]}"')


def assemble(entry: str) -> str:
    """One module that exports what `entry` exports, holding everything that it imports."""
    order: list[str] = []
    _collect(entry, order)
    parts = [_wrap(name) for name in order]
    return "".join(parts) + f"export {{ {', '.join(EXPORT.findall((SOURCE / entry).read_text()))} }};\n"


def lighten(text: str) -> str:
    """Without comments and indentation."""
    return re.sub(r"^[ \t]+|^\n", "", COMMENT.sub("", text), flags=re.MULTILINE)


def _shorten(text: str) -> str:
    """Private names of classes as letters: nobody outside the module can know them."""
    names = {
        name: f"#{chr(97 + at % 26)}{at // 26 or ''}" for at, name in enumerate(sorted(set(PRIVATE.findall(text))))
    }
    return re.sub(r"#(\w+)", lambda found: names.get(found[1], found[0]), text)


def _squeeze(text: str) -> str:
    """A style sheet without the spaces that only people need."""
    return re.sub(r"\b0\.", ".", re.sub(r"\s*([{};,])\s*", r"\1", text).replace(": ", ":"))


def _collect(name: str, order: list[str]) -> None:
    for _, other in IMPORT.findall((SOURCE / name).read_text()):
        if other not in order:
            _collect(other, order)
    order.append(name)


def _wrap(name: str) -> str:
    """A module as a function; what it exports is known to those after it, and no other name is."""
    source = (SOURCE / name).read_text()
    inside = lighten(EXPORT.sub("", IMPORT.sub("", source)))
    lean = _squeeze(inside) if name == "styles.js" else _shorten(inside)
    names = ", ".join(EXPORT.findall(source))
    return f"const {{ {names} }} = (() => {{\n{lean}return {{ {names} }};\n}})();\n"
