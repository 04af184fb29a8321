"""What editors are told: repetitions, contradictions, links that lead nowhere, questions that were lost."""

import pytest
from django.db import DataError

from knowledge import finding_tasks, indexing, publishing, tasks
from knowledge.findings import checkups
from knowledge.findings.held_questions import held_questions
from knowledge.findings.links import anchors, internal_links
from knowledge.findings.overlaps import shared
from knowledge.findings.rows import question_row
from knowledge.findings.statements import read
from knowledge.models import Article, Checkup, Chunk, Finding, InternalLink, TestQuestion
from knowledge.retrieval import RetrievalError

REFUND = (
    "We send the money back to the card that you paid with. Refunds reach a debit or credit card within 7 working days "
    "after our e-mail. Ask your bank first if nothing has arrived by then."
)


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def write(delivery, fake_model):
    """Publish, embed and look at an article as the tasks do."""

    def write(slug: str, body: str, title: str = "", **facts) -> Article:
        article = Article.objects.filter(slug=slug).first() or Article(slug=slug, category=delivery)
        article.title, article.body = title or article.title or slug.replace("-", " ").capitalize(), body
        for name, value in facts.items():
            setattr(article, name, value)
        publishing.publish(article=article, by=None)
        indexing.embed_stale(article.pk)
        checkups.check_article(article.pk)
        return article

    return write


def found(article: Article) -> list[tuple[str, str]]:
    return [(each.kind, str((each.other if each.article_id == article.pk else each.article) or ""))
            for each in checkups.findings_of(article)]  # fmt: skip


class TestOverlaps:
    def test_a_repeated_passage_is_found_from_either_side(self, write):
        one, two = write("refund-times", REFUND), write("when-is-my-refund-paid", REFUND)
        write("kayaks", "Kayaks are hired by the hour at the lake, with a vest for each who paddles in them today.")
        assert found(one) == [("overlap", "When is my refund paid")]
        assert found(two) == [("overlap", "Refund times")]
        finding = Finding.objects.get()
        assert (finding.details["count"], finding.details["percent"]) == (1, 100)

    def test_looking_again_changes_nothing(self, write):
        one, two = write("refund-times", REFUND), write("refunds-again", REFUND)
        before = Finding.objects.get().pk
        Checkup.objects.all().delete()
        checkups.check_article(one.pk)
        checkups.check_article(two.pk)
        assert Finding.objects.get().pk == before

    def test_what_was_dismissed_stays_so_until_either_text_changes(self, write, ada):
        one, two = write("refund-times", REFUND), write("refunds-again", REFUND)
        checkups.dismiss(finding=Finding.objects.get(), by=ada)
        assert found(one) == found(two) == []
        write("refund-times", REFUND + "\n\n## Shops\n\nShops pay back in cash, to whoever shows the receipt.")
        assert found(one) == []
        write("refunds-again", REFUND + " Write to us after that.")
        assert found(one) == [("overlap", "Refunds again")]
        assert Finding.objects.filter(dismissed_at=None).count() == 1

    def test_what_was_dismissed_stays_so_when_it_is_withdrawn_and_published_again(self, write, ada):
        one, two = write("refund-times", REFUND), write("refunds-again", REFUND)
        checkups.dismiss(finding=Finding.objects.get(), by=ada)
        publishing.unpublish(article=two, by=None)
        checkups.check_article(two.pk)
        write("refunds-again", REFUND)
        assert found(one) == found(two) == []

    def test_a_passage_that_another_has_twice_is_one_finding_from_either_side(self, write, ada):
        one, two = (
            write("refund-times", REFUND),
            write("twice", f"## Now\n\n{REFUND}\n\n## Later\n\n{REFUND} Thank you."),
        )
        checkups.dismiss(finding=Finding.objects.get(), by=ada)
        for article in (one, two):
            Checkup.objects.all().delete()
            checkups.check_article(article.pk)
            assert found(one) == found(two) == []
        assert Finding.objects.count() == 1

    def test_what_is_cut_anew_is_compared_again(self, write):
        one = write("refund-times", REFUND)
        write("refunds-again", REFUND)
        before = Finding.objects.get().details["passages"]
        Chunk.objects.filter(article=one).delete()
        publishing.repair(article=one)
        indexing.embed_stale(one.pk)
        assert checkups.check_due(seconds=10) >= 1
        assert Finding.objects.get().details["passages"] != before
        assert checkups.check_due(seconds=10) == 0

    def test_an_article_that_is_withdrawn_overlaps_with_nothing(self, write):
        one, two = write("refund-times", REFUND), write("refunds-again", REFUND)
        publishing.unpublish(article=two, by=None)
        checkups.check_article(two.pk)
        assert found(one) == []

    def test_what_stands_in_several_articles_is_a_template(self, write):
        for name in ("a", "b", "c", "d"):
            last = write(name, REFUND)
        assert found(last) == []

    def test_a_few_words_are_no_repetition(self):
        assert shared("See also: AWS SDK for Ruby V3", "See also: AWS SDK for Ruby V3") == 0.0
        assert shared(REFUND, REFUND.upper()) == 1.0
        links = "- How to pay with a card in our shops\n- How to send a parcel back to our warehouse"
        assert shared(links, links) == 0.0
        assert shared(links.replace("a card", "£5"), links.replace("a card", "£5")) == 1.0
        assert shared("退款将在七个工作日内退回您的银行卡账户", "退款将在七个工作日内退回您的银行卡账户") == 1.0


class TestContradictions:
    def test_another_number_for_the_same_is_found_and_comes_first(self, write):
        one = write("refund-times", REFUND)
        write("refunds-again", REFUND.replace("7 working", "14 working"))
        assert [kind for kind, _ in found(one)] == ["contradiction", "overlap"]
        finding = Finding.objects.get(kind="contradiction")
        shown = finding.details["statements"][0]
        assert shown["unit"] == "day"
        sides = {finding.article.slug: shown["own"], finding.other.slug: shown["other"]}
        assert "7 working days" in sides["refund-times"] and "14 working days" in sides["refunds-again"]

    @pytest.mark.parametrize(
        ("one", "another"),
        [
            ("Delivery is free for all orders of £50 or more.", "Delivery is free for all orders of £60 or more."),
            ("Call the shop in Leeds on 01632 960100.", "Call the shop in Leeds on 01632 960555."),
            ("Write to the workshop at repair@larkfield.example.", "Write to the workshop at fix@larkfield.example."),
            ("Gifts of winter come back until 31 January.", "Gifts of winter come back until 15 January."),
            ("Rückgaben sind 30 Tage lang kostenlos möglich.", "Rückgaben sind 14 Tage lang kostenlos möglich."),
        ],
    )  # fmt: skip
    def test_prices_telephones_addresses_and_dates_count(self, one, another, write):
        language = "de" if "Rück" in one else "en"
        first = write("first-page", one, language=language)
        write("second-page", another, language=language)
        assert ("contradiction", "Second page") in found(first)

    def test_another_case_with_the_same_number_hides_nothing(self, write):
        one = write("shops", "Refunds in a shop take 5 days. Ordering a spare zip takes 10 days.")
        write("more-shops", "Refunds in a shop take 10 days.")
        assert "contradiction" in [kind for kind, _ in found(one)]

    @pytest.mark.parametrize(
        ("one", "another"),
        [
            ("Orders before 11 AM leave the same day.", "Orders before 11:00 am leave the same day."),
            ("The board UNO works at 5 V in all modes.", "The board UNO works at 5 volts in all modes."),
            ("The board R3 works at 5 V in all modes.", "The board R4 works at 3.3 V in all modes."),
            ("Saturday delivery costs £9.95.", "Sunday delivery costs £14.50."),
            ("Refunds to cards take 7 days.", "Bikes are hired for 14 days."),
            ("Zone A costs £5 a box. Zone B costs £9 a box.", "Zone B costs £9 a box. Zone A costs £5 a box."),
            ("The fault CVE-2014-6593 is in the library.", "The fault CVE-2016-5546 is in the library."),
            ("Read the whole page at https://a.example/x.", "Read the whole page at https://a.example/y."),
        ],
    )  # fmt: skip
    def test_other_things_have_other_numbers(self, one, another, write):
        first = write("first-page", one)
        write("second-page", another)
        assert "contradiction" not in [kind for kind, _ in found(first)]

    def test_titles_that_name_other_models_have_other_numbers(self, write):
        first = write("uno-r3", "The board works at 5 V in all modes.", title="UNO R3: voltage")
        write("uno-r4", "The board works at 3 V in all modes.", title="UNO R4: voltage")
        assert found(first) == []

    def test_a_statement_is_its_values_its_names_and_its_words(self):
        values, names, words = read("Call 01632 960100 within 14 full working days about order A-17, or pay £4.50.")
        assert values == {"phone": {"01632960100"}, "day": {"14"}, "£": {"4.5"}}
        assert "a-17" in names
        assert words == "call within about order or pay"


class TestLinks:
    def test_links_that_lead_nowhere_are_found_in_live_text_and_draft(self, write):
        write("internal-page", "Only staff read this page.", audience="internal")
        write("other", "Intro.\n\n## Prices\n\nIt costs £5.")
        article = write(
            "page", "[gone](/help/gone/) [staff](/help/internal-page/) [ok](/help/other/#prices) [self](#nowhere) "
            "[away](https://example.com/help/gone/) [anchor](/help/other/#size) [top](#here)\n\n## Here\n\nx"
        )  # fmt: skip
        assert {each.details["href"]: each.details["where"] for each in checkups.findings_of(article)} == {
            "/help/gone/": "both", "/help/internal-page/": "both", "/help/other/#size": "both", "#nowhere": "both",
        }  # fmt: skip
        article.body = "[gone](/help/elsewhere/)"
        publishing.save_draft(article=article, by=None)
        checkups.check_article(article.pk)
        where = {each.details["href"]: each.details["where"] for each in checkups.findings_of(article)}
        assert (where["/help/elsewhere/"], where["/help/gone/"]) == ("draft", "live")

    def test_withdrawing_and_moving_a_page_tells_those_who_link_to_it(self, write):
        target, article = write("target", "Words."), write("page", "See [it](/help/target/).")
        assert found(article) == []
        publishing.unpublish(article=target, by=None)
        checkups.check_due(seconds=10)
        assert "not published" in checkups.findings_of(article)[0].details["reason"]
        write("target", "Words again.")
        assert found(article) == []
        target.refresh_from_db()
        target.slug = "moved"
        publishing.save_draft(article=target, by=None)
        checkups.check_due(seconds=10)
        assert "No article has this address" in checkups.findings_of(article)[0].details["reason"]

    def test_a_page_that_is_not_public_any_more_tells_those_who_link_to_it(self, write):
        target, article = write("target", "Words."), write("page", "See [it](/help/target/).")
        target.refresh_from_db()
        target.audience = "internal"
        publishing.save_draft(article=target, by=None)
        checkups.check_due(seconds=10)
        assert "not public" in checkups.findings_of(article)[0].details["reason"]

    def test_a_draft_costs_those_who_link_to_it_nothing(self, write, monkeypatch):
        target = write("target", "Words.")
        write("page", "See [it](/help/target/).")
        monkeypatch.setattr(checkups, "check_linking", lambda *slugs, but=None: pytest.fail("looked at again"))
        target.refresh_from_db()
        target.body = "Words of a draft."
        publishing.save_draft(article=target, by=None)
        assert checkups.check_due(seconds=10) == 1

    def test_deleting_a_page_tells_those_who_link_to_it(self, write):
        target, article = write("target", "Words."), write("page", "See [it](/help/target/).")
        publishing.delete(article=target, by=None)
        assert checkups.check_due(seconds=10) == 0
        assert found(article) == [("broken_link", "")]
        assert not Checkup.objects.filter(article=None).exists()

    def test_a_link_that_is_too_long_or_unreadable_stops_nothing(self, write):
        longest = f"/help/{'a' * 121}/"
        article = write("page", f"See [it]({longest}), [this](#x%00y) and [that](/help/gone/).")
        assert {each.details["href"] for each in checkups.findings_of(article)} == {longest, "#x%00y", "/help/gone/"}
        assert [link.slug for link in article.internal_links.all()] == ["gone"]

    def test_one_that_cannot_be_looked_at_stops_no_other(self, write, monkeypatch):
        target, bad = write("target", "Words."), write("bad", "See [it](/help/target/).")
        article = write("page", "See [it](/help/target/).")
        check_links = checkups.check_links

        def fail(article):
            if article == bad:
                raise DataError
            check_links(article)

        monkeypatch.setattr(checkups, "check_links", fail)
        publishing.delete(article=target, by=None)
        checkups.check_due(seconds=10)
        assert found(article) == [("broken_link", "")]
        assert list(checkups.due()) == [bad] and not Checkup.objects.filter(article=None).exists()

    def test_links_are_read_as_the_page_shows_them(self, settings):
        settings.PUBLIC_URL = "https://shop.example"
        body = "[a](/help/a/) [b](https://shop.example/help/b/#x) [c](https://[bad) `[d](/help/d/)` [e](/help/e/?q=1)"
        assert [(link.slug, link.anchor) for link in internal_links(body)] == [("a", ""), ("b", "x"), ("e", "")]
        assert anchors("# One\n\n## Two words\n\n## Two words") == {"one", "two-words", "two-words-2"}


class TestQuestions:
    def test_a_lost_question_is_a_finding(self, write):
        article = write("refund-times", REFUND)
        question = TestQuestion.objects.create(article=article, question="When do refunds reach my credit card?")
        write("refund-times", REFUND + " Thank you.")
        question.refresh_from_db()
        assert (question.last_rank, str(held_questions(article))) == (1, "1 of 1 still answered from here")
        write("refund-times", "Kayaks are hired by the hour at the lake.")
        for number in range(4):
            write(f"cards-{number}", f"Refunds reach a credit card, way number {number}: when they do, we write.")
        Checkup.objects.all().delete()
        checkups.check_article(article.pk)
        assert str(held_questions(article)) == "0 of 1 still answered from here"
        assert found(article) == [("test_question_lost", "")]

    def test_without_vectors_no_question_is_lost_and_it_is_asked_again_later(self, write, settings):
        article = write("refund-times", REFUND)
        question = TestQuestion.objects.create(article=article, question="When do refunds reach my credit card?")
        article.refresh_from_db()
        article.audience = "internal"
        publishing.save_draft(article=article, by=None)
        served, settings.EMBEDDING_URL = settings.EMBEDDING_URL, "http://127.0.0.1:9/v1"
        with pytest.raises(RetrievalError):
            checkups.check_article(article.pk)
        question.refresh_from_db()
        assert (question.last_checked, found(article), list(checkups.due())) == (None, [], [article])
        settings.EMBEDDING_URL = served
        assert checkups.check_due(seconds=10) == 1
        question.refresh_from_db()
        assert question.last_rank == 1

    def test_it_is_the_same_finding_when_the_same_text_is_published_again(self, write, ada):
        article = write("kayaks", "Kayaks are hired by the hour at the lake.")
        question = TestQuestion(article=article, question="Refunds?", last_rank=None)
        before = question_row(article, question).text_hash
        publishing.unpublish(article=article, by=None)
        assert question_row(write("kayaks", article.body), question).text_hash == before
        assert question_row(write("kayaks", "Other words."), question).text_hash != before


class TestWhatIsDue:
    def test_each_change_makes_an_article_due_once(self, write):
        article = write("page", "Words of a page.")
        assert list(checkups.due()) == []
        article.body = "Words of a draft."
        publishing.save_draft(article=article, by=None)
        assert list(checkups.due()) == [article]
        assert checkups.check_due(seconds=10) == 1
        publishing.archive(article=article, by=None)
        assert checkups.check_due(seconds=10) == 1
        assert checkups.check_due(seconds=10) == 0

    def test_an_article_is_due_again_when_its_passages_are_embedded(self, delivery, fake_model):
        article = Article(slug="page", title="Page", body="See [it](/help/x/).", category=delivery)
        publishing.publish(article=article, by=None)
        assert checkups.check_due(seconds=10) == 1
        assert list(checkups.due()) == [] and checkups.is_awaited(article)
        assert InternalLink.objects.get().slug == "x"
        indexing.embed_stale()
        assert checkups.check_due(seconds=10) == 1
        assert Checkup.objects.get().compared == article.live_revision_id
        assert not checkups.is_awaited(article)
        publishing.reembed(article=article, by=None)
        indexing.embed_stale()
        assert list(checkups.due()) == []

    def test_embedding_goes_first(self, write, delivery):
        assert not checkups.is_embedding_busy()
        for number in range(checkups.BUSY + 1):
            publishing.publish(article=Article(slug=f"n{number}", title="N", body="Words.", category=delivery), by=None)
        assert checkups.is_embedding_busy()
        finding_tasks.sweep()
        assert Checkup.objects.count() == 0
        indexing.embed_stale()
        finding_tasks.sweep()
        assert Checkup.objects.count() == checkups.BUSY + 1

    def test_looking_at_what_was_deleted_does_nothing(self, write):
        article = write("page", "Words.")
        key = article.pk
        publishing.delete(article=article, by=None)
        checkups.check_article(key)
