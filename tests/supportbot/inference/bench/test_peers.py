"""The peers as they run: real processes with a tiny model. llama.cpp only where it is installed."""

import json
import os
import subprocess
import sys

import pytest

from supportbot.inference.bench.peers import Peer, PeerFailed, PeerMissing, memory_of
from tests.supportbot.inference.gguf_source import write_tiny_gguf

PROMPTS = [[5, 6, 7, 8, 9, 10], [11, 12, 13], [20, 21, 22, 23]]
ASKED = [{"ids": prompt, "tokens": tokens} for prompt, tokens in zip(PROMPTS, (6, 4, 5), strict=True)]


@pytest.fixture(scope="module")
def tiny_gguf(tiny, tmp_path_factory):
    return write_tiny_gguf(tiny, tmp_path_factory.mktemp("gguf"))


def python_with_llama_cpp() -> str:
    python = os.environ.get("BENCH_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import llama_cpp"], capture_output=True).returncode:
        pytest.skip(
            "llama_cpp is not installed: pip install -r requirements-bench.txt, or name a Python in BENCH_PYTHON"
        )
    return python


@pytest.fixture
def started(tmp_path):
    running = []

    def start(module: str, given: dict, **more) -> Peer:
        peer = Peer(module, module, given, tmp_path / f"{module}.log", **more)
        running.append(peer)
        peer.start()
        return peer

    yield start
    for peer in running:
        peer.stop()


@pytest.mark.parametrize("batch", [False, True])
def test_transformers_writes_what_it_always_writes_alone_and_padded(batch, tiny_folder, expected, started):
    peer = started("generating", {"folder": str(tiny_folder), "threads": 1, "device": "cpu", "batch": batch})
    assert peer.facts["precision"] == "float32" and "transformers" in peer.facts["version"]
    told = peer.ask({"streams": 2, "asked": ASKED})
    assert [one["output"] for one in told["heard"]] == [expected(one["ids"], one["tokens"]) for one in ASKED]
    assert [one["prompt"] for one in told["heard"]] == [6, 3, 4]
    for one in told["heard"]:
        assert 0 < one["first"] <= one["whole"] <= told["wall"]
    assert 0 < peer.memory()["now_mib"] <= peer.memory()["peak_mib"]


def test_the_memory_is_measured_in_bytes_a_second(started):
    told = started("roof", {"threads": 1, "device": "cpu"}).ask({})
    assert set(told) == {"copy", "product"} and all(1e8 < rate < 1e13 for rate in told.values())


def test_a_peer_that_is_not_installed_says_so(started):
    if not subprocess.run([sys.executable, "-c", "import llama_cpp"], capture_output=True).returncode:
        pytest.skip("llama_cpp is installed here")
    with pytest.raises(PeerMissing, match="llama_cpp"):
        started("llamacpp", {"file": "none.gguf", "threads": 1, "streams": 1, "context": 256})


def test_a_process_that_ends_is_told_with_its_last_words(started, tmp_path):
    nowhere = {name: str(tmp_path / "nowhere") for name in ("source", "adapter", "place", "models")}
    with pytest.raises(PeerFailed, match="merging ended: .*nowhere"):
        started("merging", nowhere)


def test_what_this_process_holds_is_known():
    told = memory_of(os.getpid())
    assert 0 < told["now_mib"] <= told["peak_mib"] < 1_000_000


def test_llama_cpp_writes_the_same_alone_and_among_others(started, tiny_gguf):
    python = python_with_llama_cpp()
    given = {"file": str(tiny_gguf), "threads": 1, "streams": 3, "context": 256}
    peer = started("llamacpp", given, python=python)
    alone = peer.ask({"streams": 1, "asked": ASKED})
    together = peer.ask({"streams": 3, "asked": ASKED})
    assert [one["output"] for one in alone["heard"]] == [one["output"] for one in together["heard"]]
    assert [one["tokens"] for one in together["heard"]] == [6, 4, 5]
    assert json.dumps(together)
