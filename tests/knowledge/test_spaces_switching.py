"""While a space is built and switched, people ask; and a folder of weights is all that another encoder needs."""

import shutil
import threading
from dataclasses import replace

import pytest
from django.db import connection

from knowledge import building, indexing, publishing, retrieval, spaces, tasks
from knowledge.embedding import default_recipe
from knowledge.models import Article, Chunk, EmbeddingSpace, TestQuestion
from knowledge.retrieval import find_passages
from tests.conftest import wait_until
from tests.supportbot.inference.test_encoders import make_encoder

pytestmark = pytest.mark.django_db(transaction=True)
PARTS = 12


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


def publish_some(category, ada, count=8):
    for number in range(count):
        body = "\n\n".join(
            f"## Part {part}\n\nWord{number} of part {part}. " + "More of it. " * 20 for part in range(PARTS)
        )
        article = Article(slug=f"thing-{number}", title=f"Thing {number}", body=body, category=category)
        publishing.publish(article=article, by=ada)
        TestQuestion.objects.create(article=article, question=f"where is word{number}")


def build_all():
    while building.build(20):
        pass


def test_questions_asked_all_the_way_are_answered_from_one_space_each(fake_model, delivery, ada):
    publish_some(delivery, ada)
    build_all()
    old = indexing.active_space()
    new = spaces.prepare(replace(default_recipe(), model="other-64d", dimensions=64, passage_tokens=64))
    done, seen, wrong = threading.Event(), set(), []

    def ask():
        number = 0
        while not done.is_set():
            found = find_passages(f"where is word{number % 8}")
            cuts = set(Chunk.objects.filter(pk__in=[p.chunk_id for p in found.passages]).values_list("cut", flat=True))
            if found.degraded or len(cuts) != 1 or any(p.similarity is None for p in found.passages):
                wrong.append((found.degraded, cuts))
            seen.update(cuts)
            number += 1
        connection.close()

    customer = threading.Thread(target=ask)
    customer.start()
    try:
        build_all()
        assert indexing.active_space() == new
        wait_until(lambda: "1/64" in seen or wrong, 30, "a question in the new space")
        spaces.back()
        assert indexing.active_space() == old
    finally:
        done.set()
        customer.join(30)
    assert not wrong
    assert seen == {"1/200", "1/64"}


@pytest.mark.parametrize("step", ["_embed", "_terms"])
def test_a_question_that_began_before_a_switch_ends_in_the_space_it_began_in(
    step, fake_model, delivery, ada, monkeypatch
):
    publish_some(delivery, ada, 2)
    build_all()
    new = spaces.prepare(replace(default_recipe(), model="other-64d", dimensions=64, passage_tokens=64), goal="wait")
    build_all()
    real = getattr(retrieval, step)

    def overtaken(*arguments, **options):
        monkeypatch.setattr(retrieval, step, real)
        made = real(*arguments, **options)
        spaces.switch(new)
        return made

    monkeypatch.setattr(retrieval, step, overtaken)
    began_before, began_after = find_passages("where is word1"), find_passages("where is word1")
    assert indexing.active_space() == new
    for found, cut in ((began_before, "1/200"), (began_after, "1/64")):
        assert found.passages and not found.degraded
        assert {Chunk.objects.get(pk=passage.chunk_id).cut for passage in found.passages} == {cut}
        assert all(passage.similarity is not None for passage in found.passages)


@pytest.mark.model
def test_a_folder_of_weights_becomes_the_searched_encoder_and_goes_again(model_server, delivery, ada, settings):
    """The model server that runs finds the folder: it embeds passages with it, and questions with the old one."""
    folder = settings.ENCODERS_DIR / "tiny-multilingual"
    shutil.rmtree(folder, ignore_errors=True)
    settings.ENCODERS_DIR.mkdir(exist_ok=True)
    make_encoder(folder, dimensions=48)
    try:
        publish_some(delivery, ada, 2)
        build_all()
        old = indexing.active_space()
        recipe = replace(
            default_recipe(), model=folder.name, dimensions=48, query_prefix="query: ", passage_prefix="passage: "
        )
        new = spaces.prepare(recipe, goal="wait")
        building.fill(new, float("inf"))
        assert not find_passages("where is word1").degraded
        build_all()
        new.refresh_from_db()
        assert new.comparison["n"] == 2
        spaces.switch(new, anyway=True)
        found = find_passages("where is word1")
        assert not found.degraded and all(passage.similarity is not None for passage in found.passages)
        assert spaces.back() == old and not find_passages("where is word1").degraded
        assert EmbeddingSpace.objects.get(pk=new.pk).state == "retired"
    finally:
        shutil.rmtree(folder)
