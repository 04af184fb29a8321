"""An adapter serves only when everything about it is right; one that serves goes on until a better one is there."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from supportbot.inference import adapters
from supportbot.inference.adapter_files import MANIFEST, WEIGHTS
from supportbot.inference.adapters import GONE_SECONDS, MAX_LOADED, REFUSED_SECONDS, AdapterStore
from supportbot.inference.completion import Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.refusals import AdapterRefused, UnknownModel

from .conftest import Client, run
from .spoiled import BASE, FAULTS, PROMPT, edit_config, make_adapter, sign


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parent(tmp_path) -> Path:
    (tmp_path / "adapters").mkdir()
    return tmp_path / "adapters"


@pytest.fixture
def config(tiny_folder) -> dict:
    return json.loads((tiny_folder / "config.json").read_text())


@pytest.fixture
def store(parent, tiny_folder, llama, clock) -> AdapterStore:
    return AdapterStore([parent, parent / "absent"], tiny_folder, BASE, llama, prompt_version=PROMPT, clock=clock)


def train(tiny_folder: Path, folder: Path) -> Path:
    """A real LoRA with random weights, saved by peft."""
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    targets = ["q_proj", "v_proj", "down_proj"]
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    (folder / MANIFEST).write_text("{}")
    edit_config(folder, base_model_name_or_path="owner/tiny")  # peft wrote the path that it was read from
    sign(folder)
    return folder


def exchange(folder: Path, other: Path) -> None:
    """As a tuning run does it."""
    folder.rename(folder.with_name(f".old-{folder.name}"))
    other.rename(folder)


def test_an_adapter_answers_as_peft_does_beside_its_base(store, parent, tiny_folder, llama, expected):
    folder = train(tiny_folder, parent / "support-v9")
    prompt, engine = [5, 9, 17, 33], Engine(llama, max_batch=4, max_waiting=4)
    tuned, plain = Client(store.model("support-v9"), prompt, Sampling(16)), Client(llama, prompt, Sampling(16))
    engine.submit(tuned.sequence)
    engine.submit(plain.sequence)
    run(engine)
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_folder), folder)
    output = peft.generate(
        input_ids=torch.tensor([prompt]), max_new_tokens=16, min_new_tokens=16, do_sample=False, eos_token_id=None
    )
    assert tuned.sequence.output == output[0, len(prompt) :].tolist()
    assert plain.sequence.output == expected(prompt, 16)
    assert tuned.sequence.output != plain.sequence.output


def test_a_new_folder_is_found_without_a_restart_and_an_absent_one_is_not(store, parent, config):
    assert store.find("late") is None
    make_adapter(parent / "late", config)
    found = store.find("late")
    assert (found.refusal, found.prompt_version) == ("", PROMPT)
    with pytest.raises(UnknownModel):
        store.model("never")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_adapter_is_refused_with_the_reason_and_the_others_serve(fault, store, parent, config):
    spoil, words = FAULTS[fault]
    spoil(make_adapter(parent / "bad", config))
    make_adapter(parent / "good", config)
    with pytest.raises(AdapterRefused) as caught:
        store.model("bad")
    assert all(word in str(caught.value) for word in words)
    assert {adapter.name: adapter.refusal for adapter in store.all()} == {"bad": str(caught.value), "good": ""}
    assert store.model("good") is store.model("good")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_that_serves_goes_on_when_its_files_are_spoiled(fault, store, parent, config):
    folder = make_adapter(parent / "one", config)
    before, sha256 = store.model("one"), store.served("one").sha256
    FAULTS[fault][0](folder)
    assert store.find("one").refusal
    assert store.model("one") is before
    assert store.served("one").sha256 == sha256
    shutil.rmtree(folder)
    make_adapter(folder, config, seed=2)
    assert store.model("one") is not before
    assert store.served("one").sha256 != sha256


def test_a_repaired_adapter_serves(store, parent, config):
    folder = make_adapter(parent / "bad", config)
    sign(folder, sha256="0" * 64)
    assert store.find("bad").refusal
    sign(folder)
    assert store.find("bad").refusal == ""


def test_a_folder_in_the_place_of_another_is_used_at_the_next_request(store, parent, config):
    folder = make_adapter(parent / "one", config)
    before = store.model("one")
    exchange(folder, make_adapter(parent / ".draft", config, seed=2))
    after = store.model("one")
    assert after is not before
    assert store.model("one") is after


def test_a_folder_that_is_away_for_a_moment_is_not_missed_and_one_that_was_removed_is(store, parent, config, clock):
    folder = make_adapter(parent / "one", config)
    before = store.model("one")
    shutil.rmtree(folder)
    assert store.model("one") is before
    clock.now += GONE_SECONDS + 1
    with pytest.raises(UnknownModel):
        store.model("one")
    assert store.served("one") is None


def test_an_adapter_that_fails_only_when_tried_is_refused_and_the_one_before_goes_on(store, parent, config, clock):
    folder = make_adapter(parent / "one", config)
    before = store.model("one")
    exchange(folder, make_adapter(parent / ".draft", config, seed=2, size=1e30))
    assert store.model("one") is before
    assert "not finite" in store.find("one").refusal
    clock.now += REFUSED_SECONDS + 1
    assert store.find("one").refusal == ""
    assert store.model("one") is before


def test_a_first_adapter_that_fails_when_tried_is_refused(store, parent, config):
    make_adapter(parent / "one", config, size=1e30)
    for _ in range(2):
        with pytest.raises(AdapterRefused, match="not finite"):
            store.model("one")


def test_files_that_change_after_the_check_are_not_used(store, parent, config, monkeypatch):
    folder = make_adapter(parent / "one", config)
    adapter = store.find("one")
    shutil.rmtree(folder)
    make_adapter(folder, config, seed=2)
    with pytest.raises(AdapterRefused, match="changed after they were checked"):
        store.load(adapter)
    assert store.model("one") is not None


def test_requests_for_an_adapter_that_serves_never_wait_for_one_that_is_loaded(store, parent, config, monkeypatch):
    make_adapter(parent / "one", config)
    make_adapter(parent / "slow", config, seed=2)
    ready = store.model("one")
    began, go_on = threading.Event(), threading.Event()
    read = adapters.read_adapter

    def slowly(folder, base):
        if folder.name == "slow":
            began.set()
            assert go_on.wait(30)
        return read(folder, base)

    assert store.find("slow").refusal == ""
    monkeypatch.setattr(adapters, "read_adapter", slowly)
    loading = threading.Thread(target=store.model, args=("slow",))
    loading.start()
    try:
        assert began.wait(30)
        assert store.model("one") is ready
        assert len(store.all()) == 2
    finally:
        go_on.set()
        loading.join()


@pytest.mark.parametrize(
    "name",
    ["../outside", "a/../one", "..", ".", "", "one/", "/etc", "one\x00", "a" * 300, ".draft-one", "oné", "one\n"],
)
def test_a_name_cannot_lead_out_of_the_folders(name, store, parent, config):
    make_adapter(parent / "one", config)
    make_adapter(parent.parent / "outside", config)
    make_adapter(parent / ".draft-one", config)
    assert store.find(name) is None
    with pytest.raises(UnknownModel):
        store.model(name)


def test_a_folder_whose_name_no_request_could_give_is_listed_as_refused(store, parent, config):
    make_adapter(parent / "two words\n", config)
    [adapter] = store.all()
    assert adapter.name == r"'two words\n'"
    assert "rename it" in adapter.refusal


def test_a_folder_that_is_no_adapter_is_not_listed(store, parent):
    (parent / "notes").mkdir()
    (parent / "notes" / "README.md").write_text("nothing")
    (parent / "file").write_text("nothing")
    assert store.all() == []


def test_of_two_folders_of_one_name_the_earlier_parents_serves(parent, tiny_folder, llama, config):
    store = AdapterStore([parent / "shipped", parent], tiny_folder, BASE, llama)
    make_adapter(parent / "shipped" / "one", config)
    make_adapter(parent / "one", config, seed=2)
    assert store.find("one").folder == parent / "shipped" / "one"
    assert store.all()[0].sha256 == store.find("one").sha256


def test_only_the_last_used_are_kept_and_one_that_cannot_be_read_again_is_the_last_to_go(store, parent, config):
    for number in range(MAX_LOADED + 2):
        make_adapter(parent / f"a{number}", config, seed=number)
    names = [f"a{number}" for number in range(MAX_LOADED + 2)]
    spoiled = store.model(names[0])
    os.truncate(parent / names[0] / WEIGHTS, 9)
    second = store.model(names[1])
    models = [store.model(name) for name in names[2:]]
    assert store.model(names[0]) is spoiled
    assert store.model(names[-1]) is models[-1]
    assert store.model(names[1]) is not second


def test_adapters_share_the_weights_of_the_base(store, parent, config, llama):
    make_adapter(parent / "one", config)
    assert store.model("one").embeddings is llama.embeddings
