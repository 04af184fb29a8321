"""Children are kept running, restarted with a line that says so, and stopped in order."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportbot import log_file, supervisor
from supportbot.embedded import EmbeddedServices
from supportbot.supervisor import Child, Supervisor
from supportbot.terminal import Terminal
from tests.conftest import wait_until

PROJECT = Path(__file__).resolve().parent.parent.parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


class Watched:
    """A supervisor without data servers, whose lines are kept."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        services = EmbeddedServices(folder / "data", folder / "run", postgres=False, valkey=False)
        services.start()
        self.services = services
        self.supervisor = Supervisor(
            logs=services.logs,
            folder=folder,
            environment=dict(os.environ),
            services=services,
            say=lambda verb, text: self.lines.append(f"{verb} {text}"),
        )

    def look_until(self, true, what: str) -> None:
        def looked() -> bool:
            self.supervisor.look()
            return bool(true())

        wait_until(looked, 20, what)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.stop()
    watched.services.stop()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_killed_child_is_started_again_with_a_line_that_says_so(watched: Watched) -> None:
    child = Child("web", SLEEP, lambda: True, stop_seconds=5)
    watched.supervisor.start(child)
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    watched.look_until(lambda: child.process.pid != first and child.answered, "a second web process")
    assert watched.lines[0].startswith("Restarting web was killed (SIGKILL); again in 0.5 s · see ")
    assert watched.lines[1] == "Running web answers again"


def test_a_child_that_keeps_dying_is_started_later_and_later(watched: Watched) -> None:
    child = Child("web", [sys.executable, "-c", "raise SystemExit(3)"], lambda: False, stop_seconds=5)
    watched.supervisor.start(child)
    watched.look_until(lambda: child.deaths == 2, "two deaths")
    assert [line.split("; ")[1].split(" · ")[0] for line in watched.lines] == ["again in 0.5 s", "again in 1.0 s"]
    assert "ended with code 3" in watched.lines[0]


def test_a_child_that_falls_silent_is_started_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "HEALTH_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "HANG_SECONDS", 0.5)
    answers = iter([True])
    child = Child("web", SLEEP, lambda: next(answers, False), stop_seconds=5)
    watched.supervisor.start(child)
    watched.look_until(lambda: child.deaths, "the end of a silent child")
    assert watched.lines[0] == "Watching web does not answer"
    assert "web has not answered for" in watched.lines[1]


def test_what_a_child_has_started_ends_with_it(watched: Watched) -> None:
    script = f"import subprocess; print(subprocess.Popen({SLEEP!r}).pid, flush=True); import time; time.sleep(60)"
    child = Child("worker", [sys.executable, "-c", script], lambda: True, stop_seconds=5)
    watched.supervisor.start(child)
    log = watched.supervisor.log_of("worker")
    wait_until(lambda: log.read_text().strip(), 10, "the grandchild's number")
    grandchild = int(log.read_text())
    os.kill(child.process.pid, signal.SIGKILL)
    watched.look_until(lambda: child.deaths, "the death of the worker")
    wait_until(lambda: not alive(grandchild), 10, "the end of the grandchild")


def test_the_last_started_is_stopped_first_and_a_deaf_one_is_killed(watched: Watched, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = textwrap.dedent("""
        import signal, sys, time
        def end(*_):
            with open(sys.argv[1], "a") as notes: notes.write(sys.argv[2] + "\\n")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("on", flush=True)
        time.sleep(60)
    """)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    for name in ("model", "web"):
        watched.supervisor.start(
            Child(name, [sys.executable, "-c", script, str(notes), name], lambda: True, stop_seconds=5)
        )
    watched.supervisor.start(Child("deaf", [sys.executable, "-c", deaf], lambda: True, stop_seconds=0.2))
    logs = [watched.supervisor.log_of(name) for name in ("model", "web", "deaf")]
    wait_until(lambda: all(log.read_text() for log in logs), 10, "three children")
    watched.supervisor.stop()
    assert notes.read_text().split() == ["web", "model"]
    assert any("deaf did not end within" in line for line in watched.lines)


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    script = f"""
        import os, time
        from pathlib import Path
        from supportbot.embedded import EmbeddedServices
        from supportbot.supervisor import Child, Supervisor
        folder = Path({str(tmp_path)!r})
        services = EmbeddedServices(folder / "data", folder / "run", postgres=False, valkey=False)
        services.start()
        keeper = Supervisor(logs=services.logs, folder=folder, environment=os.environ, services=services, say=print)
        child = Child("web", {SLEEP!r}, lambda: True, stop_seconds=5)
        keeper.start(child)
        print(child.process.pid, flush=True)
        keeper.watch(time.sleep)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    assert alive(child)
    process.kill()
    process.communicate(timeout=10)
    wait_until(lambda: not alive(child), 10, "the end of the child")


def test_a_log_keeps_within_its_bound_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "LOG_BYTES", 1000)
    path = tmp_path / "web.log"
    with path.open("ab", buffering=0) as log:
        log.write(b"old\n" * 300)
        log_file.bound_log(path)
        log.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "web.log.1").stat().st_size == 1200
    assert log_file.log_tail(tmp_path / "web.log.1", 2) == "old\nold"


def test_off_a_terminal_a_step_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(environ={})
    with terminal.step("Migrating", "the database") as step:
        step.text = "nothing to do"
    terminal.say("", "Chat  http://127.0.0.1:8000/")
    terminal.fail("port 8000 is in use", "make run PORT=8001")
    said = capsys.readouterr()
    assert said.out == "   Migrating  nothing to do  0.0s\n              Chat  http://127.0.0.1:8000/\n"
    assert said.err == "error: port 8000 is in use\n  fix: make run PORT=8001\n"


def test_on_a_terminal_the_running_step_is_a_live_line_without_colour_where_asked() -> None:
    import pty

    parent, child = pty.openpty()
    with os.fdopen(child, "w") as stream:
        for environ in ({"TERM": "xterm"}, {"TERM": "xterm", "NO_COLOR": "1"}):
            terminal = Terminal(stream, environ)
            with terminal.step("Starting", "PostgreSQL"):
                deadline = time.monotonic() + 5
                while not terminal._drawn and time.monotonic() < deadline:
                    time.sleep(0.01)
        drawn = os.read(parent, 4096).decode()
    os.close(parent)
    bold, plain = drawn.split("\n")[:2]
    assert "PostgreSQL … 0s" in bold and "\x1b[1m    Starting\x1b[0m" in bold
    assert "PostgreSQL … 0s" in plain and "\x1b" not in plain
