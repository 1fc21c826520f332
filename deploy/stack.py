"""The local stack: PostgreSQL, Kafka and Kafka Connect as supervised processes on loopback, our roles beside them.

Everything lives below the data folder (`.recado/`): `stack/` (configuration, logs, data), `ports.json`, `secrets/`.
"""

import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import structlog

from deploy import archives, connect, fetch, files, java, kafka, ports, postgres, processes
from deploy.progress import Report, quiet
from deploy.supervision import DOWN, Program, State, Supervisor
from deploy.waiting import wait_until
from schemas.errors import Fatal, Recoverable
from schemas.settings import Settings
from schemas.topics import Topic

log = structlog.get_logger()
Part = Literal["postgres", "kafka", "connect"]
PARTS: tuple[Part, ...] = ("postgres", "kafka", "connect")
START_TIMEOUT_S = 120.0
LOG_CONFIG = Path(__file__).with_name("log4j2.properties")


class Dirs(NamedTuple):
    """Where a stack lives, for callers without `Settings` (tests)."""

    data_dir: Path
    cache_dir: Path
    java: Path | None = None
    database_url: str | None = None


class PartStatus(NamedTuple):
    """One line of `recado status`. `pss_mb` is None where it cannot be read."""

    name: str
    state: str
    pid: int | None
    port: int | None
    pss_mb: int | None
    uptime_s: int | None
    detail: str


class LocalStack:
    """The stack of one data folder. Methods may be called from any process; `up` and `down` exclude each other.

    Args:
        where: settings, or the folders alone. With a database address no PostgreSQL is started.
        jit: `c1` for fast starts (tests), `c2` for steady work.
        parts: which servers to run.
    """

    def __init__(self, where: Settings | Dirs, *, jit: java.Jit = "c2", parts: Sequence[Part] = PARTS) -> None:
        url = where.database_url
        self._database_url = url if url is None or isinstance(url, str) else url.get_secret_value()
        self.data_dir = Path(where.data_dir).absolute()
        self._cache_dir = Path(where.cache_dir).expanduser().absolute()
        self._java = where.java
        self._jit = jit
        self.parts = tuple(part for part in parts if part != "postgres" or self._database_url is None)
        self._folder = self.data_dir / "stack"
        self._chosen: dict[str, int] | None = None
        if self._database_url is not None and self._is_own(self._database_url):
            # `stack.env` was read into the environment: that is our own server, and no other one.
            self._database_url = None
            self.parts = tuple(parts)
        self._supervising: Supervisor | None = None

    # -- addresses

    def _is_own(self, url: str) -> bool:
        """Tell whether an address is that of this stack's PostgreSQL; its ports may not have been chosen yet."""
        if not (self.data_dir / "ports.json").exists():
            return False
        try:
            where = urlsplit(url)
            return (where.hostname, where.port) == (ports.HOST, self.ports["postgres"])
        except ValueError:  # not an address; who connects to it will say so
            return False

    @property
    def ports(self) -> dict[str, int]:
        """The ports of this stack; chosen and written on first use."""
        if self._chosen is None:
            with files.locked(self.data_dir / "ports.lock"):
                self._chosen = ports.load_or_choose(self.data_dir / "ports.json")
        return self._chosen

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers."""
        return f"{ports.HOST}:{self.ports['kafka']}"

    @property
    def connect_url(self) -> str:
        """Kafka Connect's REST interface."""
        return f"http://{ports.HOST}:{self.ports['connect']}"

    @property
    def secrets_dir(self) -> Path:
        """The folder (mode 0700) from which connectors may read secrets."""
        return files.private_dir(self.data_dir / "secrets" / "connect")

    def postgres_dsn(self, dbname: str = "postgres") -> str:
        """Return the superuser's URL of a database (with the password), or the given server's, with that name."""
        if self._database_url is not None:
            return urlunsplit(urlsplit(self._database_url)._replace(path=f"/{quote(dbname, safe='')}"))
        password = files.secret(self.data_dir / "secrets" / "postgres")
        address = f"{ports.HOST}:{self.ports['postgres']}"
        return f"postgresql://{postgres.SUPERUSER}:{quote(password, safe='')}@{address}/{quote(dbname, safe='')}"

    def environment(self) -> dict[str, str]:
        """Return the settings with which our own processes find this stack (contains a password)."""
        return {
            "RECADO_DATA_DIR": str(self.data_dir),
            "RECADO_CACHE_DIR": str(self._cache_dir),
            "RECADO_KAFKA__BOOTSTRAP": self.bootstrap,
            "RECADO_CONNECT__URL": self.connect_url,
            "RECADO_CONNECT__SECRETS_DIR": str(self.secrets_dir),
            "RECADO_DATABASE_URL": self._database_url or self.postgres_dsn("recado"),
            "RECADO_GATEWAYS__NETWORKS": "127.0.0.0/8",  # the sandbox, and gateways tried out on this machine
        }

    @property
    def environment_file(self) -> Path:
        """`environment()` as a private file of `NAME=value` lines, written by `up`."""
        return self.data_dir / "stack.env"

    # -- life

    def __enter__(self) -> "LocalStack":
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self, report: Report = quiet) -> None:
        """Make every part run and answer; does nothing for parts that do. Blocks for seconds, minutes on first use.

        Raises:
            RecadoError: RCD-701 to RCD-706, with the part and its log.
        """
        files.private_dir(self.data_dir)
        with files.locked(self._folder / "up.lock"):
            starters = self._starters(report)
            if not self._supervisor.is_running():
                self._supervisor.end_leftovers()
                self._require_free_ports()
                self._supervisor.start()
            with ThreadPoolExecutor(max(1, len(starters))) as pool:
                for job in [pool.submit(start) for start in starters]:
                    job.result()
            lines = (f"{name}={shlex.quote(value)}\n" for name, value in self.environment().items())
            files.write(self.environment_file, "".join(lines))

    def down(self, *, purge: bool = False) -> None:
        """Stop roles and parts; with `purge` also remove their data, wherever it is. Idempotent."""
        if not self._folder.exists():
            return
        with files.locked(self._folder / "up.lock"):
            self._supervisor.stop()
            if purge:
                postgres.purge(self._folder / "postgres")
        if purge:
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.rmtree(self.data_dir / "secrets", ignore_errors=True)
            for name in ("ports.json", "ports.lock", self.environment_file.name):
                (self.data_dir / name).unlink(missing_ok=True)
            self._chosen = None
            self._supervising = None

    def is_up(self) -> bool:
        """Tell whether every part runs and answers now."""
        if not (self.data_dir / "ports.json").exists() or not self._supervisor.is_running():
            return False
        return all(self._probe(part)() for part in self.parts)

    def status(self) -> list[PartStatus]:
        """Return one line for each part, then for each role."""
        known: dict[str, State] = {}
        if (self.data_dir / "ports.json").exists() and self._supervisor.is_running():
            known = self._supervisor.states_by_name()
        names = [*self.parts, *sorted(name for name in known if name not in PARTS)]
        return [self._line(name, known.get(name)) for name in names]

    def _line(self, name: str, state: State | None) -> PartStatus:
        port = self.ports.get(name) if state else None
        if state is None:
            return PartStatus(name, "STOPPED", None, port, None, None, "")
        if not state.pid:
            return PartStatus(name, state.state, None, port, None, None, state.detail)
        uptime = max(0, int(time.time()) - state.started_s)
        return PartStatus(name, state.state, state.pid, port, processes.pss_mb(state.pid), uptime, state.detail)

    # -- one part or role

    def kill(self, name: str) -> int:
        """Send SIGKILL to a part, a role or `supervisord`; return the pid. Raises RCD-707 if it is down."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, name: str) -> int:
        """Return the process id of a part, a role or `supervisord`. Raises `Recoverable` RCD-707 if it is down."""
        pid = self._supervisor.pid(name)
        if pid is None:
            raise Recoverable("RCD-707", name)
        return pid

    def log_file(self, name: str) -> Path:
        """Where the output of a part or role goes."""
        return self._supervisor.log_file(name)

    def start_role(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Keep a process of ours running under the same supervisor, with `environment()` and `env` on top of it.

        Returns when it has been started, not when it is ready. A changed command or environment restarts it.

        Raises:
            Recoverable: RCD-707, the stack is not running.
        """
        self._require_supervisor()
        inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if key in os.environ}
        program = Program(
            name=name,
            argv=(shutil.which(command[0]) or command[0], *command[1:]),
            cwd=Path.cwd(),
            env={**inherited, "PYTHONUNBUFFERED": "1", **self.environment(), **(env or {})},
            is_role=True,
        )
        self._supervisor.ensure(program)

    def stop_role(self, name: str) -> None:
        """Stop a role and keep it no more. Does nothing if it is unknown."""
        self._require_supervisor()
        self._supervisor.forget(name)

    # -- contents

    def create_topics(self, topics: Iterable[Topic]) -> None:
        """Create the topics that are missing. Raises `Recoverable` RCD-207."""
        kafka.create_topics(self.bootstrap, topics)

    def create_database(self, name: str) -> str:
        """Create a database unless it is there; return its URL."""
        postgres.create_database(self.postgres_dsn("postgres"), name)
        return self.postgres_dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with its sessions and replication slots."""
        postgres.drop_database(self.postgres_dsn("postgres"), name)

    # -- inside

    @property
    def _supervisor(self) -> Supervisor:
        if self._supervising is None:
            secret = self.data_dir / "secrets" / "supervisor"
            self._supervising = Supervisor(self._folder, self.ports["supervisor"], secret)
        return self._supervising

    def _require_supervisor(self) -> None:
        if not self._supervisor.is_running():
            raise Recoverable("RCD-707", "the supervisor does not answer")

    def _require_free_ports(self) -> None:
        names = [*self.parts, *(["controller"] if "kafka" in self.parts else [])]
        for name in names:
            ports.require_free(name, self.ports[name])

    def _starters(self, report: Report) -> list[Callable[[], None]]:
        found: list[Callable[[], None]] = []
        if "postgres" in self.parts:
            found.append(lambda: self._start("postgres", self._prepare_postgres, report))
        if "kafka" in self.parts or "connect" in self.parts:
            chosen = java.find(self._java)
            jvm = fetch.ensure(self._cache_dir, report=report)
            if "kafka" in self.parts:
                found.append(lambda: self._start_jvm("kafka", chosen, jvm, self._prepare_kafka, report))
            if "connect" in self.parts:
                found.append(lambda: self._start_jvm("connect", chosen, jvm, self._prepare_connect, report))
        return found

    def _start_jvm(
        self,
        part: Part,
        chosen: java.Java,
        jvm: fetch.JvmFiles,
        prepare: Callable[[java.Java, fetch.JvmFiles], Program],
        report: Report,
    ) -> None:
        self._start(part, lambda: prepare(chosen, jvm), report)
        self._archive(part, chosen, jvm).make_later()

    def _start(self, part: Part, prepare: Callable[[], Program], report: Report) -> None:
        report(part, 0, 1)
        self._supervisor.ensure(prepare())

        ended: list[bool] = []  # what made the wait end: a moment later its supervisor starts it again

        def has_failed() -> bool:
            state = self._supervisor.states_by_name().get(part)
            ended[:] = [state is None or state.state in DOWN]
            return ended[0]

        if not wait_until(self._probe(part), START_TIMEOUT_S, give_up=has_failed):
            waited = "" if any(ended) else f" runs but did not answer in {START_TIMEOUT_S:.0f} s"
            detail = f"{part}{waited}; see {self.log_file(part)}"
            raise Fatal("RCD-706", detail)
        report(part, 1, 1)

    def _probe(self, part: Part) -> Callable[[], bool]:
        if part == "postgres":
            dsn = self.postgres_dsn("postgres")
            return lambda: postgres.is_ready(dsn)
        if part == "kafka":
            admin = kafka.admin_client(self.bootstrap)
            return lambda: kafka.is_ready(admin)
        return lambda: connect.is_ready(self.connect_url)

    def _prepare_postgres(self) -> Program:
        folder = self._folder / "postgres"
        home = postgres.place(folder)
        postgres.prepare(home, files.secret(self.data_dir / "secrets" / "postgres"))
        return postgres.program(home, self.ports["postgres"])

    def _java_command(self, part: Part, chosen: java.Java, jvm: fetch.JvmFiles, heap_mb: int) -> list[str]:
        """Return the Java command of a part.

        What depends on the class archive is in a file that Java reads at each start, so that a finished archive
        is used by the next start and does not restart a part that runs.
        """
        start_flags = files.private_dir(self._folder / part) / "start.args"
        if self._supervisor.pid(part) is None or not start_flags.exists():
            found = self._archive(part, chosen, jvm).flags()
            files.write(start_flags, "".join(f'"{flag}"\n' for flag in found))
        flags = java.flags(chosen, heap_mb, self._jit, LOG_CONFIG)
        return [str(chosen.path), f"@{start_flags}", *flags, "-cp", jvm.class_path]

    def _archive(self, part: Part, chosen: java.Java, jvm: fetch.JvmFiles) -> archives.Archive:
        return archives.of(self._cache_dir, part, chosen, jvm, self._folder / part / "classes.list")

    def _prepare_kafka(self, chosen: java.Java, jvm: fetch.JvmFiles) -> Program:
        folder = self._folder / "kafka"
        command = self._java_command("kafka", chosen, jvm, kafka.HEAP_MB)
        config = kafka.prepare(folder, command, self.ports["kafka"], self.ports["controller"])
        return kafka.program(folder, command, config)

    def _prepare_connect(self, chosen: java.Java, jvm: fetch.JvmFiles) -> Program:
        folder = self._folder / "connect"
        command = self._java_command("connect", chosen, jvm, connect.HEAP_MB)
        config = connect.prepare(folder, self.bootstrap, self.ports["connect"], jvm.plugins, self.secrets_dir)
        return connect.program(folder, command, config)
