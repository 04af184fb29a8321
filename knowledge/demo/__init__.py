"""The demo shop's articles, published through the same verbs as everybody's."""

import datetime
from pathlib import Path

from django.utils.text import slugify

from knowledge import publishing
from knowledge.models import Article, Category

ARTICLES = Path(__file__).resolve().parent / "articles"


def load() -> int:
    """Publish the demo articles that are not there yet; what staff made of the others is left alone. Gives how many."""
    there = set(Article.objects.values_list("slug", flat=True))
    new = [path for path in sorted(ARTICLES.glob("*.md")) if path.stem not in there]
    for path in new:
        facts, body = read_article(path)
        article = Article(
            slug=path.stem,
            title=facts["title"],
            body=body,
            category=_category(facts["category"]),
            audience=facts["audience"],
            language=facts["language"],
            review_date=datetime.date.fromisoformat(facts["review_date"]),
        )
        publishing.publish(article=article, by=None, note="Demo content")
    return len(new)


def read_article(path: Path) -> tuple[dict[str, str], str]:
    """The front matter (`name: value` lines between two `---`) and the body of a markdown file."""
    opening, _, rest = path.read_text(encoding="utf-8").partition("---\n")
    front, fence, body = rest.partition("\n---\n")
    if opening or not fence:
        raise ValueError(f"{path.name} does not begin with front matter between two lines of ---")
    lines = (line.partition(":") for line in front.splitlines() if line.strip())
    return {name.strip(): value.strip().strip('"') for name, _, value in lines}, body.strip()


def _category(name: str) -> Category:
    category, _ = Category.objects.get_or_create(slug=slugify(name), defaults={"name": name})
    return category
