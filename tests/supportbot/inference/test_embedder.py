"""Texts that mean alike get vectors that are near; questions overtake bulk work, and bulk work leaves time to chats."""

import itertools
import threading

import pytest
import torch

from supportbot.inference.completion import Sampling
from supportbot.inference.embedder import (
    BATCH_TEXTS,
    BATCH_TOKENS,
    FIRST_TOKENS,
    MAX_WAITING_TEXTS,
    SLICE_SECONDS,
    Embedder,
    EmbeddingRequest,
)
from supportbot.inference.encoder import Encoder
from supportbot.inference.engine import Engine
from supportbot.inference.reader import Reader
from supportbot.inference.refusals import Busy
from supportbot.inference.scheduler import AHEAD_SECONDS, Scheduler
from supportbot.inference.weights import encoder_folder

from .conftest import Client


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(encoder_folder(), torch.float32)


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


def request_of(encoder: Encoder, texts: list[str]) -> tuple[EmbeddingRequest, list[list[list[float]]]]:
    results: list[list[list[float]]] = []
    return EmbeddingRequest(encoder, encoder.tokenize(texts), results.append), results


def vectors_of(encoder: Encoder, texts: list[str]) -> torch.Tensor:
    embedder = Embedder()
    request, results = request_of(encoder, texts)
    embedder.submit(request)
    while not results:
        embedder.step_questions() if embedder.has_questions else embedder.step_bulk()
    return torch.tensor(results[0])


def test_texts_that_mean_alike_are_nearer_than_others(encoder):
    near, also_near, far = vectors_of(
        encoder,
        ["How do I return my order?", "I want to send back what I bought.", "The tent has aluminium poles."],
    )
    assert near @ also_near > near @ far + 0.2
    assert near.norm().item() == pytest.approx(1, abs=1e-5)


def test_vectors_come_in_the_order_of_the_texts_whatever_batch_they_were_in(encoder):
    texts = [f"{'word ' * (number % 7 * 9)}{number}" for number in range(2 * BATCH_TEXTS + 3)]
    together = vectors_of(encoder, texts)
    for index in (0, 6, len(texts) - 1):
        alone = vectors_of(encoder, [texts[index]])[0]
        assert torch.allclose(together[index], alone, atol=1e-4)


def test_batches_stay_small(encoder):
    request, _ = request_of(encoder, ["word " * 150] * 20 + ["short"] * 40)
    sizes = []
    while batch := request.next_batch():
        widest = max(len(request.tokens[index]) for index in batch)
        assert len(batch) <= BATCH_TEXTS
        assert len(batch) * widest <= BATCH_TOKENS
        sizes.append(len(batch))
    assert sum(sizes) == 60


def test_only_the_beginning_of_a_long_text_is_read(encoder):
    tokens = encoder.tokenize(["word " * 5000, ""])
    assert [len(ids) for ids in tokens] == [256, 2]  # what all-MiniLM-L6-v2 was trained for, as its folder says


def test_the_line_is_bounded_in_texts(embedder, encoder):
    tokens = [[101, 102]] * MAX_WAITING_TEXTS
    full = EmbeddingRequest(encoder, tokens, lambda _vectors: None)
    embedder.submit(full)
    with pytest.raises(Busy):
        embedder.submit(EmbeddingRequest(encoder, [[101, 102]], lambda _vectors: None))
    full.cancelled = True
    embedder.step_bulk()
    assert embedder.waiting == 0


def test_a_question_overtakes_bulk_work(embedder, encoder, llama):
    scheduler = Scheduler(Engine(llama, max_batch=2, max_waiting=4), embedder, Reader())
    done: list[str] = []
    all_done = threading.Event()
    bulk = EmbeddingRequest(
        encoder, encoder.tokenize(["text of an article"] * 60), lambda _: (done.append("bulk"), all_done.set())
    )
    question = EmbeddingRequest(encoder, encoder.tokenize(["When?"]), lambda _: done.append("question"))
    scheduler.embed(bulk)
    scheduler.embed(question)
    scheduler.start()
    assert all_done.wait(30)
    scheduler.stop()
    scheduler.join(10)
    assert done == ["question", "bulk"]


def test_an_edit_goes_before_a_whole_knowledge_base(embedder, encoder):
    done: list[str] = []
    for name, count in (("all", 60), ("edit", 3)):
        tokens = encoder.tokenize(["text of an article"] * count)
        embedder.submit(EmbeddingRequest(encoder, tokens, lambda _, name=name: done.append(name)))
    while embedder.has_bulk:
        embedder.step_bulk()
    assert done == ["edit", "all"]


def test_bulk_work_beside_a_chat_gets_a_quarter_of_the_time(encoder, llama):
    """By a clock on which every step takes the same time, and the embedder's own, on which none takes any."""
    clock, embedder = map(float, itertools.count()), Embedder(lambda: 0.0)
    scheduler = Scheduler(Engine(llama, max_batch=2, max_waiting=4), embedder, Reader(), clock.__next__)
    client = Client(llama, [5, 9, 17], Sampling(100, temperature=1.0, seed=1))
    bulk, _ = request_of(encoder, ["some words of an article"] * 1600)
    scheduler.embed(bulk)
    scheduler.chat(client.sequence)
    while client.finished is None:
        scheduler.turn()
    batches = (1600 - len(bulk.todo)) / BATCH_TEXTS
    bulk.cancelled = True
    assert batches == pytest.approx(scheduler.engine.steps / 3, abs=1)


def test_a_slice_is_as_long_as_a_chat_may_wait(encoder):
    """On a machine that reads 1,000 tokens a second, no slice has more than fit into its time, once that is known."""
    clock = 0.0
    embedder = Embedder(lambda: clock)
    request, _ = request_of(encoder, ["word " * 18] * 200)
    embedder.submit(request)
    sizes = []
    plain = encoder.vectors

    def vectors(tokens: list[list[int]]) -> list[list[float]]:
        nonlocal clock
        sizes.append(len(tokens))
        clock += sum(map(len, tokens)) / 1000
        return [[0.0]] * len(tokens)

    encoder.vectors = vectors
    try:
        while embedder.has_bulk:
            embedder.step_bulk()
    finally:
        encoder.vectors = plain
    assert sum(sizes) == 200
    assert sizes[0] * 20 <= FIRST_TOKENS
    assert all(size * 20 <= SLICE_SECONDS * 1000 for size in sizes[10:])


def test_answers_go_on_while_many_questions_are_read(encoder, llama):
    """Each step takes a tenth of a second by this clock; questions may compute so long in a row, and no longer."""
    ticks = (tick / 10 for tick in itertools.count())
    embedder = Embedder()
    scheduler = Scheduler(Engine(llama, max_batch=2, max_waiting=4), embedder, Reader(), lambda: next(ticks))
    client = Client(llama, [5, 9, 17], Sampling(10, temperature=1.0, seed=1))
    scheduler.chat(client.sequence)
    for _ in range(60):
        scheduler.embed(EmbeddingRequest(encoder, encoder.tokenize(["When?"]), lambda _vectors: None))
    turns = 0
    while client.finished is None:
        scheduler.turn()
        turns += 1
    assert turns <= 10 * (1 + AHEAD_SECONDS * 10 + 1)
    assert embedder.has_questions


def test_both_precisions_give_vectors_that_may_be_compared(encoder):
    """So a machine may compute in the faster one, and read vectors that another made."""
    texts = ["How do I return my order?", "The tent weighs two kilos.", "Wash the jacket by hand. " * 12]
    exact = torch.tensor(encoder.vectors(encoder.tokenize(texts)))
    encoder.to(torch.bfloat16)
    coarse = torch.tensor(encoder.vectors(encoder.tokenize(texts)))
    encoder.to(torch.float32)
    assert (exact * coarse).sum(1).min() > 0.995
