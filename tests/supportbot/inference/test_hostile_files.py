"""The running server meets files that somebody spoiled: it says what is wrong with them, and goes on answering."""

import gc
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from chat.prompts import PROMPT_VERSION
from supportbot.inference.runtime import Plan, Runtime
from supportbot.inference.weights import base_sha256, generator_folder

from .spoiled import FAULTS, make_adapter
from .test_digests import flip

NAME = "spoiled-live"
EVERY = 12  # faults between two answers: the list of models is asked after each


@pytest.fixture
def http(model_server) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(uds=model_server.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://model", timeout=60) as client:
        yield client


@pytest.fixture
def folder(settings) -> Iterator[Path]:
    """A good adapter where the running server looks for it."""
    place = settings.DATA_DIR / "adapters" / NAME
    yield place
    shutil.rmtree(place, ignore_errors=True)


def fill(folder: Path, seed: int = 1) -> None:
    config = json.loads((generator_folder() / "config.json").read_text())
    told = {"base_sha256": base_sha256(), "prompt_version": PROMPT_VERSION}
    make_adapter(folder, config, seed, size=0.01, told=told)


def answer(http: httpx.Client) -> str:
    body = {"model": NAME, "messages": [{"role": "user", "content": "Name a colour."}], "max_tokens": 4}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


@pytest.mark.model
def test_the_server_answers_on_by_the_adapter_it_has_whatever_happens_to_its_files(http, folder):
    fill(folder)
    said = answer(http)
    for number, (spoil, words) in enumerate(FAULTS.values()):
        shutil.rmtree(folder)
        fill(folder, seed=2)
        spoil(folder)
        listed = http.get("/v1/models").json()
        [refused] = [entry for entry in listed["refused"] if entry["id"] == NAME]
        assert all(word in refused["reason"] for word in words), refused
        assert refused["serving"]
        if number % EVERY == 0:
            assert answer(http) == said
    shutil.rmtree(folder)
    fill(folder, seed=2)
    assert http.get("/health").json()["status"] == "ready"
    assert answer(http)
    [entry] = [entry for entry in http.get("/v1/models").json()["data"] if entry["id"] == NAME]
    assert entry["sha256"] != refused["serving"]


@pytest.fixture
def small_base(tmp_path, settings) -> Path:
    """A generator of a few megabytes with the shipped tokenizer, named by the settings."""
    folder = tmp_path / "base"
    tokenizer = AutoTokenizer.from_pretrained(generator_folder())
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(3)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings.GENERATOR_WEIGHTS = str(folder)
    settings.DATA_DIR = tmp_path
    return folder


def plan_of(settings) -> Plan:
    return Plan(
        base="small", chat="small", embedding=settings.EMBEDDING_MODEL, adapter_dirs=(), threads=1, max_batch=1,
        max_waiting=1, weights="fp32", built=settings.DATA_DIR,
    )  # fmt: skip


def started(settings) -> Runtime:
    runtime = Runtime(plan_of(settings))
    runtime.load()
    runtime.stop()
    assert gc.isenabled()
    return runtime


def test_a_flipped_bit_in_the_base_is_found_at_the_start_and_named(small_base, settings):
    assert started(settings).loaded is not None
    flip(small_base / "model.safetensors")
    before = os.stat(small_base / "model.safetensors")
    health = started(settings).health()
    assert health.status == "failed"
    assert f"{small_base}/model.safetensors differs" in health.reason
    flip(small_base / "model.safetensors")
    assert os.stat(small_base / "model.safetensors").st_mtime_ns == before.st_mtime_ns
    assert started(settings).loaded is not None


def test_a_base_that_asks_for_code_of_its_own_is_not_given_any(small_base, settings):
    config = json.loads((small_base / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"}}
    (small_base / "config.json").write_text(json.dumps(config))
    (small_base / "evil.py").write_text("raise SystemExit('ran')")
    health = started(settings).health()
    assert health.status == "failed" and health.reason.startswith("The models could not be loaded")


@pytest.mark.parametrize("change", [{"num_key_value_heads": 3}, {"max_position_embeddings": 4}])
def test_a_base_that_makes_no_sense_fails_and_does_not_load_for_ever(change, small_base, settings):
    config = json.loads((small_base / "config.json").read_text())
    (small_base / "config.json").write_text(json.dumps(config | change))
    runtime = Runtime(plan_of(settings))
    with suppress(RuntimeError, IndexError):  # the log gets it from the thread
        runtime.load()
    assert runtime.health().status == "failed" and runtime.health().reason.startswith("The models could not be loaded")
