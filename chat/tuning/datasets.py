"""Data sets to learn from: the files of an evaluation, with the licence that each set is under."""

from dataclasses import dataclass
from pathlib import Path

from knowledge.evaluation_files import BadFile, GivenArticle, GivenQuestion, place_of, read_articles, read_questions

MAX_ARTICLES, MAX_QUESTIONS = 10_000, 10_000  # of a set: the sheets of more take longer to make than to learn
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
    article_files: tuple[Path, ...] = ()
    question_files: tuple[Path, ...] = ()

    def place(self, question_id: str) -> str:
        """File and line of a question."""
        return place_of(question_id, self.question_files)

    def article_place(self, article_id: str) -> str:
        """File and line of an article, or its file where each one has its own."""
        files = [path for path in self.article_files if path.is_file()]
        try:
            return place_of(article_id, files)
        except LookupError:
            return f"the article {article_id!r}"


def read_folder(folder: Path) -> Dataset:
    """A folder with `dev.articles.jsonl.gz` and `dev.questions.jsonl.gz` (or without `dev.` or `.gz`)."""
    return read_files(folder.name, [_only(folder, "articles")], [_only(folder, "questions")])


def read_files(name: str, articles: list[Path], questions: list[Path]) -> Dataset:
    """One data set, in which every question can be learned from what it names. BadFile tells the first that cannot."""
    by_id = {article.id: article for article in read_articles(articles)}
    asked = read_questions(questions)
    for what, count, most in (("articles", len(by_id), MAX_ARTICLES), ("questions", len(asked), MAX_QUESTIONS)):
        if count > most:
            raise BadFile(f"{name}: {count:,} {what} are more than a run learns from: give at most {most:,}")
    licence = LICENCES.get(name, "the operator's own")
    dataset = Dataset(name, licence, by_id, asked, tuple(articles), tuple(questions))
    for question in asked:
        if wrong := _wrong(question, by_id):
            raise BadFile(f"{dataset.place(question.id)}: question {question.id} {wrong}")
    return dataset


def refuse_repeated(dataset: Dataset) -> None:
    """BadFile where two lines ask the same of the same articles: the second would only weigh double."""
    first: dict[object, str] = {}
    for question in dataset.questions:
        words = " ".join(question.question.casefold().split())
        turns = tuple((turn["role"], turn["text"]) for turn in question.history)
        other = first.setdefault((words, turns, question.gold, question.near), question.id)
        if other != question.id:
            raise BadFile(
                f"{dataset.place(question.id)}: question {question.id} asks the same as {other} "
                f"({dataset.place(other)}): leave one of them out"
            )


def _wrong(question: GivenQuestion, articles: dict[str, GivenArticle]) -> str:
    """The rest of a sentence about the question; nothing where all is well."""
    for article_id in (*question.gold, *question.near):
        if article_id not in articles:
            return f"names the article {article_id!r}, which is not there"
    if question.answerable and not question.gold:
        return "is answerable but names no `gold_article_ids`"
    texts = [_flat(f"{articles[one].title} {articles[one].body}") for one in question.gold]
    if question.answerable and question.span and not any(_flat(question.span) in text for text in texts):
        return "has a `gold_span` that stands in none of its articles: copy it from the article, word for word"
    return ""


def _flat(text: str) -> str:
    return " ".join(text.split())


def _only(folder: Path, what: str) -> Path:
    for name in (f"dev.{what}.jsonl.gz", f"dev.{what}.jsonl", f"{what}.jsonl.gz", f"{what}.jsonl"):
        if (folder / name).is_file():
            return folder / name
    raise BadFile(f"{folder} holds no {what}.jsonl: a data set is a folder with articles.jsonl and questions.jsonl")
