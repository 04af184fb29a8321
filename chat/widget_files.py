"""The widget over the wire: its modules put together, without comments, compressed, in two requests and a language.

What is written in `static/widget/` runs as it is; nothing has to be built. This spares a customer twenty requests and
two thirds of the bytes.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseNotModified
from django.utils.cache import patch_vary_headers

from chat.widget_text import lighten, nicknames, rename

SOURCE = Path(settings.BASE_DIR) / "static" / "widget"
SERVED = re.compile(r"support-chat\.js|panel\.js|strings/[a-z]{2}\.js")
IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./([\w-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
TOP = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)
# What resembles each other stands together: compression looks back 32 KB only. Found by trying; it saves 0.3 KB.
ORDER = [
    "styles", "dom", "header", "past", "first", "turns", "form", "messages", "notices", "panel", "rating", "preview",
    "record", "contact", "scrolling", "prose", "composer", "session", "connection", "store", "surface", "markdown",
    "strings", "transcript",
]  # fmt: skip
MINUTES = 10


@dataclass(frozen=True, slots=True)
class File:
    text: bytes
    packed: bytes
    etag: str


def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Any site may load it: it is public code, and holds nothing of anybody."""
    if not SERVED.fullmatch(name) or not (SOURCE / name).is_file():
        return HttpResponseNotFound("The widget has no such file.", content_type="text/plain; charset=utf-8")
    file = read(name, max(path.stat().st_mtime_ns for path in SOURCE.rglob("*.js")))
    if request.headers.get("If-None-Match") == file.etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = HttpResponse(file.packed if packed else file.text, content_type="text/javascript; charset=utf-8")
        if packed:
            response.headers["Content-Encoding"] = "gzip"
    response.headers["ETag"] = file.etag
    patch_vary_headers(response, ["Accept-Encoding"])
    return for_all(response, MINUTES)


def for_all(response: HttpResponse, minutes: int) -> HttpResponse:
    """Any site may read it, and keep it for so long."""
    response.headers["Cache-Control"] = f"public, max-age={minutes * 60}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@cache
def read(name: str, changed: int) -> File:
    """The file as it is sent; `changed` is the newest time of any source, so that an edit is seen at once."""
    text = assemble(name).encode()
    return File(text, gzip.compress(text, 9, mtime=0), f'"{hashlib.sha256(text).hexdigest()[:16]}"')


def assemble(entry: str) -> str:
    """One module that exports what `entry` exports, holding everything that it imports.

    All share one scope: ValueError where two modules give the same name to something. Nothing runs before all of it is
    there, so the order is free.
    """
    modules: set[str] = set()
    _collect(entry, modules)
    sources = [(SOURCE / name).read_text() for name in sorted(modules, key=_place)]
    given = [name for source in sources for name in TOP.findall(source)]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ValueError(f"Two modules of the widget have a name in common: {', '.join(twice)}. Rename one of each.")
    names = nicknames(sources)
    text = "".join(lighten(rename(EXPORT.sub("", IMPORT.sub("", source)), names)) for source in sources)
    exported = EXPORT.findall((SOURCE / entry).read_text())
    return text + f"export{{{','.join(exported)}}};\n" if exported else text


def _place(name: str) -> tuple[int, str]:
    stem = name.removesuffix(".js")
    return ORDER.index(stem) if stem in ORDER else len(ORDER), name


def _collect(name: str, names: set[str]) -> None:
    names.add(name)
    for _, other in IMPORT.findall((SOURCE / name).read_text()):
        if other not in names:
            _collect(other, names)
