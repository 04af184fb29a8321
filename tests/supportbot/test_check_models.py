"""`manage.py check_models` says of all weights and adapters whether the server would take them."""

import json
import shutil
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.prompts import PROMPT_VERSION
from supportbot.inference.adapter_files import WEIGHTS
from supportbot.inference.weights import base_sha256, encoder_folder, generator_folder
from tests.supportbot.inference.spoiled import make_adapter, truncate
from tests.supportbot.inference.test_digests import flip


def told() -> tuple[str, str]:
    """What is printed, and how it ends."""
    out, end = StringIO(), ""
    try:
        call_command("check_models", stdout=out)
    except CommandError as error:
        end = str(error)
    return out.getvalue(), end


@pytest.fixture
def shelves(settings, tmp_path):
    """The shipped adapter and one folder for more; encoders of our own."""
    settings.ADAPTER_DIRS = [settings.ADAPTER_DIRS[0], tmp_path / "adapters"]
    settings.ENCODERS_DIR = tmp_path / "encoders"
    converted = generator_folder().resolve()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / converted.name).symlink_to(converted)
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_what_ships_is_whole(shelves):
    text, end = told()
    assert end == ""
    assert [line[8:].split("  ")[0] for line in text.splitlines() if line.startswith("ok ")] == [
        "base model", "weights", "encoder all-minilm-l6-v2", "adapter support-v1",
    ]  # fmt: skip


def test_what_cannot_be_used_is_named_with_the_reason_and_the_rest_is_checked_too(shelves):
    config = json.loads((generator_folder() / "config.json").read_text())
    told_of_base = {"base_sha256": base_sha256(), "prompt_version": PROMPT_VERSION}
    truncate(make_adapter(shelves / "adapters" / "half", config, told=told_of_base), 5000)
    mine = shutil.copytree(encoder_folder(), shelves / "encoders" / "mine")
    assert "ok      encoder mine" in told()[0]
    flip(mine / "model.safetensors")
    text, end = told()
    assert f"refused encoder mine  {mine}  {mine}/model.safetensors differs" in text
    assert f"refused adapter half  {shelves}/adapters/half  {WEIGHTS} is cut short" in text
    assert "ok      adapter support-v1" in text
    assert end.startswith("2 of what is above cannot be used")


def test_before_the_first_start_there_is_nothing_to_check_adapters_by(shelves, settings):
    settings.DATA_DIR = shelves / "new"
    text, end = told()
    assert "not converted yet" in text and "adapter" not in text.replace("adapters can", "") and end == ""
