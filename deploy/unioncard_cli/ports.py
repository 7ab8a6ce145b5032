"""Who holds a port."""

import os
from pathlib import Path

import psutil

from unioncard_cli import records
from unioncard_cli.place import StackError, port_is_free

SHOWN = 60


class PortTaken(StackError):
    """Somebody listens there. ``state`` is the state folder of the stack whose part it is, if it is one's."""

    def __init__(self, message: str, remedy: str, state: Path | None) -> None:
        super().__init__(message, remedy)
        self.state = state


def check_free(port: int, name: str) -> None:
    """Raises :class:`PortTaken` that names the port and who holds it."""
    if port_is_free(port):
        return
    process = holder(port)
    state = stack_of(process) if process else None
    if process is None:
        who, remedy = "a process that cannot be seen from here (another user's?)", "end it"
    elif state is None:
        who, remedy = f"{_words(process)} (pid {process.pid})", f"end it (kill {process.pid})"
    else:
        who, remedy = f"the stack in {state}", f"end that (UNIONCARD_STATE={state} unioncard down)"
    other = 19000 if port // 1000 != 19 else 20000
    raise PortTaken(
        f"port {port} of {name} is taken by {who}",
        f"{remedy}, or choose other ports: UNIONCARD_PORT_BASE={other}",
        state,
    )


def holder(port: int) -> psutil.Process | None:
    """The process that listens on the port, if it can be seen."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        for one in connections:
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                return process
    return None


def stack_of(process: psutil.Process) -> Path | None:
    """The state folder of the stack whose part the process is: a supervisor's child, or started by one."""
    try:
        supervisor = psutil.Process(os.getsid(process.pid)).parent()  # a part begins a session of its own
        named = supervisor.environ().get("UNIONCARD_STATE") if supervisor else None
    except (psutil.Error, OSError):
        return None
    if supervisor is None or not named:
        return None
    running = records.holder(Path(named))
    return Path(named) if running and running.pid == supervisor.pid else None


def _words(process: psutil.Process) -> str:
    """Its command on one line, shortened."""
    try:
        words = " ".join(" ".join(process.cmdline()).split()) or process.name()
    except psutil.Error:
        return "a process"
    return words if len(words) <= SHOWN else words[:SHOWN] + "…"
