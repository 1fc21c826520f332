"""Supervision by supervisord: programs that come back when they are killed, and one that ends them all.

It is spoken to by its XML-RPC on loopback, with a generated password (a Unix socket's path could be too long). Each
program is started through `launch`: environment and arguments stay in private files, out of supervisord's syntax.
"""

import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from deploy import files, launch, ports, processes
from deploy.waiting import wait_until
from schemas.errors import Fatal

DOWN = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})
NICE = 10
"""Ours stand back: a notice may come a little later, the desk's database must not."""


@dataclass(frozen=True)
class Program:
    """What supervisord keeps running."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    gid: int | None = None
    stop_signal: str = "TERM"
    stop_wait_s: int = 20
    priority: int = 100
    is_role: bool = False
    nice: int = NICE
    """How far it stands back from others for the processor; 0 for what the desk waits for."""


@dataclass(frozen=True)
class State:
    """A program as supervisord sees it. `pid` is 0 while it does not run."""

    name: str
    state: str
    pid: int
    started_s: int
    detail: str


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = 30
        return connection


class Supervisor:
    """One supervisord with its folder: `supervisord.conf`, `programs/`, `run/` (records), `logs/`."""

    def __init__(self, folder: Path, port: int, secret_file: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.run = folder / "run"
        self.logs = folder / "logs"
        self._port = port
        self._secret_file = secret_file
        self._record = self.run / "supervisord.json"
        self._changing = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def log_file(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.logs / f"{name}.log"

    def is_running(self) -> bool:
        """Tell whether our supervisord runs and answers."""
        if self._child is not None:
            self._child.poll()  # reap: a killed child of this process would stay a zombie
        if processes.alive(self._record) is None:
            return False
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self) -> None:
        """Start supervisord with the programs that are on file; ends first whatever a killed one left behind.

        Raises:
            Fatal: RCD-704 (port) or RCD-706 (did not start).
        """
        for folder in (self.programs, self.run, self.logs):
            files.private_dir(folder)
        self.end_leftovers()
        ports.require_free("supervisor", self._port)
        config = self.folder / "supervisord.conf"
        files.write(config, self._config())
        argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)]
        spec = self.run / "supervisord.spec.json"
        env = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TZ", "LC_ALL"}}
        described = {"argv": argv, "env": env, "cwd": str(self.folder), "record": str(self._record)}
        files.write(spec, json.dumps({**described, "session_nice": NICE}))
        with self.log_file("supervisord.out").open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [sys.executable, "-I", launch.__file__, str(spec)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if not wait_until(
            self.is_running, 20, give_up=lambda: self._child is None or self._child.poll() is not None
        ):
            detail = f"supervisord; see {self.log_file('supervisord.out')}"
            raise Fatal("RCD-706", detail)

    def ensure(self, program: Program) -> None:
        """Make the program run as described; restarts it only when its description changed."""
        with self._changing:
            self._write(program)
            _, changed, _ = self._call("reloadConfig")[0]
            known = {state.name for state in self.states()}
            if program.name in changed and program.name in known:
                self._remove(program.name)
                known.discard(program.name)
            if program.name not in known:
                self._call("addProcessGroup", program.name)
            if self.states_by_name()[program.name].state in DOWN:
                with contextlib.suppress(xmlrpc.client.Fault):  # it started by itself between the two calls
                    self._call("startProcess", program.name, False)

    def forget(self, name: str) -> None:
        """Stop the program and keep it no more. Does nothing if it is unknown."""
        with self._changing:
            if name in self.states_by_name():
                self._remove(name)
            self._unlink(name)

    def restart(self, name: str) -> None:
        """Stop and start a program that is known."""
        with self._changing:
            self._call("stopProcess", name)
            self._call("startProcess", name, False)

    def states(self) -> list[State]:
        """All programs as supervisord sees them."""
        found = self._call("getAllProcessInfo")
        return [
            State(
                item["name"], item["statename"], item["pid"], item["start"], item["spawnerr"] or item["description"]
            )
            for item in found
        ]

    def states_by_name(self) -> dict[str, State]:
        """As `states`, by name."""
        return {state.name: state for state in self.states()}

    def roles(self) -> list[str]:
        """The names of the programs on file that are roles of ours."""
        return sorted(path.stem for path in self.programs.glob("*.ini") if ";role" in path.read_text("utf-8"))

    def stop(self, patience_s: float = 60) -> None:
        """End all programs in order and supervisord itself; then whatever is left. Roles are forgotten."""
        process = processes.alive(self._record)
        if process is not None:
            if self.is_running():
                self._call("shutdown")
            else:
                process.send_signal(signal.SIGTERM)
            self._await_end(process, patience_s)
        for role in self.roles() if self.programs.exists() else ():
            self._unlink(role)
        self.end_leftovers()

    def end_leftovers(self) -> None:
        """End processes that a killed supervisord left behind, by their records."""
        records = [
            self._record,
            *(path for path in self.run.glob("*.json") if not path.name.endswith(".spec.json")),
        ]
        for record in dict.fromkeys(records):
            process = processes.alive(record)
            if process is not None:
                interrupt = record.stem == "postgres"  # SIGTERM would wait for its clients
                processes.end(process, signal.SIGINT if interrupt else signal.SIGTERM)
            record.unlink(missing_ok=True)

    def pid(self, name: str) -> int | None:
        """The process id of a program or of `supervisord` itself, None while it does not run."""
        if name == "supervisord":
            process = processes.alive(self._record)
            return process.pid if process else None
        state = self.states_by_name().get(name) if self.is_running() else None
        return state.pid or None if state else None

    def _await_end(self, process: psutil.Process, patience_s: float) -> None:
        def gone() -> bool:
            if self._child is not None:
                self._child.poll()
            return processes.alive(self._record) is None

        if not wait_until(gone, patience_s):
            processes.end(process, signal.SIGKILL)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(xmlrpc.client.Fault):  # not running
            self._call("stopProcess", name)
        self._call("removeProcessGroup", name)

    def _unlink(self, name: str) -> None:
        for path in (self.programs / f"{name}.ini", self.run / f"{name}.spec.json", self.run / f"{name}.json"):
            path.unlink(missing_ok=True)

    def _write(self, program: Program) -> None:
        spec = {
            "argv": list(program.argv),
            "env": dict(program.env),
            "cwd": str(program.cwd),
            "record": str(self.run / f"{program.name}.json"),
            "parent": str(self._record),
            "uid": program.uid,
            "gid": program.gid,
            "nice": program.nice,
        }
        text = json.dumps(spec, sort_keys=True)
        path = self.run / f"{program.name}.spec.json"
        files.write(path, text)
        files.write(self.programs / f"{program.name}.ini", program_section(program, self.folder, path))

    def _config(self) -> str:
        """Paths are relative to the folder: supervisord splits some at spaces and expands others twice."""
        password = files.secret(self._secret_file)
        lines = [
            "[supervisord]",
            f"logfile={self.log_file('supervisord').relative_to(self.folder)}",
            "logfile_maxbytes=1MB",
            "logfile_backups=1",
            f"pidfile={self.run.name}/supervisord.pid",
            f"childlogdir={self.logs.name}",
            "silent=true",
            "umask=077",
            "[inet_http_server]",
            f"port={ports.HOST}:{self._port}",
            "username=recado",
            f"password={_escaped(password)}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[include]",
            f"files={self.programs.name}/*.ini",  # relative to this file: a list is split at spaces
        ]
        if os.geteuid() == 0:
            lines.insert(1, "user=root")
        return "\n".join(lines) + "\n"

    def _call(self, method: str, *arguments: object) -> Any:
        url = f"http://recado:{files.secret(self._secret_file)}@{ports.HOST}:{self._port}/RPC2"
        with xmlrpc.client.ServerProxy(url, transport=_Transport(), allow_none=True) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def program_section(program: Program, folder: Path, spec: Path) -> str:
    """Return a program's section of the configuration. The digest makes a changed spec a changed section."""
    digest = hashlib.sha256(spec.read_bytes()).hexdigest()[:16]
    command = (sys.executable, "-I", launch.__file__, str(spec.relative_to(folder)), digest)
    return "\n".join(
        [
            f"[program:{program.name}]",
            *([";role"] if program.is_role else []),
            f"command={_escaped(shlex.join(command))}",
            f"priority={program.priority}",
            "autostart=true",
            # A role that says what a person has to do would only say it again; everything else comes back.
            *(["autorestart=unexpected", "exitcodes=10,20,40"] if program.is_role else ["autorestart=true"]),
            "startsecs=1",
            "startretries=10",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_wait_s}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=logs/{program.name}.log",
            "stdout_logfile_maxbytes=5MB",
            "stdout_logfile_backups=1",
            "",
        ]
    )


def _escaped(value: object) -> str:
    """A percent sign would be an expansion in supervisord's configuration."""
    return str(value).replace("%", "%%")
