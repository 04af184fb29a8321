import os
import socket
import subprocess
import sys

import pytest

from chat.tuning import priority


@pytest.fixture
def listening(tmp_path, settings):
    """A socket where a model server would listen."""
    path = tmp_path / "model.sock"
    settings.MODEL_URL = f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server


def test_beside_a_running_model_server_one_thread_is_taken(listening):
    assert priority.is_application_running() and priority.threads_to_take() == 1


def test_every_processor_is_taken_where_nothing_listens(listening, settings, tmp_path):
    listening.close()
    assert priority.threads_to_take() == os.cpu_count()
    settings.MODEL_URL = f"unix:{tmp_path / 'none.sock'}"
    assert not priority.is_application_running()
    settings.MODEL_URL = "http://gpu.example:8000"
    assert not priority.is_application_running()


def test_a_run_has_the_lowest_priority_and_its_session_gets_its_own_back():
    """In a process and a session of its own: a priority once given up does not come back."""
    program = (
        "import os; from chat.tuning.priority import AUTOGROUP, yield_processor\n"
        "yield_processor()\n"
        "print(os.nice(0), *AUTOGROUP.read_text().split()[-1:] if AUTOGROUP.exists() else [])"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "supportbot.settings", "SECRET_KEY": "x" * 50}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, env=environment, check=True, start_new_session=True,
    )  # fmt: skip
    nice, *group = done.stdout.split()
    assert nice == "19"
    if os.geteuid() == 0 and group:
        assert group in (["19"], ["0"])  # a container may not be let to change it


@pytest.mark.parametrize("written, nice", [("/autogroup-12 nice 5\n", "5"), ("", None), ("\n", None), (None, None)])
def test_a_process_without_a_group_of_its_own_has_no_group_to_lower(written, nice, tmp_path, monkeypatch):
    path = tmp_path / "autogroup"
    if written is not None:
        path.write_text(written)
    monkeypatch.setattr(priority, "AUTOGROUP", path)
    assert priority._group_nice() == nice
