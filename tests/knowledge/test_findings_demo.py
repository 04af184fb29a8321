"""With the real encoder on the demo's own articles: a planted copy is found, and nothing else is called one."""

import pytest

from knowledge import indexing, publishing, tasks
from knowledge.demo import ARTICLES, read_article
from knowledge.findings import checkups
from knowledge.models import Article, Finding

NAMES = (
    "refund-times", "returns-policy", "return-by-post", "delivery-options-and-prices", "exchange-an-item",
    "retours-depuis-la-france",
)  # fmt: skip
COPY = """Refunds to an expired or replaced card reach the same bank account. If the account itself is closed, call
01632 960555 before you send the parcel and we will arrange a bank transfer. Ask in any shop.

## How long you have

Items that are unused can be returned within 45 days. Keep the box until you know."""


@pytest.fixture
def demo(delivery, model_server, monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)
    for name in NAMES:
        facts, body = read_article(ARTICLES / f"{name}.md")
        article = Article(slug=name, title=facts["title"], body=body, category=delivery, language=facts["language"])
        publishing.publish(article=article, by=None)


def test_a_planted_copy_is_found_and_contradicts(demo, delivery):
    planted = Article(slug="planted", title="Old page about money", body=COPY, category=delivery)
    publishing.publish(article=planted, by=None)
    indexing.embed_stale()
    checkups.check_due(seconds=60)
    of_two = Finding.objects.exclude(kind="broken_link").select_related("article", "other")
    assert {frozenset((each.article.slug, each.other.slug)) for each in of_two} == {
        frozenset(("planted", "refund-times")), frozenset(("planted", "returns-policy")),
    }  # fmt: skip
    kinds = {(each.kind, next(slug for slug in (each.article.slug, each.other.slug) if slug != "planted"))
             for each in of_two}  # fmt: skip
    assert kinds == {
        ("overlap", "refund-times"), ("contradiction", "refund-times"), ("contradiction", "returns-policy"),
    }  # fmt: skip
