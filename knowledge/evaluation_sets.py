"""Sets of articles and questions that an evaluation runs on: single files, named folders, or a folder of folders."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.evaluation_files import BadFile, GivenArticle, GivenQuestion, read_articles, read_questions

ARTICLES, QUESTIONS = ".articles.jsonl", ".questions.jsonl"
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class SetFiles:
    name: str
    articles: tuple[Path, ...]
    questions: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class GivenSet:
    name: str
    articles: list[GivenArticle]
    questions: list[GivenQuestion]


def sets_in(folder: Path) -> list[SetFiles]:
    """The folder itself if it holds `NAME.articles.jsonl` (maybe .gz), else each folder in it that does.

    A set is named by its folder; where a folder holds two halves, by folder and half. Raises BadFile.
    """
    if not folder.is_dir():
        raise BadFile(f"{folder}: no such folder")
    found = list(_sets_of(folder))
    for inside in sorted(path for path in folder.iterdir() if path.is_dir()):
        found += list(_sets_of(inside))
    if not found:
        raise BadFile(f"{folder}: neither it nor a folder in it holds a file *{ARTICLES}")
    return found


def _sets_of(folder: Path) -> Iterator[SetFiles]:
    if next((folder / "articles").glob("*.md"), None):  # markdown with front matter, as the demo content is kept
        for asked in sorted(folder.glob("questions.*.jsonl*")):
            yield SetFiles(f"{folder.resolve().name}/{asked.name.split('.')[1]}", (folder,), (asked,))
    halves = sorted(folder.glob(f"*{ARTICLES}*"))
    for articles in halves:
        half = articles.name.partition(ARTICLES)[0]
        questions = tuple(sorted(folder.glob(f"{half}{QUESTIONS}*")))
        name = folder.resolve().name
        yield SetFiles(name if len(halves) == 1 else f"{name}/{half}", (articles,), questions[:1])


def named(text: str) -> list[SetFiles]:
    """`NAME=FOLDER` as it is typed."""
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise BadFile(f"{text} is not NAME=FOLDER")
    found = sets_in(Path(folder))
    return [
        SetFiles(name if len(found) == 1 else f"{name}/{one.name.rpartition('/')[2]}", one.articles, one.questions)
        for one in found
    ]


def read_sets(files: Sequence[SetFiles], say: Say) -> Iterator[GivenSet]:
    """One at a time; a set without questions, or whose questions name no article, is left out with a line."""
    for one in files:
        if not one.questions:
            say(f"{one.name}: left out, no file *{QUESTIONS} beside its articles")
            continue
        given = GivenSet(one.name, read_articles(one.articles), read_questions(one.questions))
        if not any(question.answerable and question.gold for question in given.questions):
            say(f"{one.name}: left out, no question names the article that answers it")
            continue
        yield given
