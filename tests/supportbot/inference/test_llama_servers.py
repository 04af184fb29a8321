"""MODEL_URL on llama.cpp itself: its own server, and the one of its Python package. Skipped where they are not built.

LLAMA_SERVER names the binary, if it is not on the path; BENCH_PYTHON the Python that has `llama-cpp-python[server]`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from supportbot.inference.client import Finish, ModelError, aembed, chat, list_models, stream_chat
from supportbot.inference.weights import WeightsError, generator_source
from tests.conftest import free_port, wait_until

pytestmark = pytest.mark.peer
MESSAGES = [
    {"role": "system", "content": "Answer in one short sentence."},
    {
        "role": "user",
        "content": "[1] Delivery\nParcels arrive within three days.\n\nQuestion: When does my parcel come? 🚲",
    },
]


def command_of(kind: str, port: int) -> list[str]:
    model = str(generator_source())
    if kind == "llama-server":
        binary = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")
        if not binary:
            pytest.skip("no llama-server: name it in LLAMA_SERVER")
        return [
            binary,
            "--model",
            model,
            "--port",
            str(port),
            "--ctx-size",
            "2048",
            "--parallel",
            "2",
            "--threads",
            "1",
        ]
    python = os.environ.get("BENCH_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import llama_cpp.server.app"], capture_output=True).returncode:
        pytest.skip("no llama_cpp.server: pip install 'llama-cpp-python[server]', or name a Python in BENCH_PYTHON")
    options = ["--model", model, "--port", str(port), "--n_ctx", "2048", "--n_threads", "1"]
    return [python, "-m", "llama_cpp.server", *options]


@pytest.fixture(scope="module", params=["llama-server", "llama_cpp.server"])
def engine_url(request, tmp_path_factory) -> Iterator[str]:
    port = free_port()
    try:
        command = command_of(request.param, port)
    except WeightsError:
        pytest.skip("the weights of the product are not installed")
    log = tmp_path_factory.mktemp("llama") / "server.log"
    with log.open("wb") as out:
        place = {"HOST": "127.0.0.1", "PORT": str(port)}  # the package's server reads these before its options
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **place})
    url = f"http://127.0.0.1:{port}/v1"

    def ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            return httpx.get(f"{url}/models", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_until(ready, 120, "a llama.cpp server", every=0.2)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def engine(engine_url, settings) -> str:
    settings.MODEL_URL = settings.EMBEDDING_URL = engine_url
    return engine_url


async def heard(most: int) -> tuple[list[str], Finish]:
    stream = stream_chat(MESSAGES, model="support-v1", max_tokens=most, first_token_seconds=60, total_seconds=120)
    *pieces, finish = [item async for item in stream]
    return pieces, finish


async def test_an_answer_is_streamed_whatever_name_is_asked_for(engine):
    pieces, finish = await heard(40)
    assert len(pieces) > 3 and "".join(pieces).strip()
    assert finish.reason in ("stop", "length")
    assert finish.completion_tokens is None or 0 < finish.completion_tokens <= 40


async def test_a_bound_on_the_words_is_kept(engine):
    pieces, finish = await heard(4)
    assert finish.reason == "length"
    assert 0 < len(pieces) <= 5


def test_a_whole_answer_and_the_names(engine):
    text, finish = chat(MESSAGES, model="support-v1", max_tokens=12)
    assert text.strip() and finish.prompt_tokens > 20 and 0 < finish.completion_tokens <= 12
    assert list_models()


async def test_vectors_are_refused_or_of_another_kind_but_never_waited_for(engine):
    """A chat model gives no vectors unless it was started to; ours come from our own server."""
    try:
        vectors = await aembed(["one"], timeout=30)
    except ModelError as error:
        assert error.code in ("bad_request", "unavailable", "malformed")
    else:
        assert len(vectors) == 1


def test_a_prompt_that_does_not_fit_is_refused_or_cut_but_never_hangs(engine):
    long = [{"role": "user", "content": "word " * 4000}]
    try:
        chat(long, model="support-v1", max_tokens=4, timeout=100)
    except ModelError as error:
        assert error.code in ("bad_request", "unavailable")
