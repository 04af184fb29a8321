"""The engine writes what transformers writes, whoever else is there; and it is fair, bounded and quick to let go."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from supportbot.inference.completion import Finished, Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama, UnsupportedModel
from supportbot.inference.refusals import Busy
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import generator_folder

from .conftest import Client, run, spell

PROMPTS = [[5, 9, 17, 33], list(range(20, 70)), [150, 2, 2, 60, 7, 90, 111], [3], list(range(100, 20, -2))]


def engine_of(**limits) -> Engine:
    return Engine(**({"max_batch": 4, "max_waiting": 16, "max_lanes": 2} | limits))


@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_one_answer_is_that_of_transformers(llama, expected, prompt):
    client, engine = Client(llama, prompt, Sampling(24)), engine_of()
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(prompt, 24)
    assert client.text == spell(client.sequence.output)
    assert client.finished == Finished("length", len(prompt), 24)


def test_answers_that_join_and_leave_midway_do_not_change_each_other(llama, expected):
    engine = engine_of(max_batch=3)
    lengths = [30, 5, 18, 9, 25]
    clients = [Client(llama, prompt, Sampling(length)) for prompt, length in zip(PROMPTS, lengths, strict=True)]
    for client in clients:
        engine.submit(client.sequence)
        for _ in range(3):
            engine.step()
    run(engine)
    for client, prompt, length in zip(clients, PROMPTS, lengths, strict=True):
        assert client.sequence.output == expected(prompt, length)


def test_what_the_memory_held_before_does_not_reach_an_answer(llama, expected):
    """A longer neighbour makes a shorter answer look at places of the cache that nobody wrote."""
    for _ in range(20):
        spoilt = [torch.full_like(llama.new_cache(4).keys, float("nan")) for _ in range(2)]
        del spoilt
        engine = engine_of()
        long, short = Client(llama, PROMPTS[1], Sampling(12)), Client(llama, PROMPTS[0], Sampling(12))
        engine.submit(long.sequence)
        engine.submit(short.sequence)
        run(engine)
        assert short.sequence.output == expected(PROMPTS[0], 12)


def test_a_prompt_read_in_chunks_gives_the_same_answer(llama, expected, monkeypatch):
    monkeypatch.setattr("supportbot.inference.engine.CHUNK", 7)
    client, engine = Client(llama, PROMPTS[1], Sampling(12)), engine_of()
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(PROMPTS[1], 12)


def test_a_shared_beginning_is_read_once(llama, expected):
    engine, shared = engine_of(), list(range(20, 60))
    for tail in ([7, 8], [9], [7, 8]):
        client = Client(llama, shared + tail, Sampling(10))
        engine.submit(client.sequence)
        run(engine)
        assert client.sequence.output == expected(shared + tail, 10)
    assert engine.prompt_tokens == 42 + 1 + 2
    assert engine.reused_tokens == 40 + 40


def test_a_shared_beginning_is_copied_from_an_answer_that_still_runs(llama, expected):
    engine, shared = engine_of(), list(range(20, 60))
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
    engine = engine_of()
    writer, reader = Client(llama, PROMPTS[0], Sampling(50)), Client(llama, PROMPTS[1], Sampling(2))
    engine.submit(writer.sequence)
    engine.step()
    engine.submit(reader.sequence)
    before = len(writer.sequence.output)
    while not reader.sequence.output:
        engine.step()
    assert len(writer.sequence.output) - before == 5


def test_repeated_words_are_written_in_fewer_steps(llama, expected):
    client, engine = Client(llama, PROMPTS[0], Sampling(60)), engine_of()
    engine.submit(client.sequence)
    run(engine)
    written = client.sequence.output
    assert written == expected(PROMPTS[0], 60)
    again, engine = Client(llama, PROMPTS[0] + written + PROMPTS[0], Sampling(40)), engine_of()
    engine.submit(again.sequence)
    run(engine)
    assert again.sequence.output == expected(PROMPTS[0] + written + PROMPTS[0], 40)
    assert engine.steps < 40


def test_an_answer_ends_at_the_end_token_which_is_not_shown(llama, expected):
    written = expected(PROMPTS[0], 20)
    end = written[6]
    client, engine = Client(llama, PROMPTS[0], Sampling(20), frozenset({end})), engine_of()
    engine.submit(client.sequence)
    run(engine)
    kept = written[: written.index(end)]
    assert client.text == spell(kept)
    assert client.finished == Finished("stop", 4, len(kept) + 1)


def test_an_answer_ends_before_a_stop_string(llama, expected):
    written = spell(expected(PROMPTS[0], 20))
    stop = written[15:21]
    client, engine = Client(llama, PROMPTS[0], Sampling(20, stop=(stop,))), engine_of()
    engine.submit(client.sequence)
    run(engine)
    assert client.text == written[: written.index(stop)]
    assert client.finished is not None
    assert client.finished.reason == "stop"


def test_a_client_that_left_is_dropped_before_the_next_step(llama, expected):
    engine = engine_of()
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
    engine = engine_of(max_batch=1)
    first, second = Client(llama, PROMPTS[0], Sampling(10)), Client(llama, PROMPTS[1], Sampling(10))
    engine.submit(first.sequence)
    engine.submit(second.sequence)
    second.sequence.cancel()
    run(engine)
    assert second.sequence.output == []
    assert engine.prompt_tokens == len(PROMPTS[0])


def test_the_waiting_line_is_bounded(llama):
    engine = engine_of(max_waiting=2)
    for _ in range(2):
        engine.submit(Client(llama, PROMPTS[0], Sampling(4)).sequence)
    with pytest.raises(Busy):
        engine.submit(Client(llama, PROMPTS[0], Sampling(4)).sequence)


def test_more_than_the_context_holds_is_refused(llama):
    with pytest.raises(ValueError, match="128"):
        engine_of().submit(Client(llama, list(range(2, 102)), Sampling(29)).sequence)


def test_models_take_turns(tiny, llama):
    other = Llama(tiny, dtype=torch.float32, context=128)
    engine = engine_of()
    clients = [Client(model, PROMPTS[0], Sampling(60)) for model in (llama, other)]
    for client in clients:
        engine.submit(client.sequence)
    for _ in range(40):
        engine.step()
    written = [len(client.sequence.output) for client in clients]
    assert min(written) >= 15
    run(engine)
    assert clients[0].sequence.output == clients[1].sequence.output


def test_a_third_model_gets_its_lane_even_while_others_keep_asking(tiny, llama):
    engine = engine_of(max_lanes=1)
    other = Llama(tiny, dtype=torch.float32, context=128)
    running, waiting = Client(llama, PROMPTS[0], Sampling(20)), Client(other, PROMPTS[0], Sampling(5))
    later = Client(llama, PROMPTS[2], Sampling(5))
    engine.submit(running.sequence)
    engine.step()
    engine.submit(waiting.sequence)
    engine.submit(later.sequence)
    while waiting.finished is None:
        engine.step()
    assert running.finished is not None
    run(engine)
    assert later.finished is not None


def test_sampling_with_a_seed_repeats_itself_and_varies_without(llama):
    def drawn(seed: int | None) -> list[int]:
        client, engine = Client(llama, PROMPTS[0], Sampling(30, temperature=1.5, seed=seed)), engine_of()
        engine.submit(client.sequence)
        run(engine)
        return client.sequence.output

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_a_tiny_top_p_leaves_the_likeliest_only(llama, expected):
    client, engine = Client(llama, PROMPTS[0], Sampling(15, temperature=1.0, top_p=1e-6, seed=1)), engine_of()
    engine.submit(client.sequence)
    run(engine)
    assert client.sequence.output == expected(PROMPTS[0], 15)


def test_another_architecture_is_refused_by_name(tiny):
    class Other:
        config = type("Config", (), {"model_type": "gpt2"})()

    with pytest.raises(UnsupportedModel, match="gpt2"):
        Llama(Other(), dtype=torch.float32, context=16)


@pytest.mark.model
def test_the_real_weights_give_the_answers_of_transformers_alone_and_together():
    folder = generator_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    llama, engine = Llama(model, dtype=torch.float32, context=512), engine_of()
    questions = ["Name three fruits.", "What is the capital of France?", "Write a line about the sea, please."]
    clients = []
    for question in questions:
        prompt = prompt_ids(tokenizer, [{"role": "user", "content": question}])
        client = Client(llama, prompt, Sampling(16), frozenset({tokenizer.eos_token_id}))
        clients.append(client)
        engine.submit(client.sequence)
        engine.step()
    run(engine)
    for client in clients:
        prompt = client.sequence.prompt
        output = model.generate(torch.tensor([prompt]), max_new_tokens=16, do_sample=False)
        assert client.sequence.output == output[0, len(prompt) :].tolist()
    assert "Paris" in tokenizer.decode(clients[1].sequence.output)
