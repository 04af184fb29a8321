"""Data sets to learn from: the files of an evaluation, with the licence that each set is under."""

from dataclasses import dataclass
from pathlib import Path

from knowledge.evaluation_files import BadFile, GivenArticle, GivenQuestion, place_of, read_articles, read_questions

LICENCES = {
    "demo": "MIT",
    "squad2": "CC BY-SA 4.0",
    "techqa": "Apache-2.0",
    "mtrag_un": "Apache-2.0",
    "wixqa": "MIT",
    "dstc11_faq": "CDLA-Sharing-1.0",
    "stackfaq": "CC BY-SA 3.0",
    "awsdocs": "CC BY-SA 4.0",
}


@dataclass(frozen=True, slots=True)
class Dataset:
    name: str
    licence: str
    articles: dict[str, GivenArticle]
    questions: list[GivenQuestion]


def read_folder(folder: Path) -> Dataset:
    """A folder with `dev.articles.jsonl.gz` and `dev.questions.jsonl.gz` (or without `dev.` or `.gz`)."""
    return read_files(folder.name, [_only(folder, "articles")], [_only(folder, "questions")])


def read_files(name: str, articles: list[Path], questions: list[Path]) -> Dataset:
    """One data set; every article that a question names must be there."""
    by_id = {article.id: article for article in read_articles(articles)}
    asked = read_questions(questions)
    for question in asked:
        for article_id in (*question.gold, *question.near):
            if article_id not in by_id:
                raise BadFile(
                    f"{place_of(question.id, questions)}: question {question.id} names the article {article_id!r}, "
                    "which is not there"
                )
        if question.answerable and not question.gold:
            place = place_of(question.id, questions)
            raise BadFile(f"{place}: question {question.id} is answerable but names no `gold_article_ids`")
    return Dataset(name, LICENCES.get(name, "the operator's own"), by_id, asked)


def _only(folder: Path, what: str) -> Path:
    for name in (f"dev.{what}.jsonl.gz", f"dev.{what}.jsonl", f"{what}.jsonl.gz", f"{what}.jsonl"):
        if (folder / name).is_file():
            return folder / name
    raise BadFile(f"{folder} holds no {what}.jsonl")
