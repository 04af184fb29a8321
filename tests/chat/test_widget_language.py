"""A widget may demand articles in the language of the question; otherwise they only come first."""

import pytest
from django.urls import reverse

from chat.models import Widget
from chat.storage import off_loop

pytestmark = pytest.mark.django_db
QUESTION = "How long does the Lieferung to Österreich take?"


@pytest.mark.parametrize("only", [False, True])
async def test_an_english_question_meets_a_german_article_unless_the_widget_says_otherwise(
    connect, shop, settings, only: bool
) -> None:
    settings.CHAT_ANSWERABLE_FLOOR = 0.0
    await off_loop(Widget.objects.filter(pk=shop.pk).update)(only_language=only)
    dora = await connect(locale="en")
    await dora.answer(QUESTION)
    titles = {source["title"] for frame in dora.frames if frame["type"] == "sources" for source in frame["sources"]}
    assert titles and ("Versand" in titles) is not only


def test_the_choice_is_on_the_widgets_page(admin_client, shop) -> None:
    page = admin_client.get(reverse("admin:chat_widget_change", args=[shop.pk])).content.decode()
    assert "Only in the customer&#x27;s language" in page and 'name="only_language"' in page
