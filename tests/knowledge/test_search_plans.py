"""In a large knowledge base: which way a search goes, decided by how much of it is meant, and that little is missed."""

from dataclasses import asdict, replace

import pytest
from django.db import connection

from knowledge import indexing
from knowledge.bench.search import nearest
from knowledge.candidates import find_candidates, search_statement
from knowledge.embedding import default_recipe
from knowledge.lexemes import find_terms, matching_query
from knowledge.models import Article, Category, EmbeddingSpace, Revision
from knowledge.scope import COUNTED_PASSAGES, Scope, Survey, most_read, survey
from knowledge.vector_index import build_index, index_name

pytestmark = pytest.mark.django_db(transaction=True)

PASSAGES, SUBJECTS, DIMENSIONS = 16_000, 160, 64
# Of a hundred passages 80 are public and 20 internal, 3 German; each of a thousand words stands in sixteen passages.
MAKE = """
SELECT setseed(0.5);
CREATE TEMPORARY TABLE subject AS
    SELECT number, array_agg(random() - 0.5) AS place
    FROM generate_series(1, %(subjects)s) AS number, generate_series(1, %(dimensions)s) GROUP BY number;
INSERT INTO knowledge_chunk
    (revision_id, article_id, cut, position, heading, anchor, text, text_hash, live, audience, language, search)
    SELECT %(revision)s, %(article)s, %(cut)s, number, '', '', 'passage ' || number, '', true,
        CASE WHEN number %% 50 < 10 THEN 'internal' ELSE 'public' END,
        CASE WHEN number %% 100 IN (2, 13, 14) THEN 'de' ELSE 'en' END,
        to_tsvector('simple', 'passage of the word' || number %% 1000)
    FROM generate_series(1, %(passages)s) AS number;
INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
    SELECT chunk.id, %(space)s, (
        SELECT array_agg(subject.place[i] + 0.5 * (random() - 0.5))::vector::halfvec
        FROM generate_series(1, %(dimensions)s) AS i WHERE chunk.id > 0
    ), chunk.audience, chunk.language, now()
    FROM knowledge_chunk AS chunk JOIN subject ON subject.number = 1 + chunk.position %% %(subjects)s;
DROP TABLE subject;
"""


@pytest.fixture
def space(services) -> EmbeddingSpace:
    """Rows by SQL: published one by one they would take minutes."""
    recipe = replace(default_recipe(), dimensions=DIMENSIONS)
    space = EmbeddingSpace.objects.create(
        fingerprint=recipe.fingerprint, recipe=asdict(recipe), dimensions=DIMENSIONS, state="active"
    )
    article = Article.objects.create(
        slug="all", title="All", category=Category.objects.create(name="Help", slug="help")
    )
    revision = Revision.objects.create(article=article, number=1, title="All", language="en", audience="public")
    values = {"revision": revision.pk, "article": article.pk, "cut": indexing.active_cut(), "space": space.pk}
    values |= {"passages": PASSAGES, "subjects": SUBJECTS, "dimensions": DIMENSIONS}
    with connection.cursor() as cursor:
        cursor.execute(MAKE, values)
    build_index(space)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE knowledge_chunk, knowledge_embedding")
    return space


def scope_of(space: EmbeddingSpace, *audiences: str, language: str | None = None) -> Scope:
    scope = Scope.of(audiences, space, language=language)
    assert scope is not None
    return scope


def plan_of(scope: Scope, space: EmbeddingSpace, *, words: str = "") -> str:
    known = survey(scope)
    terms = find_terms(words, languages=["ja"], scope=scope, total=known.passages)
    sql, values = search_statement(terms=terms, scope=scope, known=known, space=space, vector=[1.0] * DIMENSIONS)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + sql, values)
        return "\n".join(line for (line,) in cursor.fetchall())


def probes(space: EmbeddingSpace) -> list[list[float]]:
    """Vectors that are near some passages: one of every 800, a little moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT vector::vector::real[] FROM knowledge_embedding WHERE space_id = %s AND id %% 800 = 0", [space.pk]
        )
        return [[value + 0.05 * (-1) ** place for place, value in enumerate(row)] for (row,) in cursor.fetchall()]


def test_many_passages_are_walked_through_and_few_are_read(space):
    graph, btree = f"Index Scan using {index_name(space)}", "embedding_faces"
    wide = [(scope_of(space, "public"), f"{graph}_public"), (scope_of(space, "public", "internal"), f"{graph} on")]
    narrow = [
        scope_of(space, "internal"),
        scope_of(space, "public", "internal", language="de"),
        scope_of(space, "internal", language="de"),
    ]
    for scope, used in wide:
        assert not survey(scope).few
        plan = plan_of(scope, space)
        assert used in plan and btree not in plan
    for scope in narrow:
        assert survey(scope).few
        plan = plan_of(scope, space)
        assert graph not in plan
        # A fifth of so small a table is read as fast without an index.
        assert btree in plan or scope.audiences == ("internal",) and not scope.language


def test_a_third_behind_a_wall_is_read_and_a_third_scattered_is_walked_through(db):
    third = {"passages": 35_000, "live": 100_000, "languages": frozenset({"en"})}
    assert Survey(**third, walled=True).few and not Survey(**third).few
    assert not Survey(passages=35_000, live=40_000, languages=frozenset(), walled=True).few
    assert not Survey(passages=60_000, live=200_000, languages=frozenset(), walled=True).few
    walls = {("internal",): True, ("customers", "public"): True, ("public",): False}
    for audiences, walled in walls.items():
        scope = Scope.of(audiences, None)
        assert scope is not None and scope.walled == walled
    everybody = Scope.of(("customers", "internal", "public"), None)
    assert everybody is not None and not everybody.walled


def test_nearly_all_of_the_ten_nearest_are_found_and_words_are_looked_up(space):
    """At every share."""
    for audiences, language in (
        (("public", "internal"), None),
        (("public",), None),
        (("internal",), None),
        (("public", "internal"), "de"),
        (("internal",), "de"),
    ):
        scope = scope_of(space, *audiences, language=language)
        known, found, there = survey(scope), 0, 0
        for vector in probes(space):
            exact = nearest(scope, space, vector)
            candidates = find_candidates(terms=[], scope=scope, known=known, space=space, vector=vector)
            best = sorted(candidates, key=lambda one: -(one.similarity or 0.0))[: len(exact)]
            found, there = found + len({one.chunk_id for one in best} & {*exact}), there + len(exact)
        assert there >= 100
        assert found / there >= (1.0 if known.few else 0.97), (audiences, language)

    assert_words_are_looked_up(space)


def assert_words_are_looked_up(space: EmbeddingSpace) -> None:
    """Common words are known without being counted, do not choose passages, and nothing reads the whole table."""
    scope = scope_of(space, "public")
    known = survey(scope)
    assert known.passages == PASSAGES > COUNTED_PASSAGES and known.languages == {"en", "de"}
    found = find_terms("passage word7", languages=["ja"], scope=scope, total=PASSAGES)
    terms = {term.queries[0]: term.passages for term in found}
    assert terms["'passage'"] == PASSAGES and 10 <= terms["'word7'"] <= 25
    assert matching_query(found) == "'word7'"
    plan = plan_of(scope, space, words="word7 word8")
    assert "chunk_search_live" in plan and "Seq Scan on knowledge_chunk" not in plan


def test_of_longer_vectors_fewer_are_few(services):
    """What is bounded is the time of reading them: 6,000 of 768 numbers take as long as 12,000 of 384."""
    for dimensions, most in ((64, 12_000), (384, 12_000), (768, 6_000), (3072, 1_500)):
        assert most_read(COUNTED_PASSAGES, dimensions) == most
        for passages in (most - 1, most):
            known = Survey(passages=passages, live=50_000, languages=frozenset(), dimensions=dimensions)
            assert known.few == (passages < most)
    third = Survey(passages=30_000, live=100_000, languages=frozenset(), walled=True, dimensions=768)
    assert not third.few
    space = EmbeddingSpace(recipe=asdict(replace(default_recipe(), dimensions=768)), dimensions=768)
    assert survey(scope_of(space, "public")).dimensions == 768
