"""The arguments that every kind of evaluation takes: which files or sets, who asks, how many questions."""

from argparse import ArgumentParser
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from knowledge.evaluation import READS, Say
from knowledge.evaluation_files import BadFile, GivenArticle, GivenQuestion, read_articles, read_questions
from knowledge.evaluation_sets import GivenSet, SetFiles, named, read_sets, sets_in


def add_arguments(parser: ArgumentParser, *, limited: bool = True) -> None:
    """`limited`: whether a number of questions of each set can be asked for."""
    add = parser.add_argument
    for name in ("--articles", "--questions"):
        add(name, type=Path, nargs="+", metavar="FILE", help="JSONL, plain or gzip")
    add("--set", nargs="+", default=[], dest="sets", metavar="NAME=DIR", help="sets, each in a folder")
    add("--data", type=Path, metavar="DIR", help="every set in the folders of this folder")
    add("--audience", choices=list(READS), default="public", help="who asks")
    add("--json", type=Path, dest="json_path", metavar="FILE", help="write rows and summary here")
    if limited:
        add("--limit", type=positive, metavar="N", help="ask N questions, the same ones each time")


def given_sets(options: dict[str, Any], say: Say) -> list[GivenSet]:
    """The sets that were named, read; or the files that were named one by one. Raises BadFile."""
    files = chosen(options)
    if files:
        return list(read_sets(files, say))
    if not options["articles"] or not options["questions"]:
        raise BadFile("Name the files with --articles and --questions, or the sets with --set or --data.")
    name = options["questions"][0].name.partition(".jsonl")[0]
    return [GivenSet(name, read_articles(options["articles"]), read_questions(options["questions"]))]


def about(
    questions: Sequence[GivenQuestion], articles: Sequence[GivenArticle], titles: Sequence[str]
) -> list[GivenQuestion]:
    """The questions about articles of these titles; without titles, all of them."""
    ids = {one.id for one in articles if one.title in titles}
    return [one for one in questions if not titles or ids & {*one.gold, *one.near}]


def check_titles(given: Sequence[GivenSet], titles: Sequence[str]) -> None:
    """Raises BadFile for a title that no article has."""
    known = {article.title for one in given for article in one.articles}
    if other := [title for title in titles if title not in known]:
        near = get_close_matches(other[0], known, n=3) or sorted(known)[:3]
        raise BadFile(f"No article is called {other[0]!r}; there is {', '.join(map(repr, near))}.")


def chosen(options: dict[str, Any]) -> list[SetFiles]:
    data = options["data"]
    return [one for text in options["sets"] for one in named(text)] + (sets_in(data) if data else [])


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)
