"""What is stale is embedded, once; what fails is told and tried again; what was overtaken is never written."""

from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from knowledge import building, filling, indexing, publishing, tasks
from knowledge.embedding import EmbeddingFailed, Recipe, cut_of, default_recipe
from knowledge.filling import Stale, plan
from knowledge.indexing import embed_stale
from knowledge.models import Article, Chunk, Embedding
from knowledge.vector_index import SWEEP_LOCK, advisory_lock, build_index, index_name, is_built

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def stale(article, count, attempts=0):
    return [Stale(number, article, f"passage {number}", attempts) for number in range(count)]


def shape(batches):
    return [[passage.article_id.int for passage in batch] for batch in batches]


@pytest.mark.parametrize(
    ("passages", "expected"),
    [
        ([], []),
        ([*stale(ONE, 2), *stale(TWO, 1)], [[1, 1, 2]]),
        ([*stale(ONE, 3), *stale(TWO, 3)], [[1, 1, 1, 2], [2, 2]]),
        ([*stale(ONE, 9)], [[1] * 4, [1] * 4, [1]]),
        ([*stale(ONE, 1), *stale(TWO, 2, attempts=1), *stale(THREE, 1)], [[1], [2, 2], [3]]),
    ],
)
def test_the_plan_fills_requests_and_leaves_troubled_articles_alone(passages, expected):
    assert shape(plan(passages, size=4)) == expected


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def model(fake_model):
    """The fake model server: `script` says what goes wrong next, `seen` counts requests."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=fake_model.removeprefix("unix:")), base_url="http://m") as http:
        http.put("/script", json={})
        yield http
        http.put("/script", json={})


def faults(model, *kinds):
    model.put("/script", json={"embeddings": list(kinds)})


def requests_seen(model):
    return model.get("/seen").json().get("embeddings", 0)


@pytest.fixture
def published(prices, ada):
    publishing.publish(article=prices, by=ada)
    return prices


def fresh(article):
    return Article.objects.get(pk=article.pk)


def due_again():
    Article.objects.update(index_retry_at=None)


def test_a_published_article_becomes_answerable(model, published):
    assert embed_stale(published.pk) == 3
    assert Embedding.objects.count() == 3
    assert fresh(published).answerable_at > published.published_at
    assert (fresh(published).index_attempts, fresh(published).index_retry_at) == (0, None)


def test_embedding_twice_writes_once(model, published):
    assert [embed_stale(published.pk), embed_stale(published.pk), embed_stale()] == [3, 0, 0]
    assert requests_seen(model) == 1


def test_only_the_passage_that_changed_is_embedded_again(model, published, ada):
    embed_stale()
    published.body = published.body.replace("£9.95", "£10.95")
    publishing.publish(article=published, by=ada)
    assert embed_stale() == 1
    assert Embedding.objects.filter(chunk__live=True).count() == Embedding.objects.count() == 3


def test_small_articles_share_a_request(model, published, delivery, ada):
    for number in range(5):
        article = Article(slug=f"a{number}", title=f"Article {number}", body="Some words.", category=delivery)
        publishing.publish(article=article, by=ada)
    assert embed_stale() == 8
    assert requests_seen(model) == 1


def before_vectors_are_written(monkeypatch, act):
    """Do something once the vectors are there and not yet in the database."""
    write = filling.write_vectors

    def overtaken(*arguments):
        monkeypatch.setattr(filling, "write_vectors", write)
        act()
        return write(*arguments)

    monkeypatch.setattr(filling, "write_vectors", overtaken)


def test_a_publication_during_embedding_wins(model, published, ada, monkeypatch):
    def publish_again():
        published.body = "All free."
        publishing.publish(article=published, by=ada)

    before_vectors_are_written(monkeypatch, publish_again)
    embed_stale(published.pk)
    assert list(Embedding.objects.values_list("chunk__text", flat=True)) == ["All free."]
    assert fresh(published).answerable_at


def test_an_article_withdrawn_during_embedding_gets_no_vectors(model, published, ada, monkeypatch):
    before_vectors_are_written(monkeypatch, lambda: publishing.unpublish(article=published, by=ada))
    assert embed_stale(published.pk) == 0
    assert not Embedding.objects.exists()
    assert fresh(published).answerable_at is None


def test_a_server_that_is_away_counts_against_nobody(published, settings, tmp_path):
    settings.EMBEDDING_URL = f"unix:{tmp_path}/nobody.sock"
    for _ in range(2):
        due_again()
        with pytest.raises(EmbeddingFailed):
            embed_stale()
    article = fresh(published)
    assert article.index_attempts == 0
    assert article.index_error == "The model server cannot be reached."
    assert article.index_retry_at > timezone.now()


def test_an_article_that_the_server_refuses_is_given_up_and_says_why(model, published):
    faults(model, *["400"] * 20)
    for _ in range(7):
        due_again()
        embed_stale()
    article = fresh(published)
    assert article.index_attempts == indexing.MAX_ATTEMPTS
    assert "refused" in article.index_error
    assert requests_seen(model) == indexing.MAX_ATTEMPTS


def test_a_text_that_breaks_the_server_is_told_from_a_server_that_is_away(model, published):
    faults(model, "500", "500", "500", "ok")  # three tries of the client, then the harmless question
    assert embed_stale() == 0
    assert fresh(published).index_attempts == 1
    assert fresh(published).index_error


def test_one_bad_article_does_not_keep_its_neighbours_from_being_embedded(model, published, delivery, ada):
    other = Article(slug="other", title="Other", body="Other words.", category=delivery)
    publishing.publish(article=other, by=ada)
    faults(model, "400", "400")  # the shared request, then the first article alone
    embed_stale()
    assert sorted([fresh(published).index_attempts, fresh(other).index_attempts]) == [0, 1]
    due_again()
    embed_stale()
    assert fresh(published).answerable_at and fresh(other).answerable_at


def test_a_server_that_goes_away_while_the_bad_article_is_sought_counts_against_nobody(model, published, delivery, ada):
    for number in range(2):
        other = Article(slug=f"o{number}", title=f"Other {number}", body="Other words.", category=delivery)
        publishing.publish(article=other, by=ada)
    faults(
        model, "400", *["500"] * 10
    )  # the shared request; then nothing is answered, not the harmless question either
    with pytest.raises(EmbeddingFailed):
        embed_stale()
    assert set(Article.objects.values_list("index_attempts", flat=True)) == {0}


def test_asking_again_forgets_what_went_wrong(model, published, ada):
    embed_stale()
    Article.objects.update(index_attempts=5, index_error="The model server refused the request.")
    publishing.reembed(article=published, by=ada)
    assert not Embedding.objects.exists()
    assert embed_stale() == 3
    assert fresh(published).index_error == ""


def test_vectors_of_the_wrong_length_are_refused_with_what_to_do(model, published, settings):
    settings.EMBEDDING_DIMENSIONS = 512
    with pytest.raises(EmbeddingFailed, match="EMBEDDING_DIMENSIONS"):
        embed_stale()


def test_every_part_of_a_recipe_is_in_its_fingerprint():
    recipe = default_recipe()
    others = [
        replace(recipe, model="other"), replace(recipe, dimensions=2), replace(recipe, query_prefix="q"),
        replace(recipe, passage_prefix="p"), replace(recipe, normalise=False), replace(recipe, chunking=0),
        replace(recipe, passage_tokens=120),
    ]  # fmt: skip
    assert len({recipe.fingerprint, *(other.fingerprint for other in others)}) == 8


def test_a_recipe_of_before_there_was_a_choice_of_lengths_is_the_same_recipe():
    kept = {"model": "all-minilm-l6-v2", "dimensions": 384, "query_prefix": "", "passage_prefix": ""}
    recipe = Recipe(**kept, normalise=True, chunking=1)
    assert (recipe.fingerprint, cut_of(recipe)) == ("b943185be806cc55", "1/200")
    assert cut_of(replace(recipe, passage_tokens=64)) == "1/64"


def test_vectors_left_behind_are_found_and_deleted(model, published):
    embed_stale()
    Chunk.objects.filter(text__startswith="Saturday").update(live=False)
    assert indexing.tidy() == 1
    assert Embedding.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestTheVectorIndex:
    def test_it_is_built_once_after_the_fill_and_used(self, model, published):
        space = indexing.active_space()
        assert not build_index(space)  # nothing to index yet
        building.build(10)
        assert is_built(space)
        assert not build_index(space)
        vector = str([1.0] * 384)
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET enable_sort = off")  # so few rows are sorted as cheaply
            cursor.execute(
                f"EXPLAIN SELECT chunk_id FROM knowledge_embedding WHERE space_id = {space.pk} "
                f"ORDER BY vector::halfvec(384) <=> '{vector}'::halfvec(384) LIMIT 3"
            )
            used = "".join(row[0] for row in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
            cursor.execute("RESET enable_sort")
            cursor.execute(f"DROP INDEX {index_name(space)}")
        assert index_name(space) in used

    def test_a_broken_off_build_is_done_again(self, model, published):
        embed_stale()
        space = indexing.active_space()
        build_index(space)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [index_name(space)]
            )
        assert is_built(space) is False
        assert build_index(space) and is_built(space)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {index_name(space)}")

    def test_a_sweep_beside_another_does_nothing(self, model, published, other_connection):
        with other_connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [SWEEP_LOCK])
        tasks.sweep()
        assert not Embedding.objects.exists()
        with other_connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])
        tasks.sweep()
        assert Embedding.objects.count() == 3

    def test_the_lock_is_given_back(self, other_connection):
        with advisory_lock(SWEEP_LOCK) as held:
            assert held
        with other_connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
            assert cursor.fetchone()[0]
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])  # the pool keeps the connection

    @pytest.fixture
    def other_connection(self):
        other = connection.copy()
        yield other
        other.close()
