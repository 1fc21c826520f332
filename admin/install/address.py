"""The administrator's address of a source, by which it is installed and removed. References, never secrets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from admin.registry import sources, words
from deploy import files
from schemas.errors import Invalid
from schemas.secrets import is_reference, resolve


@dataclass(frozen=True, slots=True)
class Address:
    """A DSN by reference, or one without password and the password's reference."""

    dsn: str
    password: str | None = None

    @classmethod
    def checked(cls, dsn: str, password: str | None = None) -> "Address":
        """Return the address in the forms that `recado source add` takes too.

        Raises:
            Invalid: RCD-405, not an address; RCD-602, a password in it, or something else than a reference.
        """
        sources.parts_of_dsn(dsn)
        return cls(dsn, None if password is None else words.reference(password, "password"))

    def conninfo(self) -> str:
        """Return libpq's form, with the secret in it: never log it. Raises `Invalid` RCD-602 or RCD-111."""
        text = resolve(self.dsn) if is_reference(self.dsn) else self.dsn
        text = text.replace("postgresql+psycopg://", "postgresql://", 1)
        return make_conninfo(text, password=resolve(self.password)) if self.password else text


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is, for those who get their own role there."""

    host: str
    port: int
    database: str
    sslmode: str

    @classmethod
    def of(cls, conninfo: str) -> "Place":
        """Read it from a connection string.

        Raises:
            Invalid: RCD-405, a local socket: Connect reaches databases by host and port only.
        """
        known: dict[str, Any] = conninfo_to_dict(conninfo)
        host = str(known.get("host") or known.get("hostaddr") or "")
        if not host or host.startswith("/") or "," in host:
            raise Invalid("RCD-405", "dsn: give one host and port; Connect cannot use a local socket")
        if not known.get("dbname"):
            raise Invalid("RCD-405", "dsn: name the database")
        port = int(known.get("port") or 5432)
        return cls(host, port, str(known["dbname"]), str(known.get("sslmode") or "prefer"))

    @property
    def server(self) -> str:
        """The server's name in the journal."""
        return f"{self.host}:{self.port}"

    def login(self, user: str, password: str) -> str:
        """Return the connection string of a role of ours."""
        return make_conninfo(
            host=self.host, port=self.port, dbname=self.database, sslmode=self.sslmode, user=user, password=password
        )


def _file(data_dir: Path, source: str) -> Path:
    return data_dir / "install" / f"{source}.json"


def remember(data_dir: Path, source: str, address: Address) -> None:
    """Keep the address for the next run, so that an interrupted one needs no arguments."""
    files.write(_file(data_dir, source), json.dumps({"dsn": address.dsn, "password": address.password}) + "\n")


def remembered(data_dir: Path, source: str) -> Address | None:
    """Return the address of an earlier run."""
    file = _file(data_dir, source)
    if not file.exists():
        return None
    kept = json.loads(file.read_text("utf-8"))
    return Address(kept["dsn"], kept["password"])


def known(data_dir: Path) -> list[str]:
    """Return the sources that were installed from here and not removed."""
    return sorted(path.stem for path in (data_dir / "install").glob("*.json"))


def forget(data_dir: Path, source: str) -> None:
    """Forget the address."""
    _file(data_dir, source).unlink(missing_ok=True)


def unknown(source: str, verb: str) -> Invalid:
    """Return the refusal of who knows no administrator's address."""
    command = f"recado {verb} {source} --dsn env:NAME"
    return Invalid("RCD-405", f"no administrator's address of source {source!r} is known here; give it: {command}")


def of_row(row: dict[str, Any]) -> Address | None:
    """Return the registry's address of a source, None when it is not a PostgreSQL one."""
    if row["dsn_ref"] is not None:
        return Address(row["dsn_ref"])
    if row["host"] is None or row["dialect"] != "postgresql":
        return None
    where = make_conninfo(host=row["host"], port=row["port"] or 5432, dbname=row["database"], user=row["username"])
    return Address(where, row["secret_ref"])
