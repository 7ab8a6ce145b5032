"""Who holds a port."""

import psutil

from unioncard_cli.place import StackError, port_is_free


def check_free(port: int, name: str) -> None:
    """Raises :class:`StackError` that names the port and the process that holds it."""
    if port_is_free(port):
        return
    process = holder(port)
    if process is None:
        who, remedy = "a process that cannot be seen from here (another user's?)", "end it"
    else:
        who, remedy = f"{_words(process)} (pid {process.pid})", f"end it (kill {process.pid})"
    raise StackError(
        f"port {port} of {name} is taken by {who}", f"{remedy}, or choose other ports: UNIONCARD_PORT_BASE=19000"
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


def _words(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
        return " ".join(words)[:80] if words else process.name()
    except psutil.Error:
        return "a process"
