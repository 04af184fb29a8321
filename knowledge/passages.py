"""The passages of an article: one set for each cut that a space needs. Only the verbs of `publishing` call this.

The article is locked by whoever comes here. Which spaces there are stays as it is until the transaction ends.
"""

from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from knowledge import indexing
from knowledge.chunking import Piece, TooManyPieces, most_tokens, split
from knowledge.embedding import text_hash
from knowledge.models import Article, Attempt, Chunk, Embedding, Revision

# PostgreSQL's text search knows these languages; the others are searched word by word as they are written.
SEARCH_CONFIGS = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ru": "russian", "sv": "swedish",
    "tr": "turkish",
}  # fmt: skip


class Uncuttable(ValueError):
    """There are no passages, or too many; the text is a sentence for the person who asked for them."""


def search_config(language: str) -> str:
    """The name of PostgreSQL's text search configuration for a language."""
    return SEARCH_CONFIGS.get(language, "simple")


@transaction.atomic
def add_cut(*, article_id: UUID, cut: str) -> int:
    """Cut what is published of an article for a space that is being built. Gives how many passages were made.

    Raises Uncuttable if there would be too many.
    """
    article = Article.objects.select_for_update().filter(pk=article_id).first()
    indexing.lock_spaces(shared=True)
    if article is None or article.live_revision is None or cut not in indexing.needed_cuts():
        return 0
    if Chunk.objects.filter(article=article, live=True, cut=cut).exists():
        return 0
    revision = article.live_revision
    try:
        pieces = split(revision.title, revision.body, most_tokens(cut))
    except TooManyPieces as error:
        raise Uncuttable(str(error)) from None
    return len(_make_passages(article, revision, cut, pieces))


def searched_pieces(title: str, body: str) -> list[Piece]:
    """A text as it would be searched if it were published now. TooManyPieces beyond the limit."""
    return split(title, body, most_tokens(indexing.active_cut()))


def cut_article(title: str, body: str) -> dict[str, list[Piece]]:
    """The pieces of each cut that a space needs. Uncuttable if there are none, or too many for the one searched."""
    indexing.lock_spaces(shared=True)
    searched = indexing.active_cut()
    pieces: dict[str, list[Piece]] = {}
    for cut in indexing.needed_cuts():
        try:
            pieces[cut] = split(title, body, most_tokens(cut))
        except TooManyPieces as error:
            if cut == searched:
                raise Uncuttable(str(error)) from None
    if not any(pieces.values()):
        raise Uncuttable("An article without text cannot be published. Write its body first.")
    return pieces


def replace_passages(article: Article, revision: Revision, pieces: dict[str, list[Piece]]) -> bool:
    """Make these pieces the live passages of each cut; unchanged ones keep vectors. Gives whether any differed."""
    live = list(Chunk.objects.filter(article=article, live=True).order_by("position"))
    replaced = False
    for cut in sorted({chunk.cut for chunk in live} | set(pieces)):
        old, wanted = [chunk for chunk in live if chunk.cut == cut], pieces.get(cut, [])
        if [(chunk.heading, chunk.anchor, chunk.text) for chunk in old] == [
            (piece.heading, piece.anchor, piece.text) for piece in wanted
        ] and all(chunk.revision_id == revision.pk for chunk in old):
            continue
        new = _make_passages(article, revision, cut, wanted)
        _copy_vectors([chunk.pk for chunk in old], new)
        retire(Chunk.objects.filter(pk__in=[chunk.pk for chunk in old]))
        replaced = True
    if replaced:
        Attempt.objects.filter(article=article).delete()  # another text may be embedded where the last could not
    return replaced


def _make_passages(article: Article, revision: Revision, cut: str, pieces: list[Piece]) -> list[int]:
    used = revision.chunks.filter(cut=cut).order_by("-position").values_list("position", flat=True).first()
    new = [
        Chunk(
            revision=revision,
            article=article,
            cut=cut,
            position=position,
            heading=piece.heading,
            anchor=piece.anchor,
            text=piece.text,
            text_hash=text_hash(revision.title, piece.heading, piece.text),
            audience=article.audience,
            language=article.language,
        )
        for position, piece in enumerate(pieces, 0 if used is None else used + 1)
    ]
    Chunk.objects.bulk_create(new, batch_size=500)
    keys = [chunk.pk for chunk in new]
    set_search_words(article, keys)
    return keys


def _copy_vectors(old: list[int], new: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
               SELECT DISTINCT ON (new.id, made.space_id)
                      new.id, made.space_id, made.vector, new.audience, new.language, now()
               FROM knowledge_chunk new
               JOIN knowledge_chunk old ON old.text_hash = new.text_hash AND old.id = ANY(%s)
               JOIN knowledge_embedding made ON made.chunk_id = old.id
               WHERE new.id = ANY(%s)""",
            [old, new],
        )


def retire(chunks: QuerySet[Chunk]) -> None:
    keys = list(chunks.values_list("pk", flat=True))
    Embedding.objects.filter(chunk__in=keys).delete()
    Chunk.objects.filter(pk__in=keys).update(live=False)


def set_search_words(article: Article, keys: list[int]) -> None:
    """The words of these passages as PostgreSQL searches them: title A, headings B, text C."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE knowledge_chunk chunk
               SET search = setweight(to_tsvector(%(config)s::regconfig, revision.title), 'A')
                         || setweight(to_tsvector(%(config)s::regconfig, chunk.heading), 'B')
                         || setweight(to_tsvector(%(config)s::regconfig, chunk.text), 'C')
               FROM knowledge_revision revision
               WHERE revision.id = chunk.revision_id AND chunk.id = ANY(%(keys)s)""",
            {"config": search_config(article.language), "keys": keys},
        )
