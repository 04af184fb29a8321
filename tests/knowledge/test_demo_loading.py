"""The demo shop's articles are published once, and staff's own edits of them stay."""

import pytest

from knowledge import demo, publishing, tasks
from knowledge.models import Article, Chunk, Revision


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


def test_every_article_is_published_once(db):
    count = len(list(demo.ARTICLES.glob("*.md")))
    assert demo.load() == count > 10
    assert Article.objects.filter(status="published").count() == count
    assert Chunk.objects.filter(live=True).count() > count
    assert demo.load() == 0
    assert Revision.objects.count() == count


def test_what_staff_made_of_an_article_stays(db, ada):
    demo.load()
    article = Article.objects.get(slug="returns-policy")
    article.body = "Sixty days."
    publishing.publish(article=article, by=ada)
    demo.load()
    assert Article.objects.get(slug="returns-policy").body == "Sixty days."


def test_a_file_without_front_matter_is_refused_by_name(tmp_path):
    path = tmp_path / "plain.md"
    path.write_text("Just words.")
    with pytest.raises(ValueError, match=r"plain\.md"):
        demo.read_article(path)
