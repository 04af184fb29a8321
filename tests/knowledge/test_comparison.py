"""Two spaces over the same live articles: the better one is told from the worse, and nothing is written."""

from dataclasses import asdict, replace

import pytest

from knowledge import indexing, publishing
from knowledge.comparison import compare_spaces
from knowledge.embedding import default_recipe
from knowledge.evaluation import EvaluationFailed
from knowledge.evaluation_files import GivenQuestion
from knowledge.models import Article, Category, Chunk, Embedding, EmbeddingSpace

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECTS = ["anchor", "bottle", "candle", "kettle", "lantern", "compass", "blanket", "hammock"]


@pytest.fixture
def shelf(fake_model):
    """Ada wrote an article on each subject, and all of them are embedded in the active space."""
    category = Category.objects.create(name="Camp", slug="camp")
    for subject in SUBJECTS:
        article = Article(slug=subject, title=f"The {subject}", body=f"Words on the {subject}.", category=category)
        publishing.publish(article=article, by=None)
    indexing.embed_stale()
    return indexing.active_space()


@pytest.fixture
def turned(shelf):
    """A space whose vectors are those of the neighbouring passage: it finds the wrong article by meaning."""
    recipe = replace(default_recipe(), passage_prefix="turned: ")
    space = EmbeddingSpace.objects.create(
        fingerprint=recipe.fingerprint, recipe=asdict(recipe), dimensions=recipe.dimensions
    )
    own = list(Embedding.objects.filter(space=shelf).order_by("chunk_id"))
    for vector, place in zip(own, [*own[1:], own[0]], strict=True):
        Embedding.objects.create(
            chunk=place.chunk, space=space, vector=vector.vector, audience=place.audience, language=place.language
        )
    return space


def questions(*subjects: str) -> list[GivenQuestion]:
    return [GivenQuestion(subject, f"Words on the {subject}", [], (subject,), True) for subject in subjects]


def test_a_space_is_no_worse_than_itself(shelf):
    compared = compare_spaces(shelf, shelf, questions(*SUBJECTS))
    assert compared.n == len(SUBJECTS) and not compared.worse
    assert (compared.ndcg.value, compared.recall.value) == (0, 0)
    assert compared.current_ndcg == compared.candidate_ndcg == 1


def test_a_space_that_finds_the_wrong_articles_is_worse(shelf, turned):
    Chunk.objects.update(search="")  # meaning alone decides
    before = EmbeddingSpace.objects.values_list("pk", "state")
    compared = compare_spaces(shelf, turned, questions(*SUBJECTS))
    assert compared.worse and compared.ndcg.high < 0 and compared.recall.high < 0
    assert not compare_spaces(turned, shelf, questions(*SUBJECTS)).worse
    assert list(before) == list(EmbeddingSpace.objects.values_list("pk", "state"))
    assert compared.as_json()["worse"] is True


def test_questions_about_what_is_not_published_are_left_out(shelf):
    asked = questions("kettle", "canoe")
    assert compare_spaces(shelf, shelf, asked).n == 1
    with pytest.raises(EvaluationFailed, match="None of these questions"):
        compare_spaces(shelf, shelf, questions("canoe"))


def test_without_an_encoder_there_is_no_comparison(shelf, settings):
    settings.EMBEDDING_URL = "unix:/nowhere/model.sock"
    with pytest.raises(EvaluationFailed, match="by words alone"):
        compare_spaces(shelf, shelf, questions("kettle"))
