"""The supervisor with real tiny children: order, restarts, and nothing left behind however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from unioncard_cli import doctor, room
from unioncard_cli.place import StackError, free_port_base, port_is_free
from unioncard_cli.stack import PartFailed, Stack
from unioncard_cli.supervisor import cap_log

MakeStack = Callable[..., Stack]
Eventually = Callable[[Callable[[], bool]], None]

UP = """
import signal
import sys
from pathlib import Path
from unioncard_cli.stack import Stack
# Who runs tests in the background of a shell has them ignore Ctrl-C; the person at this keyboard does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
Stack(Path(sys.argv[1]), int(sys.argv[2]), table=sys.argv[3]).up()
"""


def up_in_another_process(stack: Stack, table: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", UP, str(stack.place.state), str(stack.place.port_base), f"dummy_parts:{table}"]
    return subprocess.Popen(words, env=dict(stack.place.env), stderr=subprocess.DEVNULL)


def pids(stack: Stack) -> list[int]:
    return [part.pid for part in stack.status().values() if part.pid is not None]


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_up_starts_everything_and_a_second_up_changes_nothing(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up()
    first = stack.status()
    assert {name: part.state for name, part in first.items()} == {
        "seed": "done",
        "sandbox": "ready",
        "member-svc": "ready",
        "card-svc": "ready",
    }
    assert first["sandbox"].since <= first["member-svc"].since <= first["card-svc"].since

    stack.up()
    assert stack.status() == first
    assert (stack.place.state / "seeded").read_text() == "x"


def test_only_what_is_asked_for_starts_and_the_rest_can_follow(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up(only=["sandbox"])
    assert set(stack.status()) == {"seed", "sandbox"}
    sandbox = stack.part("sandbox").pid

    stack.up(only=["member-svc"])
    assert set(stack.status()) == {"seed", "sandbox", "member-svc"}
    assert stack.part("sandbox").pid == sandbox


def test_a_killed_part_is_started_again(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up()
    others = {stack.part(name).pid for name in ("sandbox", "card-svc")}

    killed = stack.kill("member-svc")
    again = stack.wait_ready("member-svc", after=killed)
    assert again.pid != killed
    assert again.restarts == 1
    assert {stack.part(name).pid for name in ("sandbox", "card-svc")} == others


def test_down_stops_dependents_first_and_leaves_nothing(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up()
    left = [*pids(stack), int((stack.place.state / "child.pid").read_text())]
    assert all(running(pid) for pid in left)

    assert stack.down() is True
    assert not any(running(pid) for pid in left)
    # card-svc was asked to end, did not, and was killed before the others were asked
    assert (stack.place.state / "ended").read_text().split() == ["card-svc", "member-svc", "sandbox"]
    assert {part.state for part in stack.status().values()} == {"stopped"}
    assert all(port_is_free(stack.place.port(name)) for name in ("sandbox", "member-svc", "card-svc"))
    assert stack.down() is False


def test_down_leaves_nothing_of_a_part_whose_children_have_sessions_of_their_own(make_stack: MakeStack) -> None:
    stack = make_stack("APART")
    stack.up()
    child = int((stack.place.state / "child.pid").read_text())
    assert running(child)
    stack.down()
    assert not running(child)


def test_a_killed_supervisor_leaves_no_orphan_and_up_works_again(make_stack: MakeStack, eventually: Eventually) -> None:
    stack = make_stack("TOWER")
    stack.up()
    orphans = pids(stack)
    supervisor = stack.supervisor_pid()
    assert supervisor is not None

    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: not any(running(pid) for pid in orphans))
    eventually(lambda: stack.supervisor_pid() is None)
    assert {part.state for part in stack.status().values()} == {"stopped"}

    stack.up()
    assert stack.part("card-svc").state == "ready"
    assert not set(pids(stack)) & set(orphans)


def test_stale_files_of_a_dead_stack_mislead_nobody(make_stack: MakeStack) -> None:
    """A lock file and a state file that name living strangers, as after a crash and a reused pid."""
    stack = make_stack("TOWER")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        stack.place.state.mkdir()
        (stack.place.state / "supervisor.lock").write_text(json.dumps({"pid": stranger.pid}))
        part = {"name": "sandbox", "state": "ready", "pid": stranger.pid, "created": 1_000_000.0, "port": 1}
        (stack.place.state / "state.json").write_text(json.dumps({"pid": stranger.pid, "heard": 1, "parts": [part]}))
        assert stack.supervisor_pid() is None
        assert stack.down() is False

        stack.up()
        assert stack.part("sandbox").state == "ready"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_named_with_its_holder(
    make_stack: MakeStack, held_port: Callable[[int], int], eventually: Eventually
) -> None:
    """Before anything starts, though what comes before member-svc could."""
    stack = make_stack("TOWER")
    port = stack.place.port("member-svc")
    pid = held_port(port)
    with pytest.raises(StackError, match=f"port {port} of member-svc is taken by .*… .pid {pid}.$") as caught:
        stack.up()
    assert f"kill {pid}" in caught.value.remedy
    assert stack.supervisor_pid() is None
    assert stack.status() == {}

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: port_is_free(port))
    stack.up()
    assert stack.part("card-svc").state == "ready"


def test_a_port_that_another_stack_holds_is_said_with_that_stack(make_stack: MakeStack, tmp_path: Path) -> None:
    one = make_stack("TOWER", "one")
    one.up(only=["member-svc"])
    environment = {"PYTHONPATH": one.place.env["PYTHONPATH"]}
    other = Stack(tmp_path / "other", one.place.port_base, environment, table="dummy_parts:TOWER", tied=True)
    with pytest.raises(StackError, match=f"is taken by the stack in {one.place.state}$") as caught:
        other.up()
    assert f"UNIONCARD_STATE={one.place.state} unioncard down" in caught.value.remedy
    assert other.supervisor_pid() is None


def test_a_stack_that_runs_on_other_ports_says_so(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up(only=["seed"])
    base, environment = stack.place.port_base, {"PYTHONPATH": stack.place.env["PYTHONPATH"]}
    other = Stack(stack.place.state, free_port_base(), environment, table="dummy_parts:TOWER", tied=True)
    with pytest.raises(StackError, match=f"runs on port base {base}, not {other.place.port_base}") as caught:
        other.up()
    assert "unioncard down" in caught.value.remedy
    (found,) = [one for one in doctor.examine(other) if one.what == "ports"]
    assert (found.grade, found.text) == ("bad", str(caught.value))

    other.down()
    other.up()
    assert other.part("card-svc").state == "ready"
    other.down()


def test_a_supervisor_of_an_earlier_release_is_known_by_its_pid_alone(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    stack.up(only=["seed"])
    pid = stack.supervisor_pid()
    (stack.place.state / "supervisor.lock").write_text(str(pid))
    assert stack.supervisor_pid() == pid
    stack.up(only=["sandbox"])
    assert stack.down() is True


def test_nothing_starts_on_a_full_disk(make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "NEEDED", 1 << 60)
    stack = make_stack("TOWER")
    with pytest.raises(StackError, match="GiB free") as caught:
        stack.up()
    assert "UNIONCARD_STATE=/path" in caught.value.remedy
    assert stack.supervisor_pid() is None


def test_a_part_that_does_not_start_shows_its_last_words_and_can_be_mended(make_stack: MakeStack) -> None:
    stack = make_stack("BROKEN")
    with pytest.raises(PartFailed) as caught:
        stack.up()
    assert caught.value.record.name == "member-svc"
    assert "ended with exit code 1" in str(caught.value)
    assert caught.value.tail[-1] == "the frobnicator is not connected"
    assert str(stack.place.log("member-svc")) in caught.value.remedy

    (stack.place.state / "mended").touch()
    sandbox = stack.wait_ready("sandbox").pid
    stack.up()
    assert stack.part("member-svc").state == "ready"
    assert stack.part("sandbox").pid == sandbox


@pytest.mark.parametrize("then", ["up", "down"])
def test_ctrl_c_while_it_comes_up(make_stack: MakeStack, eventually: Eventually, then: str) -> None:
    stack = make_stack("SLOW")
    caller = up_in_another_process(stack, "SLOW")
    eventually(lambda: "member-svc" in stack.status() and stack.part("member-svc").state == "starting")
    caller.send_signal(signal.SIGINT)
    assert caller.wait(30) != 0

    (stack.place.state / "go").touch()
    if then == "up":
        stack.up()
        assert {part.state for part in stack.status().values()} == {"ready"}
    left = pids(stack)
    assert stack.down() is True
    assert not any(running(pid) for pid in left)


def test_two_ups_at_once_make_one_stack(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    callers = [up_in_another_process(stack, "TOWER") for _ in range(3)]
    assert [caller.wait(60) for caller in callers] == [0, 0, 0]
    assert {part.restarts for part in stack.status().values()} == {0}
    assert (stack.place.state / "seeded").read_text() == "x"

    # none of those that came too late steps in when the one goes
    stack.down()
    assert stack.supervisor_pid() is None
    assert {part.state for part in stack.status().values()} == {"stopped"}


def test_a_supervisor_that_arrives_after_down_starts_nothing(make_stack: MakeStack) -> None:
    """``up``, Ctrl-C and ``down`` so quickly that the supervisor has not begun yet."""
    stack = make_stack("TOWER")
    stack.up(only=["seed"])
    stack.down()
    words = [sys.executable, "-m", "unioncard_cli.supervisor", "dummy_parts:TOWER"]
    environment = {**stack.place.env, **stack.place.environment()}
    assert subprocess.run(words, env=environment, timeout=60).returncode == 0
    assert (stack.place.state / "seeded").read_text() == "x"


def test_two_stacks_side_by_side(make_stack: MakeStack) -> None:
    one, other = make_stack("TOWER", "one"), make_stack("TOWER", "other")
    at_the_same_time = up_in_another_process(one, "TOWER")
    other.up()
    assert at_the_same_time.wait(60) == 0
    before = other.status()
    assert not set(pids(one)) & set(pids(other))
    one.kill("sandbox")
    one.down()
    assert other.status() == before
    assert all(part.state in ("ready", "done") for part in before.values())


def test_a_log_that_grows_too_long_is_cut_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with open(log, "ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        cap_log(log, limit=100)
        assert log.read_bytes() == b"old\n" * 10
        cap_log(log, limit=39)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "part.log.1").read_bytes() == b"old\n" * 10
