"""One changed byte of a model's folder is found and named, whatever the file's size and time say."""

import base64
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from supportbot.inference import digests, weights
from supportbot.inference.digests import SUMS, WeightsError, digests_of, recorded, verified, verify, write_sums


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "packages" / "some_weights" / "model"
    (place / "1_Pooling").mkdir(parents=True)
    (place / "model.safetensors").write_bytes(bytes(range(256)) * 4096)
    (place / "config.json").write_text("{}")
    (place / "1_Pooling" / "config.json").write_text("{}")
    (place / "README.md").write_text("not read by any library")
    return place


def flip(path: Path, at: int = 70_000) -> None:
    """One bit, with the file's size and times as they were: as a disk does it."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 16]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def fault_of(folder: Path, notes: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        verify(folder, notes)
    return str(caught.value)


def record(folder: Path) -> Path:
    """As pip writes it."""
    package = folder.parent
    info = package.parent / f"{package.name}-1.0.dist-info"
    info.mkdir()
    rows = []
    for path in sorted(package.rglob("*")):
        if path.is_file():
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            rows.append(f"{path.relative_to(package.parent).as_posix()},sha256={digest},{path.stat().st_size}")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n")
    return info


def test_a_flipped_bit_is_found_by_the_sums_in_the_folder(folder, tmp_path):
    write_sums(folder)
    assert verify(folder, tmp_path / "notes") == 3
    flip(folder / "model.safetensors")
    fault = fault_of(folder, tmp_path / "notes")
    assert f"{folder}/model.safetensors differs" in fault and SUMS in fault and fault.endswith(".")


def test_the_sums_are_those_that_sha256sum_reads(folder):
    write_sums(folder)
    told = subprocess.run(["sha256sum", "--check", SUMS], cwd=folder, capture_output=True, text=True)
    assert told.returncode == 0 and told.stdout.count(": OK") == 3


def test_a_flipped_bit_is_found_by_the_record_of_the_package(folder, tmp_path):
    record(folder)
    assert verify(folder, tmp_path / "notes") == 3
    assert not (tmp_path / "notes").exists()
    flip(folder / "model.safetensors")
    fault = fault_of(folder, tmp_path / "notes")
    assert "model.safetensors differs" in fault and "RECORD" in fault and "--force-reinstall" in fault


def test_a_folder_of_ones_own_is_noted_at_its_first_use_and_held_to_that(folder, tmp_path):
    assert verify(folder, tmp_path / "notes") == 3
    assert verify(folder, tmp_path / "notes") == 3
    flip(folder / "model.safetensors")
    fault = fault_of(folder, tmp_path / "notes")
    [note] = (tmp_path / "notes").iterdir()
    assert "model.safetensors differs" in fault and f"remove {note}" in fault
    note.unlink()
    assert verify(folder, tmp_path / "notes") == 3


def test_a_file_that_is_missing_or_new_is_named(folder, tmp_path):
    write_sums(folder)
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")
    fault = fault_of(folder, tmp_path / "notes")
    assert "config.json is missing" in fault and "adapter_config.json was not there before" in fault


def test_a_file_that_no_library_reads_may_change(folder, tmp_path):
    write_sums(folder)
    (folder / "README.md").write_text("other words")
    assert verify(folder, tmp_path / "notes") == 3


@pytest.mark.parametrize("content", ["", "no sums at all", "\x00\xff" * 50])
def test_sums_that_are_no_sums_agree_with_nothing(content, folder, tmp_path):
    (folder / SUMS).write_text(content)
    assert "was not there before" in fault_of(folder, tmp_path / "notes")


def test_what_is_wrong_is_said_in_place_of_what_the_library_says_about_it(folder, tmp_path):
    write_sums(folder)
    flip(folder / "model.safetensors")
    with pytest.raises(WeightsError, match="differs"), verified(folder, tmp_path / "notes"):
        raise ValueError("some tensor is odd")


def test_a_load_that_fails_by_itself_says_so(folder, tmp_path):
    with pytest.raises(ValueError, match="odd"), verified(folder, tmp_path / "notes"):
        raise ValueError("some tensor is odd")


def test_the_weights_that_ship_are_those_that_were_published():
    source, encoder = weights.generator_source(), weights.encoder_folder()
    assert recorded(source.parent, source.name) == digests.file_sha256(source)
    told = recorded(encoder.parent, "model/model.safetensors")
    assert told == digests_of(encoder)["model.safetensors"]


def test_a_source_that_is_not_the_published_one_is_not_converted(tmp_path):
    source = weights.generator_source()
    package = tmp_path / source.parent.name
    package.mkdir()
    shutil.copy(source, package / source.name)
    [info] = source.parent.parent.glob(f"{package.name}-*.dist-info")
    shutil.copytree(info, tmp_path / info.name)
    weights.verify_source(package / source.name)
    flip(package / source.name)
    with pytest.raises(WeightsError, match="--force-reinstall"):
        weights.generator_folder(package / source.name, tmp_path / "models")
    assert not [path for path in (tmp_path / "models").iterdir() if path.is_dir()]
