"""An adapter's files are read once and checked whole; each fault has its sentence: which file, what, and what to do."""

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot.inference import adapter_files
from supportbot.inference.adapter_files import CONFIG, MANIFEST, WEIGHTS, base_of, is_adapter, read_adapter
from supportbot.inference.digests import file_sha256
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.tensor_file import read_header

from .spoiled import BASE, FAULTS, PROMPT, edit_config, make_adapter, sign

PROJECT = Path(__file__).resolve().parents[3]
NOBODY = 65534
CONFIG_OF_BASE = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(CONFIG_OF_BASE))
    return base_of(tmp_path / "base", BASE, PROMPT)


@pytest.fixture
def folder(tmp_path) -> Path:
    return make_adapter(tmp_path / "adapters" / "one", CONFIG_OF_BASE)


def refusal_of(folder: Path, base) -> str:
    with pytest.raises(AdapterRefused) as caught:
        read_adapter(folder, base)
    return str(caught.value)


def test_a_good_adapter_is_read_whole(folder, base):
    files = read_adapter(folder, base)
    assert files.sha256 == file_sha256(folder / WEIGHTS)
    assert files.content == (folder / WEIGHTS).read_bytes()
    assert (files.rank, files.scale, files.prompt_version) == (4, 2.0, PROMPT)
    assert len(files.tensors) == 2 * 3 * 2


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_in_a_sentence_that_names_the_file_and_says_what_to_do(fault, folder, base):
    spoil, words = FAULTS[fault]
    spoil(folder)
    assert is_adapter(folder)
    reason = refusal_of(folder, base)
    assert all(word in reason for word in words), reason
    assert reason.isprintable() and reason.endswith(".") and len(reason) < 500
    assert ":" in reason or ";" in reason


@pytest.mark.parametrize("name", ["tiny", "owner/tiny", "", None, "smollm2-135m-instruct"])
def test_a_name_is_no_path(name, folder, base):
    edit_config(folder, base_model_name_or_path=name)
    assert read_adapter(folder, base).rank == 4


def test_what_has_no_effect_on_a_merge_may_be_said(folder, base):
    edit_config(folder, peft_version="0.21.2", lora_dropout=0.1, inference_mode=True, revision="main", unknown=None)
    assert read_adapter(folder, base).rank == 4


def test_any_prompt_will_do_where_none_is_asked_for(folder, base, tmp_path):
    sign(folder, prompt_version="p0")
    assert read_adapter(folder, base_of(tmp_path / "base", BASE)).prompt_version == "p0"


def test_a_folder_that_is_a_link_is_refused(folder, base):
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert "is a link" in refusal_of(link, base)


def test_a_folder_without_an_adapter_is_none(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("nothing")
    assert not is_adapter(tmp_path / "notes")


@contextmanager
def somebody_else() -> Iterator[None]:
    """Root reads everything; so for a moment this thread opens files as nobody does."""
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0:
        libc.setfsuid(NOBODY)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, MANIFEST])
def test_a_file_that_may_not_be_read_is_named(name, folder, base):
    (folder / name).chmod(0)
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o755)
    with somebody_else():
        reason = refusal_of(folder, base)
    assert reason.startswith(f"{name} cannot be read (Permission denied)") and "account" in reason


def test_a_folder_that_changes_while_it_is_read_is_refused_for_the_moment(folder, base, monkeypatch):
    read = adapter_files._read_file

    def meddle(place: int, name: str, most: int) -> bytes:
        content = read(place, name, most)
        if name == CONFIG:
            (folder / WEIGHTS).write_bytes(b"something else")
        return content

    monkeypatch.setattr(adapter_files, "_read_file", meddle)
    assert "changed while they were read" in refusal_of(folder, base)


def test_of_two_adapters_that_are_exchanged_all_the_time_never_a_mixture_is_read(folder, base, tmp_path):
    other = make_adapter(tmp_path / "other", CONFIG_OF_BASE, seed=2, lora_alpha=16)
    known = {file_sha256(folder / WEIGHTS): 2.0, file_sha256(other / WEIGHTS): 4.0}
    kept = [{name: (place / name).read_bytes() for name in (WEIGHTS, CONFIG, MANIFEST)} for place in (folder, other)]
    done = threading.Event()

    def exchange() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            for name, content in kept[turn % 2].items():
                draft = folder / f".{name}"
                draft.write_bytes(content)
                draft.replace(folder / name)

    writer = threading.Thread(target=exchange)
    writer.start()
    try:
        read, refused = [], 0
        for _ in range(200):
            try:
                files = read_adapter(folder, base)
                read.append((files.sha256, files.scale))
            except AdapterRefused:
                refused += 1
    finally:
        done.set()
        writer.join()
    assert all(known[sha256] == scale for sha256, scale in read)
    assert len(read) + refused == 200


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    return (make_adapter(tmp_path_factory.mktemp("whole"), CONFIG_OF_BASE) / WEIGHTS).read_bytes()


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_is_done_to_a_file_it_is_refused_or_read_by_the_library_alike(data, whole):
    """Bytes exchanged in the header, where all of the meaning is; or cut anywhere; or something else altogether."""
    content, end = bytearray(whole), 8 + int.from_bytes(whole[:8], "little")
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, end - 1))] = data.draw(st.sampled_from(b'0123456789"{}[]:,-. ePAF\x00\xff'))
    spoiled = bytes(content[: data.draw(st.sampled_from([len(content), end, data.draw(st.integers(0, len(content)))]))])
    try:
        tensors = read_header(WEIGHTS, spoiled)
    except AdapterRefused as refusal:
        assert str(refusal).isprintable()
        return
    loaded = safetensors.numpy.load(spoiled) if all(one.dtype != "BF16" for one in tensors.values()) else {}
    assert {name: array.shape for name, array in loaded.items()} == {n: one.shape for n, one in tensors.items()}


@given(st.binary(max_size=200).filter(lambda content: b"{" not in content))
def test_any_bytes_at_all_are_refused_in_a_sentence(content):
    with pytest.raises(AdapterRefused, match=r"\.$"):
        read_header(WEIGHTS, content)


def test_the_checks_need_no_torch():
    code = "import sys, supportbot.inference.adapter_files; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "False"
