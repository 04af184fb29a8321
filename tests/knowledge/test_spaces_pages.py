"""Embedding spaces in the admin and in the terminal: every verb is a button and a word, and refuses with a sentence."""

import io
import json
from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from knowledge import building, indexing, publishing, spaces, tasks
from knowledge.embedding import default_recipe
from knowledge.models import EmbeddingSpace, TestQuestion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def live(fake_model, prices, ada):
    """One article, searched by the first space."""
    publishing.publish(article=prices, by=ada)
    TestQuestion.objects.create(article=prices, question="what does saturday cost")
    build_all()
    return indexing.active_space()


def build_all():
    while building.build(20):
        pass


def staff(client, *codenames):
    user = get_user_model().objects.create_user("carl", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)


@pytest.fixture
def carl(client, live):
    staff(client, "view_embeddingspace", "change_embeddingspace")
    return client


def page(name, *arguments):
    return reverse(f"admin:knowledge_embeddingspace_{name}", args=arguments)


def do(client, space, verb):
    reply = client.post(page("do", space.pk, verb), follow=True)
    return reply.content.decode()


RECIPE = {"model": "other-64d", "dimensions": 64, "query_prefix": "", "passage_prefix": "", "passage_tokens": 200}


class TestTheAdmin:
    def test_the_whole_way_by_buttons(self, carl, live):
        said = carl.post(page("prepare"), RECIPE | {"by_hand": "on"}, follow=True).content.decode()
        assert "The space is being built" in said and "0 of 3 passages" in said
        new = EmbeddingSpace.objects.get(state="building")
        assert "is paused" in do(carl, new, "pause")
        assert "being built again" in do(carl, new, "resume")
        build_all()
        assert "Switch to it when you like" in carl.get(page("changelist")).content.decode()
        compared = carl.get(page("change", new.pk)).content.decode()
        assert "1 question was put" in compared and "nDCG@10" in compared and "<svg" in compared
        assert "searched by this space now" in do(carl, new, "switch")
        assert indexing.active_space() == new
        assert "the space before again" in carl.post(page("back"), follow=True).content.decode()
        assert indexing.active_space() == live
        assert "a moment ago" in do(carl, new, "drop")

    def test_what_a_space_would_cost_is_told_before(self, carl):
        said = carl.post(page("prepare"), RECIPE | {"_estimate": "1"}).content.decode()
        assert "3 passages at " in said and "MB of disk" in said
        assert EmbeddingSpace.objects.count() == 1

    def test_a_refusal_is_a_sentence_on_the_form(self, carl):
        said = carl.post(page("prepare"), RECIPE | {"dimensions": 65}).content.decode()
        assert "64 dimensions, and 65 were expected" in said
        assert (
            "less than or equal to 460" in carl.post(page("prepare"), RECIPE | {"passage_tokens": 900}).content.decode()
        )

    def test_the_page_is_told_how_far_it_is(self, carl):
        new = spaces.prepare(other())
        [_, state] = carl.get(page("states")).json()["spaces"]
        assert state["id"] == new.pk and state["moving"] and "0 of 3 passages" in state["text"]

    def test_who_may_only_look_may_not_act(self, client, live):
        staff(client, "view_embeddingspace")
        listed = client.get(page("changelist")).content.decode()
        assert "all-minilm-l6-v2" in listed and "Prepare a space" not in listed
        assert client.post(page("prepare"), RECIPE).status_code == 403
        assert client.post(page("back")).status_code == 403
        assert client.post(page("do", live.pk, "drop")).status_code == 403

    def test_others_see_nothing(self, client, live):
        staff(client, "view_article")
        for address in (page("changelist"), page("states"), page("change", live.pk)):
            assert client.get(address).status_code == 403

    def test_a_verb_that_does_not_exist_is_not_found(self, carl, live):
        assert carl.post(page("do", live.pk, "explode")).status_code == 404
        assert carl.get(page("do", live.pk, "drop")).status_code == 405


def other():
    return replace(default_recipe(), model="other-64d", dimensions=64)


class TestTheTerminal:
    def run(self, *arguments):
        out = io.StringIO()
        call_command("spaces", *arguments, stdout=out)
        return out.getvalue()

    def test_the_whole_way_by_words(self, live):
        assert "Searched now. 3 passages." in self.run()
        assert "3 passages at " in self.run("prepare", "--model", "other-64d", "--dimensions", "64", "--estimate")
        said = self.run("prepare", "--model", "other-64d", "--dimensions", "64", "--by-hand")
        assert "other-64d, 64 dimensions, cut 1/200" in said and "0 of 3 passages" in said
        assert "Paused at 0 of 3" in self.run("pause")
        assert "0 of 3 passages" in self.run("resume")
        assert "Switch to it when you like" in self.run("build")
        assert "on 1 question: nDCG@10" in self.run("compare")
        assert "Searched now" in self.run("switch")
        assert "Searched now" in self.run("back")
        assert indexing.active_space() == live

    def test_questions_of_a_file_count_too(self, live, tmp_path):
        file = tmp_path / "questions.jsonl"
        row = {"id": "1", "question": "how much to the islands", "gold_article_ids": ["delivery-prices"]}
        file.write_text(json.dumps(row) + "\n")
        self.run("prepare", "--model", "other-64d", "--dimensions", "64", "--by-hand")
        self.run("build")
        assert "on 2 questions" in self.run("compare", "--questions", str(file))
        file.write_text("{")
        with pytest.raises(CommandError, match="line 1"):
            self.run("compare", "--questions", str(file))

    def test_the_list_is_read_by_machines_too(self, live):
        [row] = json.loads(self.run("list", "--json"))["rows"]
        assert row["state"] == "active" and row["progress"]["total"] == 3 and row["progress"]["percent"] == 100

    def test_refusals_are_sentences(self, live):
        with pytest.raises(CommandError, match="no space to go back to"):
            self.run("back")
        with pytest.raises(CommandError, match="Say which"):
            self.run("drop")
        with pytest.raises(CommandError, match="cannot be dropped"):
            self.run("drop", str(live.pk))
