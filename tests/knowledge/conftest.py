"""Ada and Bea write articles."""

import pytest
from django.contrib.auth import get_user_model

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
