"""Was this helpful? Dora votes without JavaScript; Ada sees in her list how articles fare."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from knowledge import helpful, publishing, tasks
from knowledge.models import Article, HelpfulVote

ADDRESS = "/help/delivery-prices/helpful/"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article: None)


@pytest.fixture
def published(prices, ada) -> Article:
    publishing.publish(article=prices, by=ada)
    return prices


def browser(**more) -> Client:
    """One that has its forms checked, as real ones have."""
    return Client(enforce_csrf_checks=True, **more)


def vote(client, said="yes", address="/help/delivery-prices/"):
    """Press a button of the form that is on the page."""
    text = client.get(address).content.decode()
    form = re.search(r'<form id="helpful".*?action="([^"]+)" method="post">(.*?)</form>', text, re.DOTALL)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form[2])[1]
    return client.post(form[1], {"csrfmiddlewaretoken": token, "helpful": said})


def test_a_vote_is_kept_and_the_page_says_so(published):
    dora = browser()
    done = vote(dora)
    assert (done.status_code, done.headers["Location"]) == (303, "/help/delivery-prices/#helpful")
    assert "You found it helpful" in dora.get("/help/delivery-prices/").content.decode()
    assert HelpfulVote.objects.get().revision_id == published.live_revision_id
    assert "You found it" not in browser().get("/help/delivery-prices/").content.decode()


def test_a_visitor_votes_once_and_may_think_better_of_it(published):
    dora = browser()
    for said in ("yes", "yes", "no"):
        vote(dora, said)
    assert HelpfulVote.objects.get().helpful is False
    assert "You found it not helpful" in dora.get("/help/delivery-prices/").content.decode()
    vote(browser())
    assert HelpfulVote.objects.count() == 2


def test_what_is_kept_of_a_visitor_names_nobody(published):
    dora = browser()
    vote(dora)
    cookie = dora.cookies[helpful.COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/help/"
    kept = HelpfulVote.objects.get().visitor
    assert re.fullmatch("[0-9a-f]{64}", kept) and cookie.value not in kept


def test_a_vote_from_another_site_is_refused(published):
    dora = browser()
    dora.get("/help/delivery-prices/")
    for said in ({"helpful": "yes"}, {"helpful": "yes", "csrfmiddlewaretoken": "x" * 64}):
        assert dora.post(ADDRESS, said).status_code == 403
    assert dora.get(ADDRESS).status_code == 405
    assert not HelpfulVote.objects.exists()


@pytest.mark.parametrize("said", ["", "maybe", "yes\0", "1"])
def test_neither_yes_nor_no_is_not_counted(published, said):
    page = vote(browser(), said)
    assert page.status_code == 400 and "was not counted" in page.content.decode()
    assert not HelpfulVote.objects.exists()


def test_what_a_reader_may_not_see_takes_no_votes(client, published, ada):
    published.audience = "internal"
    publishing.save_draft(article=published, by=ada)
    assert client.post(ADDRESS, {"helpful": "yes"}).status_code == 404
    published.audience = "public"
    publishing.archive(article=published, by=ada)
    assert client.post(ADDRESS, {"helpful": "yes"}).status_code == 404
    assert client.post("/help/no-such/helpful/", {"helpful": "yes"}).status_code == 404


@pytest.mark.parametrize("word", ["x" * 5000, "\u0001", "'; drop table--"])
def test_a_cookie_that_is_none_of_ours_does_no_harm(client, published, word):
    client.cookies[helpful.COOKIE] = word
    assert client.get("/help/delivery-prices/").status_code == 200
    assert client.post(ADDRESS, {"helpful": "yes"}).status_code == 303
    assert HelpfulVote.objects.count() == 1


def test_one_address_cannot_vote_without_end(published, settings):
    settings.HELP_VOTES_PER_MINUTE = 2
    answers = [vote(browser(REMOTE_ADDR="192.0.2.211")) for _ in range(5)]  # five, should a minute end between them
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "from your network" in refused.content.decode() and refused.headers["Retry-After"] == "60"
    assert HelpfulVote.objects.count() < 5


def test_one_address_votes_a_few_times_a_day_for_one_article(published, settings, monkeypatch):
    monkeypatch.setattr("knowledge.views.VOTES_A_DAY", 1)
    answers = [vote(browser(REMOTE_ADDR="192.0.2.212")).status_code for _ in range(3)]
    assert answers[0] == 303 and 429 in answers


def test_a_vote_is_part_of_what_a_browser_keeps(published):
    dora = browser()
    dora.get("/help/delivery-prices/")
    before = dora.get("/help/delivery-prices/").headers["ETag"]
    vote(dora)
    assert dora.get("/help/delivery-prices/", headers={"If-None-Match": before}).status_code == 200


def cast(article, good, bad):
    for number in range(good + bad):
        helpful.vote(article, f"visitor-{number}", number < good)


def test_editors_see_how_articles_fare_and_find_those_that_help_nobody(client, published, delivery, ada):
    poor = Article(category=delivery, slug="poor", title="Poor", body="Hm.")
    publishing.publish(article=poor, by=ada)
    cast(published, 4, 1)
    cast(poor, 1, 4)
    ada.user_permissions.add(*Permission.objects.filter(codename__in=["view_article", "change_article"]))
    client.force_login(ada)
    text = client.get("/admin/knowledge/article/").content.decode()
    cells = re.findall(r'<td class="field-readers">([^<]*)</td>', text)
    assert sorted(cells) == ["20 % (5)", "80 % (5)"]
    for narrowed in ("unhelpful", "any"):
        found = client.get("/admin/knowledge/article/", {"attention": narrowed}).content.decode()
        assert "Poor" in found and "Delivery prices" not in found


def test_few_votes_and_old_ones_say_nothing(published):
    cast(published, 0, helpful.ENOUGH - 1)
    articles = Article.objects.all()
    assert not helpful.unhelpful(articles).exists()
    cast(published, 0, helpful.ENOUGH)
    assert helpful.unhelpful(articles).exists() and helpful.votes([published.pk])[published.pk].in_all == 5
    HelpfulVote.objects.update(updated="2020-01-01T00:00:00Z")
    assert not helpful.unhelpful(articles).exists() and helpful.votes([published.pk]) == {}


def test_a_vote_goes_with_its_article(published, ada):
    cast(published, 1, 1)
    publishing.delete(article=published, by=ada)
    assert not HelpfulVote.objects.exists()
