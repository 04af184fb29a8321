"""A text is as relevant as its sentences are near to the telling words of a question, and says which word is far."""

import pytest
import torch

from supportbot.inference import reader as reading
from supportbot.inference.encoder import Encoder
from supportbot.inference.reader import BATCH_TOKENS, MAX_WAITING, Reader, Reading, ReadingRequest
from supportbot.inference.refusals import Busy
from supportbot.inference.weights import encoder_folder

QUESTION = "How much does shipping to Norway cost?"
ANSWER = "Shipping\n\nWe ship to Norway for 12 euros. It takes three days."
NEAR = "Shipping\n\nWe ship to Austria for 4 euros. It takes three days."
FAR = "Tents\n\nThe poles are made of aluminium. Wash the fabric by hand."


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(encoder_folder(), torch.float32)


def request_of(encoder: Encoder, question: str, texts: list[str]) -> tuple[ReadingRequest, list[list[Reading]]]:
    results: list[list[Reading]] = []
    asked, *pieces = encoder.pieces([question, *texts])
    return ReadingRequest(encoder, asked, list(zip(texts, pieces, strict=True)), results.append), results


def readings_of(encoder: Encoder, question: str, texts: list[str], reader: Reader | None = None) -> list[Reading]:
    reader = reader or Reader()
    request, results = request_of(encoder, question, texts)
    reader.submit(request)
    for _ in range(len(texts) + 2):
        if not results:
            reader.step()
    assert not reader.has_work
    return results[0]


def test_the_text_that_answers_is_the_most_relevant(encoder):
    answer, near, far = readings_of(encoder, QUESTION, [ANSWER, NEAR, FAR])
    assert answer.relevance > near.relevance > far.relevance


def test_a_word_that_the_text_does_not_speak_of_is_noticed(encoder):
    answer, near, _far = readings_of(encoder, QUESTION, [ANSWER, NEAR, FAR])
    assert answer.least > near.least + 0.2
    assert answer.least_shallow > near.least_shallow


def test_the_order_of_the_texts_changes_nothing(encoder):
    first = readings_of(encoder, QUESTION, [ANSWER, NEAR, FAR])
    second = readings_of(encoder, QUESTION, [FAR, ANSWER, NEAR])
    for one, other in zip(first, [second[1], second[2], second[0]], strict=True):
        assert one.relevance == pytest.approx(other.relevance, abs=1e-4)
        assert one.least == pytest.approx(other.least, abs=1e-4)


def test_two_neighbouring_sentences_are_read_together_and_no_more(encoder):
    together = "The lamp needs batteries. They last for ten hours."
    apart = "The lamp needs batteries. Wash it by hand. Keep it dry. It is blue. They last for ten hours."
    near, far = readings_of(encoder, "How many hours do the batteries of the lamp last?", [together, apart])
    assert near.relevance > far.relevance


def test_each_sentence_is_told_apart_with_its_place(encoder):
    text = "Shipping\nAbroad\nTents are pitched by hand. We ship to Norway for 12 euros. It takes three days."
    (found,) = readings_of(encoder, QUESTION, [text])
    told = {text[one.start :].split(".")[0].split("\n")[0]: one for one in found.sentences}
    assert list(told) == [
        "Shipping",
        "Abroad",
        "Tents are pitched by hand",
        "We ship to Norway for 12 euros",
        "It takes three days",
    ]
    alone = {words: one.alone for words, one in told.items()}
    assert max(alone, key=lambda words: alone[words]) == "We ship to Norway for 12 euros"
    assert all(one.headed >= one.alone for one in found.sentences)
    assert told["It takes three days"].headed > told["It takes three days"].alone


def test_what_the_encoder_cannot_reach_has_no_reading(encoder):
    text = "Shipping\n" + "We ship to Norway. " * 200
    (found,) = readings_of(encoder, QUESTION, [text])
    assert 10 < len(found.sentences) < 201


def test_a_passage_that_was_read_lately_is_not_encoded_again(encoder, monkeypatch):
    encoded: list[int] = []
    real = encoder.piece_vectors
    monkeypatch.setattr(encoder, "piece_vectors", lambda texts: encoded.append(len(texts)) or real(texts))
    reader = Reader()
    first = readings_of(encoder, QUESTION, [ANSWER, NEAR], reader)
    assert readings_of(encoder, QUESTION, [ANSWER, NEAR], reader) == first
    assert encoded == [1, 2, 1]  # question, passages; question


def test_the_cache_is_bounded(encoder, monkeypatch):
    monkeypatch.setattr(reading, "CACHED_TOKENS", 60)
    reader = Reader()
    for number in range(6):
        readings_of(encoder, QUESTION, [f"{ANSWER} {number}"], reader)
    assert reader._cached_tokens <= 60
    assert reader._cached_tokens == sum(len(key) for key in reader._cache)


def test_many_long_texts_are_encoded_in_several_steps(encoder):
    texts = [f"{number} " + "the aluminium pole bends " * 80 for number in range(7)]
    assert sum(len(text.ids) for text in encoder.pieces(texts)) > BATCH_TOKENS
    request, results = request_of(encoder, QUESTION, texts)
    reader = Reader()
    reader.submit(request)
    reader.step()
    assert not results and reader.has_work
    reader.step()
    assert len(results[0]) == 7 and not reader.has_work


@pytest.mark.parametrize("question", ["?", "what is the", "¿", "a" * 5_000, "\u200b"])
@pytest.mark.parametrize("text", ["", " ", "\n\n", "!", "x" * 20_000])
def test_odd_questions_and_texts_are_read(encoder, question, text):
    (found,) = readings_of(encoder, question, [text])
    assert all(-1.01 <= value <= 1.01 for value in (found.relevance, found.shallow, found.least, found.least_shallow))


def test_a_client_that_hung_up_costs_no_computing(encoder):
    reader = Reader()
    request, results = request_of(encoder, QUESTION, [ANSWER])
    request.cancelled = True
    reader.submit(request)
    reader.step()
    assert not results and not reader.has_work and not request.vectors


def test_a_long_line_is_refused(encoder):
    reader = Reader()
    request, _ = request_of(encoder, QUESTION, [ANSWER])
    for _ in range(MAX_WAITING):
        reader.submit(request)
    with pytest.raises(Busy):
        reader.submit(request)


def test_rare_words_of_a_question_count_and_common_ones_do_not(encoder):
    (pieces,) = encoder.pieces(["what is the waterproofness of 7 cairn jackets?"])
    ranks = encoder.ranks(pieces.own_ids)
    words = encoder._tokenizer.convert_ids_to_tokens(pieces.own_ids)
    weights = dict(zip(words, reading.piece_weights(ranks).tolist(), strict=True))
    assert weights["what"] == weights["the"] == weights["?"] == 0
    assert weights["jackets"] > weights["7"] > 0
    assert sum(weights.values()) == pytest.approx(1)
