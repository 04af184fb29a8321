"""The bench's knowledge base is the same each time, is made only once, and what is measured on it is true."""

import pytest

from knowledge import indexing
from knowledge.bench import corpus, search
from knowledge.bench.filling import encode, fill
from knowledge.chunking import tokens
from knowledge.models import Article, Chunk, Embedding
from knowledge.retrieval import find_passages
from knowledge.vector_cache import VectorCache
from knowledge.vector_index import build_index

QUESTIONS = ["How do I return a tent?", "When is my parcel delivered?", "Is there a guarantee on boots?"]


@pytest.fixture
def demo_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(corpus, "sets_folder", lambda: tmp_path)


def test_the_corpus_is_the_same_each_time_and_a_smaller_one_is_part_of_it(demo_alone):
    large, again, small = corpus.make(3_000), corpus.make(3_000), corpus.make(1_000)
    assert large == again and "demo articles alone" in large.source
    hashes = [text.hash for text in large.texts]
    assert len(set(hashes)) == len(hashes) == 3_000 and 0 < large.real <= 1_500
    assert {text.hash for text in small.texts} <= set(hashes)
    assert all(tokens(f"{text.title} {text.text}") <= corpus.MOST_TOKENS for text in large.texts)


def test_there_is_a_share_for_every_filter(demo_alone):
    made = corpus.make(3_000)
    german = sum(len(article.texts) for article in made.articles if article.language == "de")
    assert german / 3_000 == pytest.approx(0.3, abs=0.03)
    assert {article.audience for article in made.articles} == {"public", "customers", "internal"}


def test_too_few_texts_are_told(demo_alone, monkeypatch):
    given = corpus.read_articles([corpus.demo_folder()])[:2]
    monkeypatch.setattr(corpus, "read_sets", lambda: ({"demo": given}, "two articles"))
    with pytest.raises(corpus.NoTexts, match="two articles give .* Ask for fewer"):
        corpus.make(100_000)


def test_encoding_that_was_broken_off_goes_on_where_it_was(demo_alone, fake_model, db, tmp_path):
    texts, recipe = corpus.make(1_000).texts, indexing.recipe_of(indexing.active_space())
    with VectorCache(tmp_path / "vectors.sqlite3") as cache:
        assert encode(recipe, texts[:100], cache, print).made == 100
        later = encode(recipe, texts[:150], cache, print)
        assert later.made == 50 and later.rate
        assert encode(recipe, texts[:150], cache, print).rate is None


@pytest.mark.django_db(transaction=True)
def test_it_measures_what_customers_get(demo_alone, fake_model, tmp_path):
    made, space = corpus.make(1_000), indexing.active_space()
    with VectorCache(tmp_path / "vectors.sqlite3") as cache:
        encode(indexing.recipe_of(space), made.texts, cache, print)
        fill(made, space, cache, print)
    build_index(space)
    assert Chunk.objects.filter(live=True).count() == Embedding.objects.count() == 1_000
    assert Article.objects.filter(status="published", live_revision__isnull=False).count() == len(made.articles)
    assert not indexing.unembedded(space).exists()
    assert find_passages(QUESTIONS[0]).passages[0].lexical

    taken = search.measure(space, QUESTIONS, print)
    assert set(taken) == set(search.FILTERS)
    for one, found in taken.items():
        assert found.known.few and found.plan.startswith("read "), one
        assert {len(ms) for ms in found.ms.values()} == {len(QUESTIONS)}
        # Two passages may be equally near: the fake encoder counts words.
        assert not found.recall or sum(found.recall) >= 0.9 * len(found.recall), one
    lines = search.table([search._row(one, found, 1_000) for one, found in taken.items()])
    assert len(lines) == len(search.FILTERS) + 2 and "everybody, any" in lines[1]
