"""The engine writes what transformers writes, whoever else is there; and it is fair, bounded and quick to let go."""

import resource
from pathlib import Path

import pytest
import torch

from supportbot.inference.cache import States
from supportbot.inference.completion import Finished, Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama, UnsupportedModel
from supportbot.inference.refusals import Busy

from .conftest import Client, run, spell

PROMPTS = [[5, 9, 17, 33], list(range(20, 70)), [150, 2, 2, 60, 7, 90, 111], [3], list(range(100, 20, -2))]


def engine_of(model: Llama, **limits) -> Engine:
    return Engine(model, **({"max_batch": 4, "max_waiting": 16} | limits))


@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_one_answer_is_that_of_transformers(llama, expected, prompt):
    client, engine = Client(llama, prompt, Sampling(24)), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(prompt, 24)
    assert client.text == spell(client.sequence.output)
    assert client.finished == Finished("length", len(prompt), 24)


def test_answers_that_join_and_leave_midway_do_not_change_each_other(llama, expected):
    engine = engine_of(llama, max_batch=3)
    lengths = [30, 5, 18, 9, 25]
    clients = [Client(llama, prompt, Sampling(length)) for prompt, length in zip(PROMPTS, lengths, strict=True)]
    for client in clients:
        engine.submit(client.sequence)
        for _ in range(3):
            engine.step()
    run(engine)
    for client, prompt, length in zip(clients, PROMPTS, lengths, strict=True):
        assert client.sequence.output == expected(prompt, length)


def test_a_prompt_read_in_chunks_gives_the_same_answer(llama, expected, monkeypatch):
    monkeypatch.setattr("supportbot.inference.engine.CHUNK", 7)
    client, engine = Client(llama, PROMPTS[1], Sampling(12)), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(PROMPTS[1], 12)


def test_a_shared_beginning_is_read_once(llama, expected):
    engine, shared = engine_of(llama), list(range(20, 60))
    for tail in ([7, 8], [9], [7, 8]):
        client = Client(llama, shared + tail, Sampling(10))
        engine.submit(client.sequence)
        run(engine)
        assert client.sequence.output == expected(shared + tail, 10)
    assert engine.prompt_tokens == 42 + 1 + 1  # the last token of a prompt is always read
    assert engine.reused_tokens == 40 + 41


def test_a_shared_beginning_is_copied_from_an_answer_that_still_runs(llama, expected):
    engine, shared = engine_of(llama), list(range(20, 60))
    first, second = Client(llama, [*shared, 3], Sampling(20)), Client(llama, [*shared, 4], Sampling(20))
    engine.submit(first.sequence)
    engine.step()
    engine.submit(second.sequence)
    run(engine)
    assert engine.reused_tokens == 40
    assert first.sequence.output == expected([*shared, 3], 20)
    assert second.sequence.output == expected([*shared, 4], 20)


def test_a_long_prompt_does_not_stop_the_others_writing(llama, monkeypatch):
    monkeypatch.setattr("supportbot.inference.engine.CHUNK_BESIDE_OTHERS", 10)
    engine = engine_of(llama)
    writer, reader = Client(llama, PROMPTS[0], Sampling(50)), Client(llama, PROMPTS[1], Sampling(2))
    engine.submit(writer.sequence)
    engine.step()
    engine.submit(reader.sequence)
    before = len(writer.sequence.output)
    while not reader.sequence.output:
        engine.step()
    assert len(writer.sequence.output) - before == 5


def test_repeated_words_are_written_in_fewer_steps(llama, expected):
    client, engine = Client(llama, [15], Sampling(100)), engine_of(llama)  # after which this model repeats itself
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected([15], 100)
    assert engine.steps == 99 - engine.guessed_tokens
    assert engine.guessed_tokens >= 10


def test_an_answer_ends_at_the_end_token_which_is_not_shown(llama, expected):
    written = expected(PROMPTS[0], 20)
    end = written[6]
    client, engine = Client(llama, PROMPTS[0], Sampling(20), frozenset({end})), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    kept = written[: written.index(end)]
    assert client.text == spell(kept)
    assert client.finished == Finished("stop", 4, len(kept) + 1)


def test_an_answer_ends_before_a_stop_string(llama, expected):
    written = spell(expected(PROMPTS[0], 20))
    stop = written[15:21]
    client, engine = Client(llama, PROMPTS[0], Sampling(20, stop=(stop,))), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    assert client.text == written[: written.index(stop)]
    assert client.finished is not None
    assert client.finished.reason == "stop"


def test_a_client_that_left_is_dropped_before_the_next_step(llama, expected):
    engine = engine_of(llama)
    leaver, stayer = Client(llama, PROMPTS[0], Sampling(60)), Client(llama, PROMPTS[2], Sampling(40))
    engine.submit(leaver.sequence)
    engine.submit(stayer.sequence)
    for _ in range(5):
        engine.step()
    written = len(leaver.sequence.output)
    leaver.sequence.cancel()
    engine.step()
    assert engine.running == 1
    assert len(leaver.sequence.output) == written
    assert leaver.finished == Finished("cancelled", 4, written)
    run(engine)
    assert stayer.sequence.output == expected(PROMPTS[2], 40)


def test_a_client_that_left_while_waiting_is_never_computed(llama):
    engine = engine_of(llama, max_batch=1)
    first, second = Client(llama, PROMPTS[0], Sampling(10)), Client(llama, PROMPTS[1], Sampling(10))
    engine.submit(first.sequence)
    engine.submit(second.sequence)
    second.sequence.cancel()
    run(engine)
    assert second.sequence.output == []
    assert engine.prompt_tokens == len(PROMPTS[0])


def test_the_waiting_line_is_bounded(llama):
    engine = engine_of(llama, max_waiting=2)
    for _ in range(2):
        engine.submit(Client(llama, PROMPTS[0], Sampling(4)).sequence)
    with pytest.raises(Busy):
        engine.submit(Client(llama, PROMPTS[0], Sampling(4)).sequence)


def test_more_than_the_context_holds_is_refused(llama):
    with pytest.raises(ValueError, match="128"):
        engine_of(llama).submit(Client(llama, list(range(2, 102)), Sampling(29)).sequence)


def test_nobody_overtakes(llama):
    engine = engine_of(llama, max_batch=1)
    clients = [Client(llama, PROMPTS[0], Sampling(5)) for _ in range(3)]
    for client in clients:
        engine.submit(client.sequence)
    ended = []
    while engine.busy:
        engine.step()
        ended += [client for client in clients if client.finished and client not in ended]
    assert ended == clients


def test_a_client_that_left_in_the_middle_of_its_prompt_frees_its_place_before_the_next_step(llama, monkeypatch):
    monkeypatch.setattr("supportbot.inference.engine.CHUNK", 7)
    engine = engine_of(llama, max_batch=1)
    leaver, next_one = Client(llama, PROMPTS[1], Sampling(5)), Client(llama, PROMPTS[0], Sampling(5))
    engine.submit(leaver.sequence)
    engine.submit(next_one.sequence)
    engine.step()
    leaver.sequence.cancel()
    engine.step()
    assert leaver.finished == Finished("cancelled", len(PROMPTS[1]), 0)
    assert len(next_one.sequence.output) >= 1


def test_what_is_kept_of_ended_answers_is_bounded_and_the_latest_stays(llama, monkeypatch):
    token = 2 * 2 * 2 * 16 * 4  # bytes: keys and values, layers, heads, their width, float32
    monkeypatch.setattr("supportbot.inference.cache.KEPT_BYTES", 150 * token)
    engine = engine_of(llama)
    for first in range(100, 108):
        client = Client(llama, list(range(first, first + 40)), Sampling(5))
        engine.submit(client.sequence)
        run(engine)
        assert 0 < engine.kept_tokens <= 150
    again = Client(llama, [*range(107, 147), 3], Sampling(5))
    engine.submit(again.sequence)
    run(engine)
    assert engine.reused_tokens >= 40


def test_memory_is_taken_only_where_it_is_written(llama):
    """A sequence that may become long costs no more than what it has become."""
    before = resident_bytes()
    states = [
        States((8, 8, 4096, 64), torch.float32, None, torch.device("cpu")) for _ in range(8)
    ]  # 1 GiB for the keys and as much for the values
    assert resident_bytes() - before < 2**24
    states[0].keys[:, :, :32] = 1
    assert states[0].keys[7, 7, 31].sum() == 64
    assert resident_bytes() - before < 2**25
    states[1].keys.fill_(1)
    grown = resident_bytes()
    del states
    assert resident_bytes() < grown - 2**26, "what a sequence held goes back to the system"


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_sampling_with_a_seed_repeats_itself_and_varies_without(llama):
    def drawn(seed: int | None) -> list[int]:
        client, engine = Client(llama, PROMPTS[0], Sampling(30, temperature=1.5, seed=seed)), engine_of(llama)
        engine.submit(client.sequence)
        run(engine)
        return client.sequence.output

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_a_tiny_top_p_leaves_the_likeliest_only(llama, expected):
    client, engine = Client(llama, PROMPTS[0], Sampling(15, temperature=1.0, top_p=1e-6, seed=1)), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(PROMPTS[0], 15)


def test_a_beginning_that_one_adapter_read_is_not_taken_for_another(llama):
    """The same words mean other states to another reader."""
    layers, shapes = len(llama.layers), {"q_proj": (64, 32), "v_proj": (32, 32)}  # out, in
    tensors = {
        f"base_model.model.model.layers.{layer}.self_attn.{name}.lora_{half}.weight": torch.full(size, 0.1)
        for layer in range(layers)
        for name, (out, into) in shapes.items()
        for half, size in (("A", (2, into)), ("B", (out, 2)))
    }
    engine, prompt = engine_of(llama), list(range(20, 60))
    reused = []
    for reader in (llama, llama.tuned(tensors, 1.0), llama.tuned(tensors, 1.0), llama):
        client = Client(reader, prompt, Sampling(4))
        engine.submit(client.sequence)
        run(engine)
        reused.append(engine.reused_tokens)
    assert reused == [0, 0, 0, len(prompt) - 1]


def test_how_likely_each_word_was_is_told_before_any_sampling(llama, expected, tiny):
    client, engine = Client(llama, PROMPTS[0], Sampling(6, chances=3)), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    told = [chance for event in client.events for chance in event.chances]
    assert "".join(chance.token for chance in told) == client.text
    with torch.inference_mode():
        exact = torch.log_softmax(tiny(torch.tensor([PROMPTS[0]])).logits[0, -1], -1)
    first = expected(PROMPTS[0], 1)[0]
    assert told[0].logprob == pytest.approx(exact[first].item(), abs=1e-3)
    assert [value for _, value in told[0].likeliest] == pytest.approx(exact.topk(3).values.tolist(), abs=1e-3)
    assert told[0].likeliest[0] == (spell([first]), told[0].logprob)


def test_nothing_is_told_of_likelihoods_unless_it_is_asked_for(llama):
    client, engine = Client(llama, PROMPTS[0], Sampling(6)), engine_of(llama)
    engine.submit(client.sequence)
    run(engine)
    assert not any(event.chances for event in client.events)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_numbers_that_are_none_do_not_end_the_thread_that_computes(llama, broken):
    """An adapter may give them for some prompt that nobody has tried."""
    client = Client(llama, PROMPTS[0], Sampling(3, temperature=1.0, seed=1))
    logits = torch.full((1, 200), broken)
    written, _ = client.sequence.take(logits, [0], [])
    assert written == 1 and 0 <= client.sequence.output[0] < 200


def test_another_architecture_is_refused_by_name(tiny):
    class Other:
        config = type("Config", (), {"model_type": "gpt2"})()

    with pytest.raises(UnsupportedModel, match="gpt2"):
        Llama(Other(), dtype=torch.float32, context=16)
