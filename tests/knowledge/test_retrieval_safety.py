"""Whoever asks, however they ask: nothing comes out that they may not see, and nothing breaks."""

import random
from dataclasses import replace

import pytest
from django.db import connection

from knowledge import indexing, publishing
from knowledge.candidates import find_candidates, search_statement
from knowledge.embedding import embed_question
from knowledge.lexemes import find_terms, matching_query
from knowledge.models import Audience, Embedding
from knowledge.retrieval import MAX_QUESTION_CHARS, Retrieval, clean, find_passages
from knowledge.scope import Scope, Survey, survey
from knowledge.vector_index import build_index
from tests.knowledge.test_retrieval import write

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = ["refund", "limit", "discount", "margin", "password", "warehouse", "supplier", "parcel", "courier", "warranty"]
READERS = [("public",), ("public", "customers"), ("public", "customers", "internal")]
PROBES = 150
MANY = Survey(passages=1_000_000, live=1_000_000, languages=frozenset({"en"}))
HOSTILE = [
    "the of and is",
    "*",
    "?!",
    "🤷🏽‍♀️🎒",
    "<!-- -->",
    "refund " * 20_000,
    "refund\x00limit\x07",
    "refund \udfff limit",
    "'; DROP TABLE knowledge_chunk; --",
    "refund | & ! <-> ( ) :* 'limit'",
    r"C:\refund\limit \' \\",
    "%s %(query)s {vector} %",
    "返金 の 方法",
    "ＲＥＦＵＮＤ ʇıɯıן",
    "https://shop.example/refund?limit=1&x='y'",
    "a" * 100_000,
    " ".join(f"word{number}" for number in range(5_000)),
]


@pytest.fixture
def canaries(fake_model):
    """For each audience articles of the same words, so that each is the best answer to each probe."""
    articles = {}
    for audience in Audience.values:
        for number in range(3):
            body = f"CANARY-{audience} {' '.join(WORDS)}. It is article {number} about {WORDS[number]}."
            articles[f"{audience}-{number}"] = write(f"{audience} {number}", body, audience=audience)
    indexing.embed_stale()
    return articles


def scope_of(readers, language: str | None = None) -> Scope:
    scope = Scope.of(readers, indexing.active_space(), language=language)
    assert scope is not None
    return scope


def probes(count: int = PROBES) -> list[str]:
    chance = random.Random(7)
    return [
        " ".join(chance.choices([*WORDS, "CANARY-internal", "customers"], k=chance.randint(1, 8))) for _ in range(count)
    ]


@pytest.mark.parametrize("few", [True, False])  # few are all read, many walked through
@pytest.mark.parametrize("readers", READERS)
def test_no_arm_shows_a_reader_what_others_may_see(canaries, readers, few):
    space = indexing.active_space()
    scope = scope_of(readers)
    vector = embed_question(indexing.recipe_of(space), " ".join(WORDS))
    allowed = {article.pk for article in canaries.values() if article.audience in readers}
    known = survey(scope)
    assert known.passages == len(allowed) and known.languages == {"en"} and known.few
    known = known if few else replace(known, passages=1_000_000)
    seen = set()
    for probe in probes():
        terms = find_terms(probe, languages=["en"], scope=scope, total=9)
        by_words = find_candidates(terms=terms, scope=scope, known=known, space=None, vector=None)
        by_meaning = find_candidates(terms=[], scope=scope, known=known, space=space, vector=vector)
        together = find_candidates(terms=terms, scope=scope, known=known, space=space, vector=vector)
        seen |= {candidate.article_id for candidate in [*by_words, *by_meaning, *together]}
    assert seen == allowed


def test_a_changed_audience_holds_at_once(canaries):
    article = canaries["public-0"]
    article.audience = Audience.INTERNAL
    publishing.save_draft(article=article, by=None)
    found = find_passages(" ".join(WORDS), limit=50)
    assert article.pk not in found.ranked_article_ids and len(found.ranked_article_ids) == 2


@pytest.mark.parametrize("withdraw", [publishing.unpublish, publishing.archive, publishing.delete])
def test_what_is_withdrawn_is_gone_at_once(canaries, withdraw):
    article = canaries["public-1"]
    key = article.pk
    assert key in find_passages(" ".join(WORDS), limit=50).ranked_article_ids
    withdraw(article=article, by=None)
    found = find_passages(" ".join(WORDS), limit=50)
    assert key not in found.ranked_article_ids
    assert all(passage.article_id != key for passage in found.passages)
    assert not Embedding.objects.filter(chunk__article=key).exists()


def test_an_unknown_audience_is_an_error_and_none_sees_nothing(canaries):
    with pytest.raises(ValueError, match="everyone"):
        find_passages("refund", audiences=["everyone"])
    assert find_passages("refund", audiences=[]) == Retrieval()


def test_an_empty_question_finds_nothing(canaries):
    assert [find_passages(nothing) for nothing in ("", "   ", "\x00\n", "\ud800")] == [Retrieval()] * 4


def test_a_hostile_question_is_searched_as_words(canaries):
    for hostile in HOSTILE:
        found = find_passages(hostile)
        assert len(found.passages) <= 3 and 0 <= found.answerable <= 1, hostile[:40]
        assert all(passage.text.startswith("CANARY-public") for passage in found.passages), hostile[:40]


def test_a_question_is_cut_and_cleaned():
    assert clean("  re\x00fund\r\nlimit\x7f ") == "re fund  limit"
    assert len(clean("x" * 100_000)) == MAX_QUESTION_CHARS


def test_rare_words_choose_what_is_ranked(canaries):
    terms = find_terms("refund of article 2 zeppelin", languages=["en"], scope=scope_of(["public"]), total=3)
    weights = {term.queries[0]: term.weight for term in terms}
    assert weights["'zeppelin'"] > weights["'2'"] > weights["'refund'"] > 0
    assert "zeppelin" not in matching_query(terms) and "'2'" in matching_query(terms)


def test_the_index_of_the_space_is_used(canaries):
    space = indexing.active_space()
    build_index(space)
    vector = embed_question(indexing.recipe_of(space), "refund")
    sql, values = search_statement(terms=[], scope=scope_of(READERS[1]), known=MANY, space=space, vector=vector)
    with connection.cursor() as cursor:
        # A few rows are read and sorted faster than an index is walked: leave the planner no other way.
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off")
        try:
            cursor.execute("EXPLAIN " + sql, values)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_sort")
    assert f"Index Scan using embedding_hnsw_{space.pk}" in plan
