"""Articles and questions of an evaluation, read from JSONL (plain or gzip). A bad line is refused with its place.

Article: `id, title, body_markdown`, and maybe `audience`, `lang`, `category`; or a folder of markdown files with front
matter.
Question: `id, question`, and maybe `history`, `gold_article_ids`, `answerable`, `gold_span` (the words of the
article that answer), `gold_answer`, and in `meta` its `kind` and `near_article_ids`. More fields are not read.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from knowledge.demo import read_article
from knowledge.models import LANGUAGES, MAX_BODY_CHARS, Audience

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_FILE_BYTES = 1024 * 1024 * 1024  # unpacked: a small file may unpack to any length
MAX_ROWS = 200_000
MAX_TITLE_CHARS = 200
KNOWN_LANGUAGES = {code for code, _ in LANGUAGES}
Row = TypeVar("Row", "GivenArticle", "GivenQuestion")


class BadFile(ValueError):
    """The text names file and line, and says what is wrong there."""


@dataclass(frozen=True, slots=True)
class GivenArticle:
    id: str
    title: str
    body: str
    audience: str
    language: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class GivenQuestion:
    id: str
    question: str
    history: list[dict[str, str]]
    gold: tuple[str, ...]
    answerable: bool
    span: str = ""
    answer: str = ""
    near: tuple[str, ...] = ()  # articles on the subject that do not answer it
    kind: str = ""


def read_articles(paths: Sequence[Path]) -> list[GivenArticle]:
    folders = [path for path in paths if path.is_dir()]
    articles = [article for folder in folders for article in _folder(folder)]
    files = [path for path in paths if not path.is_dir()]
    return articles + (_read(files, _article) if files else [])


def read_questions(paths: Sequence[Path]) -> list[GivenQuestion]:
    return _read(paths, _question)


def place_of(row_id: str, paths: Sequence[Path]) -> str:
    """File and line of a row that was read from one of the files."""
    for path in paths:
        for number, line in _lines(path):
            if json.loads(line).get("id") == row_id:
                return f"{path}, line {number}"
    raise LookupError(row_id)


def _folder(folder: Path) -> Iterator[GivenArticle]:
    """Markdown files with front matter, in the folder or in its `articles` folder; the file's name is the id."""
    files = sorted((folder / "articles").glob("*.md")) or sorted(folder.glob("*.md"))
    if not files:
        raise BadFile(f"{folder}: no markdown files")
    for path in files:
        try:
            facts, body = read_article(path)
            yield _article({"id": path.stem, "body_markdown": body} | facts)
        except (ValueError, OSError) as error:
            raise BadFile(f"{path}: {error}") from None


def _article(row: dict[str, Any]) -> GivenArticle:
    title = _text(row, "title", required=False).strip() or _text(row, "id")
    audience, language = row.get("audience") or "public", str(row.get("lang") or row.get("language") or "en")[:2]
    if audience not in Audience.values:
        raise ValueError(f"`audience` is {audience!r}, not one of {', '.join(Audience.values)}")
    body = _text(row, "body_markdown", required=False)
    return GivenArticle(
        id=_text(row, "id"),
        title=title[:MAX_TITLE_CHARS],
        body=(body if body.strip() else title)[:MAX_BODY_CHARS],
        audience=audience,
        language=language if language in KNOWN_LANGUAGES else "en",
        category=str(row.get("category") or "")[:MAX_TITLE_CHARS],
    )


def _question(row: dict[str, Any]) -> GivenQuestion:
    history, gold = row.get("history") or [], row.get("gold_article_ids") or []
    if not isinstance(history, list) or not all(_is_turn(turn) for turn in history):
        raise ValueError("`history` is not a list of {role, text}")
    if not isinstance(gold, list) or not all(isinstance(article, str) for article in gold):
        raise ValueError("`gold_article_ids` is not a list of texts")
    answerable = row.get("answerable", True)
    if not isinstance(answerable, bool):
        raise ValueError("`answerable` is neither true nor false")
    if not isinstance(row.get("question"), str):
        raise ValueError("`question` is missing or is no text")
    meta = row.get("meta") or {}
    if not isinstance(meta, dict) or not isinstance(meta.get("near_article_ids") or [], list):
        raise ValueError("`meta` is not an object, or its `near_article_ids` is not a list")
    return GivenQuestion(
        _text(row, "id"),
        row["question"],
        history,
        tuple(gold),
        answerable,
        span=_text(row, "gold_span", required=False),
        answer=_text(row, "gold_answer", required=False),
        near=tuple(str(article) for article in meta.get("near_article_ids") or []),
        kind=str(meta.get("kind") or meta.get("answerability") or ""),
    )


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("text"), str)


def _text(row: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = row.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise ValueError(f"`{name}` is missing or is no text")
    return value


def _read(paths: Sequence[Path], make: Callable[[dict[str, Any]], Row]) -> list[Row]:
    rows: list[Row] = []
    seen: set[str] = set()
    for path in paths:
        for number, line in _lines(path):
            try:
                row = json.loads(line.decode("utf-8-sig"))
                if not isinstance(row, dict):
                    raise ValueError('the line is not a JSON object, such as {"id": ...}')
                if b"\\u" in line:
                    _refuse_half_characters(row)
                made = make(row)
                if made.id in seen:
                    raise ValueError(f"`id` {made.id!r} was there before")
            except UnicodeDecodeError:
                raise BadFile(f"{path}, line {number}: the text is not UTF-8: save the file as UTF-8") from None
            except json.JSONDecodeError as error:
                wrong = f"not JSON ({error.msg} at column {error.colno}): each line must hold one object"
                raise BadFile(f"{path}, line {number}: {wrong}") from None
            except (ValueError, RecursionError) as error:
                raise BadFile(f"{path}, line {number}: {error}") from None
            seen.add(made.id)
            rows.append(made)
            if len(rows) > MAX_ROWS:
                raise BadFile(f"{path}, line {number}: more than {MAX_ROWS:,} rows")
    if not rows:
        raise BadFile(f"{', '.join(map(str, paths))}: no rows")
    return rows


def _refuse_half_characters(row: dict[str, Any]) -> None:
    """JSON may name one half of a pair of surrogates, which nothing can store or hash."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half a character (a lone surrogate, such as \\ud83d) stands in it: leave it out") from None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not empty; gzip is known by its first bytes, whatever the file is called."""
    number = total = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else raw as file:
                while line := file.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    if len(line) > MAX_LINE_BYTES:
                        raise BadFile(f"{path}, line {number}: longer than {MAX_LINE_BYTES // 2**20} MiB")
                    if (total := total + len(line)) > MAX_FILE_BYTES:
                        raise BadFile(f"{path}, line {number}: the file is longer than {MAX_FILE_BYTES // 2**20:,} MiB")
                    if line.strip():
                        yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{path}, after line {number}: the gzip file is damaged or cut short ({error})") from None
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror or error}") from None
