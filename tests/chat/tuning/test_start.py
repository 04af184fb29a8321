"""What a run goes on from must be an adapter that the model server would take."""

import os
import shutil

import pytest
from django.core.management import CommandError

from chat.management.commands.tune import check_start, start_folder


def test_the_shipped_adapter_may_be_gone_on_from_and_a_spoiled_one_is_refused_with_the_reason(tmp_path):
    shipped = start_folder(None)
    check_start(shipped)
    mine = shutil.copytree(shipped, tmp_path / "mine")
    os.truncate(mine / "adapter_model.safetensors", 5000)
    with pytest.raises(CommandError, match=r"--from mine: adapter_model\.safetensors is cut short"):
        check_start(mine)
