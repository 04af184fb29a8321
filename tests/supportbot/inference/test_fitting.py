"""What was found fastest is remembered for this machine, and measured again when anything differs or fails."""

import json
from pathlib import Path

import pytest
import torch

from supportbot.inference import fitting, native
from supportbot.inference.encoders import Encoders
from supportbot.inference.fitting import Fitting
from supportbot.inference.llama import Llama, Part
from supportbot.inference.runtime import Plan
from supportbot.inference.weights import WeightsError, encoder_folders

PROMPT = [5, 9, 17, 33]


def plan_of(folder: Path, **changes) -> Plan:
    told = {"base": "b", "chat": "c", "embedding": "all-minilm-l6-v2", "adapter_dirs": (), "threads": 1}
    told |= {"max_batch": 2, "max_waiting": 2, "weights": "auto", "built": folder}
    return Plan(**(told | changes))


def note_in(folder: Path) -> Path:
    (note,) = folder.glob("ways-*.json")
    return note


@pytest.fixture
def encoders() -> Encoders:
    return Encoders(lambda: encoder_folders("all-minilm-l6-v2"), torch.float32)


@pytest.fixture
def measured(tiny, tmp_path, encoders) -> Path:
    """A folder in which a first start has left what it found."""
    first = Fitting(plan_of(tmp_path), "digest")
    first.chat(tiny, 128)
    first.encoder(encoders)
    assert not first.known
    return tmp_path


def written(model: Llama) -> torch.Tensor:
    states = model.new_states(8)
    model.prefill(Part(PROMPT, states), last=False)
    return model.decode([Part([3], states)])


def test_a_later_start_measures_nothing_and_keeps_the_weights_that_are_used_alone(
    tiny, measured, encoders, llama, monkeypatch
):
    def never(*_given: object) -> None:
        pytest.fail("it was measured again")

    for name in ("choose_ways", "prompt_dtype", "faster_dtype"):
        monkeypatch.setattr(fitting, name, never)
    ways = json.loads(note_in(measured).read_text())
    later = Fitting(plan_of(measured), "digest")
    model = later.chat(tiny, 128)
    later.encoder(encoders)
    assert later.known
    kinds = {ways["reader"].split()[1], ways["writer"].split()[1]}
    assert (model.head.weight is not None, model.has_bytes) == (ways["plain"] in kinds, "int8" in kinds)
    assert torch.nn.functional.cosine_similarity(written(model), written(llama)).item() > 0.99


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"weights": "fp32"}, {"embedding": "other"}], ids=lambda change: next(iter(change))
)
def test_other_settings_are_measured_anew(measured, change):
    assert not Fitting(plan_of(measured, **change), "digest").known


def test_other_weights_and_another_processor_are_measured_anew(measured, monkeypatch):
    assert not Fitting(plan_of(measured), "another digest").known
    monkeypatch.setattr(native, "processor", lambda: "another one")
    assert not Fitting(plan_of(measured), "digest").known


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"plain": "fp7", "reader": "a b", "writer": "a b", "encoder": "fp32"}'],
)
def test_a_note_that_is_none_of_ours_is_measured_over(tiny, measured, encoders, content):
    note = note_in(measured)
    note.write_text(content)
    again = Fitting(plan_of(measured), "digest")
    assert not again.known
    again.chat(tiny, 128)
    again.encoder(encoders)
    assert json.loads(note.read_text())["plain"] in ("fp32", "bf16")


@pytest.mark.parametrize("reader", ["native fp32", "magic int8"])
def test_a_way_that_does_not_run_any_more_is_measured_over(tiny, measured, encoders, monkeypatch, caplog, reader):
    note = note_in(measured)
    note.write_text(json.dumps(json.loads(note.read_text()) | {"reader": reader}))
    again = Fitting(plan_of(measured), "digest")
    assert again.known
    model = again.chat(tiny, 128)
    assert "do not run here any more" in caplog.text
    assert torch.isfinite(written(model)).all()
    again.encoder(encoders)
    assert json.loads(note.read_text())["reader"] != reader


def test_a_device_that_is_not_there_is_said_in_a_sentence(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a device")
    with pytest.raises(WeightsError, match="MODEL_DEVICE"):
        Fitting(plan_of(tmp_path, device="cuda"), "digest")
