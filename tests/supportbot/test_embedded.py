"""The embedded PostgreSQL and Valkey, started for real: owners, guests, crashes, and what they refuse."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from supportbot.embedded import EmbeddedServices, default_data_dir, run_dir_for
from supportbot.server_account import Account, EmbeddedError, account_for, check_reach, make_folder
from supportbot.server_binaries import find_binaries, reachable_binaries
from tests.conftest import wait_until

PROJECT = Path(__file__).resolve().parent.parent.parent
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as others")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts can enter; pytest's own can not be."""
    folder = Path(tempfile.mkdtemp(prefix="supportbot-place-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(run_dir_for(folder / "data"), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Data of an earlier start, shared by the tests that do not mind what is in it."""
    folder = Path(tempfile.mkdtemp(prefix="supportbot-cluster-", dir="/tmp"))
    folder.chmod(0o755)
    data_dir = folder / "data"
    EmbeddedServices(data_dir, run_dir_for(data_dir)).__enter__().stop()
    yield data_dir
    shutil.rmtree(run_dir_for(data_dir), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def ask(data_dir: Path, query: str) -> object:
    with psycopg.connect(host=str(run_dir_for(data_dir)), user="postgres", dbname="supportbot") as connection:
        return connection.execute(query).fetchone()[0]


OWNER = """
    import sys, time
    from pathlib import Path
    from supportbot.embedded import EmbeddedServices, run_dir_for
    data_dir = Path(sys.argv[1])
    services = EmbeddedServices(data_dir, run_dir_for(data_dir))
    services.start()
    print("owns" if services.owned else "attached", *(s.process.pid for s in services.servers if s.process), flush=True)
    sys.stdin.read()
    services.stop()
"""


def start_owner(data_dir: Path, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(data_dir)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_first_start_makes_a_database_with_vectors_and_a_later_one_finds_it(place: Path) -> None:
    data_dir = place / "data"
    with EmbeddedServices(data_dir, run_dir_for(data_dir)) as services:
        assert services.owned
        with psycopg.connect(host=str(services.run_dir), user="postgres", dbname="supportbot") as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE kept AS SELECT '[1,2,3]'::halfvec(3) AS vector")
        assert services.run_dir.stat().st_mode & 0o777 == 0o700
    assert not any(server.process for server in services.servers)
    with EmbeddedServices(data_dir, run_dir_for(data_dir)):
        assert ask(data_dir, "SELECT vector::text FROM kept") == "[1,2,3]"


def test_a_second_starter_attaches_and_leaves_the_servers_running(cluster: Path) -> None:
    with EmbeddedServices(cluster, run_dir_for(cluster)):
        with EmbeddedServices(cluster, run_dir_for(cluster)) as guest:
            assert not guest.owned
        assert ask(cluster, "SELECT 1") == 1


def test_a_second_starter_is_refused_where_asked(cluster: Path) -> None:
    with EmbeddedServices(cluster, run_dir_for(cluster)):
        with pytest.raises(EmbeddedError, match=f"already served by process {os.getpid()}"):
            EmbeddedServices(cluster, run_dir_for(cluster), attach=False).start()
        assert ask(cluster, "SELECT 1") == 1


def test_two_that_start_at_once_become_an_owner_and_a_guest(cluster: Path) -> None:
    both = [start_owner(cluster), start_owner(cluster)]
    words = sorted(line_of(process).split()[0] for process in both)
    for process in both:
        process.communicate(timeout=60)
    assert words == ["attached", "owns"]


def line_of(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline() if process.stdout else ""


def test_what_was_committed_outlives_the_kill_of_everything(cluster: Path) -> None:
    owner = start_owner(cluster)
    postgres, valkey = map(int, line_of(owner).split()[1:])
    with psycopg.connect(host=str(run_dir_for(cluster)), user="postgres", dbname="supportbot") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES ('kept')")
    for pid in (owner.pid, postgres, valkey):
        os.kill(pid, signal.SIGKILL)
    owner.wait(10)
    with EmbeddedServices(cluster, run_dir_for(cluster)) as services:
        assert services.owned
        assert ask(cluster, "SELECT word FROM words LIMIT 1") == "kept"


def test_the_servers_end_with_an_owner_that_is_killed(cluster: Path) -> None:
    owner = start_owner(cluster)
    pids = list(map(int, line_of(owner).split()[1:]))
    owner.kill()
    owner.wait(10)

    def gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() and "State:\tZ" not in status(pid) for pid in pids)

    wait_until(gone, 20, "the end of both servers")


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "State:\tZ"


def test_a_lock_file_that_names_a_stranger_is_no_hindrance(cluster: Path) -> None:
    """After a crash, the number in postmaster.pid may be that of any other program."""
    user = account_for(cluster / "postgres")
    options = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **options)
    try:
        (cluster / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}/postgres\n0\n5432\n")
        with EmbeddedServices(cluster, run_dir_for(cluster)):
            assert ask(cluster, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_fallen_server_is_revived(cluster: Path) -> None:
    with EmbeddedServices(cluster, run_dir_for(cluster)) as services:
        postgres = services.servers[0]
        postgres.process.kill()
        wait_until(postgres.fallen, 10, "the fall of PostgreSQL")
        services.revive(postgres)
        assert ask(cluster, "SELECT 1") == 1


def test_an_initdb_that_was_cut_short_is_begun_again(place: Path) -> None:
    data_dir = place / "data"
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    with EmbeddedServices(data_dir, run_dir_for(data_dir), valkey=False):
        assert ask(data_dir, "SELECT 1") == 1


def test_data_of_another_postgres_is_refused_in_a_sentence(place: Path) -> None:
    data_dir = place / "data"
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="is of PostgreSQL 15; this installation has 18"):
        EmbeddedServices(data_dir, run_dir_for(data_dir), valkey=False).start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(place: Path) -> None:
    data_dir = place / "data"
    binaries = replace(find_binaries(), valkey=Path("/bin/false"))
    services = EmbeddedServices(data_dir, run_dir_for(data_dir), postgres=False, binaries=binaries)
    if os.geteuid() == 0:
        if not readable_for_all(find_binaries().valkey):
            pytest.skip("the project lies where other accounts may not look, so a copy of the real programs would run")
        binaries = replace(binaries, valkey=Path("/bin/echo"))  # answers `--version`, and ends at once
        services = EmbeddedServices(data_dir, run_dir_for(data_dir), postgres=False, binaries=binaries)
    with pytest.raises(EmbeddedError, match=r"valkey ended \(code [01]\) while starting"):
        services.start()
    assert not services.owned


def test_a_socket_folder_of_somebody_else_is_refused(place: Path) -> None:
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        (place / "target").mkdir()
        (place / "run").symlink_to(place / "target")
        make_folder(place / "run", mode=0o700, private=True)


@as_root
def test_root_refuses_a_socket_folder_that_another_account_has_made(place: Path) -> None:
    folder = place / "run"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        make_folder(folder, mode=0o700, private=True, owner=Account("nobody", 65534, 65534))


@as_root
def test_a_data_folder_that_the_account_cannot_reach_is_named(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=f"may not enter {closed}") as refusal:
        EmbeddedServices(closed / "data", run_dir_for(closed / "data")).start()
    assert "DATA_DIR" in refusal.value.fix


def test_an_account_reaches_what_is_its_own_or_open(tmp_path: Path) -> None:
    stranger = Account("stranger", 54321, 54321)
    check_reach(Path("/usr/bin"), stranger)
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="may not enter"):
        check_reach(tmp_path / "closed", stranger)


@as_root
def test_binaries_in_a_closed_folder_are_run_from_a_copy(place: Path) -> None:
    closed = place / "venv"
    closed.mkdir(mode=0o700)
    found = find_binaries()
    (closed / "site").mkdir()
    shutil.copy2(found.valkey, closed / "site" / "valkey-server")
    hidden = replace(found, valkey=closed / "site" / "valkey-server")
    account = account_for(place)
    copy = reachable_binaries(hidden, account, copies=place / "copies")
    assert copy.postgres.is_relative_to(place / "copies")
    (place / "copies").chmod(0o755)
    (copy.postgres.parent.parent).chmod(0o777)
    with pytest.raises(EmbeddedError, match="not ours alone"):
        reachable_binaries(hidden, account, copies=place / "copies")


@as_root
def test_an_ordinary_user_starts_it_too(place: Path) -> None:
    data_dir = place / "home" / "data"
    data_dir.parent.mkdir()
    os.chown(data_dir.parent, 65534, 65534)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    if not readable_for_all(Path(site)) or not readable_for_all(PROJECT):
        pytest.skip("the project lies where other accounts may not look")
    script = OWNER.replace("run_dir_for(data_dir))", "Path(sys.argv[1]).parent / 'run')").strip("\n")
    process = subprocess.run(
        ["/usr/bin/env", "python3", "-c", textwrap.dedent(script), str(data_dir)],
        cwd=PROJECT,
        env={"PYTHONPATH": f"{PROJECT}:{site}", "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        user=65534,
        group=65534,
        extra_groups=[],
    )
    if "No module named" in process.stderr or "SyntaxError" in process.stderr:
        pytest.skip("no Python 3.11 for other accounts on this machine")
    assert process.stdout.startswith("owns"), process.stderr
    assert data_dir.stat().st_mode & 0o777 == 0o700


def readable_for_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o005 == 0o005 for place in (path, *path.parents))


def test_the_main_thread_alone_may_start_them(cluster: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, pytest.raises(EmbeddedError, match="main thread"):
        pool.submit(EmbeddedServices(cluster, run_dir_for(cluster)).start).result()


def test_roots_data_lies_outside_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_data_dir(PROJECT) == PROJECT / "data"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir(PROJECT).parent == Path("/var/lib/supportbot")
    assert len(str(run_dir_for(Path("/a" * 200)))) < 60
