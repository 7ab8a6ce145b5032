"""What a person at the keyboard sees: words, remedies and exit codes of the ``unioncard`` command."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unioncard_cli import doctor, legacy
from unioncard_cli.main import commands
from unioncard_cli.place import StackError, free_port_base
from unioncard_cli.season.clock import StackClock, instant
from unioncard_cli.stack import Stack

Run = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = str(Path(sys.executable).with_name("unioncard"))


@pytest.fixture
def unioncard(tmp_path: Path) -> Run:
    """Runs the installed command on a stack of its own in ``tmp_path / "state"``."""
    base = str(free_port_base())

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"UNIONCARD_STATE": str(tmp_path / "state"), "UNIONCARD_PORT_BASE": base, "COLUMNS": "200"}
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, env={**os.environ, **own, **env})

    return run


def test_up_status_logs_down(unioncard: Run, tmp_path: Path) -> None:
    none = unioncard("status")
    assert none.returncode == 3
    assert "unioncard up" in none.stdout

    up = unioncard("up", "temporal")
    assert up.returncode == 0, up.stderr
    assert "The stack is up (1 parts" in up.stdout
    assert "/namespaces/default/workflows" in up.stdout

    status = unioncard("status")
    assert status.returncode == 0
    assert "temporal" in status.stdout
    assert "ready" in status.stdout

    logs = unioncard("logs", "temporal")
    assert logs.returncode == 0
    assert "Temporal UI:" in logs.stdout

    assert "this stack is running" in unioncard("doctor").stdout
    down = unioncard("down")
    assert down.returncode == 0
    assert down.stdout.strip().endswith("The stack is down.")
    assert unioncard("down").stdout.strip().endswith("The stack was not running.")
    assert (tmp_path / "state" / "temporal" / "temporal.sqlite").exists()


def test_a_part_that_does_not_start_shows_its_log_and_exits_1(unioncard: Run, tmp_path: Path) -> None:
    keys = tmp_path / "state" / "keys"
    keys.mkdir(parents=True)
    (keys / "card-svc.json").write_text("{")
    up = unioncard("up", "keys")
    unioncard("down")
    assert up.returncode == 1
    assert "keys did not start: ended with exit code 1" in up.stderr
    assert "card-svc.json" in up.stderr


@pytest.mark.parametrize(
    ("setting", "address", "part"),
    [
        ("UNIONCARD_DATABASE_URL", "postgresql://admin:secret@127.0.0.1:1/postgres", "postgres"),
        ("UNIONCARD_KAFKA", "127.0.0.1:1", "kafka"),
        ("UNIONCARD_TEMPORAL", "127.0.0.1:1", "temporal"),
    ],
)
def test_another_server_that_does_not_answer_is_named(unioncard: Run, setting: str, address: str, part: str) -> None:
    up = unioncard("up", part, **{setting: address})
    assert up.returncode == 1
    assert f"{setting} names a server that does not answer: 127.0.0.1:1" in up.stderr
    assert "unset it" in up.stderr
    assert "secret" not in up.stderr + up.stdout


def test_unknown_names_and_settings_are_answered_with_the_known_ones(unioncard: Run) -> None:
    part = unioncard("up", "postgers")
    assert part.returncode == 1
    assert "there is no part 'postgers'" in part.stderr
    assert "postgres, kafka, temporal" in part.stderr
    assert unioncard("logs", "postgers").returncode == 1

    base = unioncard("status", UNIONCARD_PORT_BASE="80")
    assert base.returncode == 1
    assert "UNIONCARD_PORT_BASE=80 is no port base" in base.stderr


def test_keys_are_made_once(unioncard: Run, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert unioncard("keys", "init", str(folder)).returncode == 0
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert {"member-svc.json", "card-svc.json", "workflows.json", "sandbox.json"} <= set(first)
    assert unioncard("keys", "init", str(folder)).returncode == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == first

    assert unioncard("keys", "rotate", str(folder), "field").returncode == 0
    assert (folder / "card-svc.json").read_text() != first["card-svc.json"]
    assert "one of: field, hash" in unioncard("keys", "rotate", str(folder), "feild").stderr


def test_doctor_finds_a_taken_port_and_a_server_that_does_not_answer(
    tmp_path: Path, held_port: Callable[[int], int]
) -> None:
    stack = Stack(tmp_path / "state", free_port_base(), {"UNIONCARD_KAFKA": "127.0.0.1:1"})
    port = stack.place.port("postgres")
    pid = held_port(port)
    bad = {one.what: one for one in doctor.examine(stack) if one.grade == "bad"}
    assert set(bad) == {"ports", "UNIONCARD_KAFKA"}
    assert f"port {port} of postgres is taken by" in bad["ports"].text
    assert f"kill {pid}" in bad["ports"].remedy


def test_doctor_finds_nothing_bad_here(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "state", free_port_base())
    assert [one for one in doctor.examine(stack) if one.grade == "bad"] == []


def test_make_says_so_when_python_is_missing_or_too_old(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(root / name, tmp_path / name)
    for room in (
        "shared",
        "services/member-svc",
        "services/card-svc",
        "services/insurance-svc",
        "services/claims-svc",
        "workflows",
        "deploy",
    ):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "pyproject.toml").touch()
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in ("no-such-python", str(old)):
        done = subprocess.run(["make", f"PYTHON={python}", "up"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert f"unioncard needs Python 3.11 or newer; '{python}' is missing or older" in done.stdout
        assert "make PYTHON=/path/to/python3.11 up" in done.stdout


def test_a_clock_is_set_on_a_new_stack_only(unioncard: Run, tmp_path: Path) -> None:
    assert unioncard("clock", "show").stdout.strip().endswith("real time")
    for words in (("set", "2019-11-01"), ("speed", "60")):
        refused = unioncard("clock", *words)
        assert refused.returncode == 1
        assert "this stack lives in real time" in refused.stderr
        assert "unioncard up --business-day" in refused.stderr

    StackClock(Stack(tmp_path / "state")).start_on(date(2019, 10, 24))
    assert "2019-10-24 08:0" in unioncard("clock", "show").stdout
    assert "2019-11-01 09:0" in unioncard("clock", "set", "2019-11-01T09:00").stdout
    assert "standing still" in unioncard("clock", "speed", "0").stdout
    back = unioncard("clock", "set", "2019-10-25")
    assert back.returncode == 1
    assert "business time goes only forward" in back.stderr
    assert "'tomorrow' is no day or time" in unioncard("clock", "set", "tomorrow").stderr
    slow = unioncard("clock", "speed", "-5")
    assert slow.returncode == 1
    assert slow.stderr.splitlines()[0] == "-5 is no speed of business time, which goes only forward"


@pytest.mark.parametrize("day", ["1999-12-31", "3000-01-01", "0001-01-01", "9999-12-31"])
def test_business_days_are_near(day: str) -> None:
    with pytest.raises(StackError, match=f"{day} is too far away") as caught:
        instant(day)
    assert caught.value.remedy == "business time is a day from 2000-01-01 to 2999-12-31"


def test_a_stack_is_put_on_a_day_that_there_is(unioncard: Run, tmp_path: Path) -> None:
    assert instant("2000-01-01") == datetime(1999, 12, 31, 16, tzinfo=UTC)
    assert instant("2999-12-31T23:59") == datetime(2999, 12, 31, 15, 59, tzinfo=UTC)
    up = unioncard("up", "--business-day", "2019-13-01")
    assert up.returncode == 1
    assert up.stderr.splitlines()[0] == "'2019-13-01' is no day or time"
    assert not (tmp_path / "state").exists()


def test_a_command_of_a_service_runs_with_the_settings_of_the_stack(unioncard: Run) -> None:
    assert unioncard("up", "member-migrate").returncode == 0
    told = unioncard("run", "member-svc", "republish")
    unioncard("down")
    assert told.returncode == 0, told.stderr
    assert "0 organisations and 0 members published again" in told.stderr


def test_a_command_of_a_service_is_passed_on_as_it_is(unioncard: Run) -> None:
    assert "republish" in unioncard("run", "card-svc").stdout
    assert "--rejects" in unioncard("run", "card-svc", "load-legacy", "--help").stdout
    assert unioncard("run", "card-svc", "no-such-command").returncode == 2
    unknown = unioncard("run", "cards-svc", "republish")
    assert unknown.returncode == 1
    assert "one of: member-svc, card-svc" in unknown.stderr


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, 3), 3), ((3, 0), 3), ((3, 1), 1), ((2, 0), 1)])
def test_a_load_that_left_lines_out_says_so_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, int], code: int
) -> None:
    for name in ("organisations.csv", "members.csv"):
        (tmp_path / name).touch()
    monkeypatch.setenv("UNIONCARD_STATE", str(tmp_path / "state"))
    ended = iter(codes)
    monkeypatch.setattr(legacy, "call", lambda *words: next(ended))
    assert CliRunner().invoke(commands(["load-legacy"]), ["load-legacy", str(tmp_path)]).exit_code == code
