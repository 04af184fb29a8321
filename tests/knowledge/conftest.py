"""Ada and Bea write articles."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User

from knowledge import import_pass, publishing, tasks
from knowledge.models import Article, Category


@pytest.fixture
def ada(db):
    return get_user_model().objects.create_user("ada", "ada@larkfield.example", is_staff=True)


@pytest.fixture
def bea(db):
    return get_user_model().objects.create_user("bea", "bea@larkfield.example", is_staff=True)


@pytest.fixture
def delivery(db) -> Category:
    return Category.objects.create(name="Delivery", slug="delivery")


@pytest.fixture
def prices(delivery) -> Article:
    """An article that is written and not yet saved."""
    return Article(
        slug="delivery-prices",
        title="Delivery prices",
        body="Standard delivery costs £3.95.\n\n## Saturday\n\nSaturday costs £9.95."
        "\n\n## Islands\n\nIslands cost £14.",
        category=delivery,
    )


@pytest.fixture
def saved(prices, ada) -> Article:
    return publishing.save_draft(article=prices, by=ada)


@pytest.fixture
def no_hints(monkeypatch) -> None:
    """No worker is asked for anything: the test does it itself where it matters."""
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


def may(user: User, *verbs: str) -> None:
    names = [f"{verb}_article" for verb in verbs]
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="knowledge", codename__in=names))


def seems_to_hold(monkeypatch, found: list) -> None:
    """Whatever is imported from gives what stands in the list; an exception in it is raised."""

    def read(kind, location, *, limits, tick=None):
        for each in found:
            if isinstance(each, BaseException):
                raise each
            yield each

    monkeypatch.setattr(import_pass, "read", read)
