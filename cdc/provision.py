"""What is to be done in a source's database, and the doing of it.

`to_install` and `to_remove` compare what there is (`cdc.postgres`) with what is wanted and return steps, each with
its undo; `apply` does them in one transaction. A publication and two roles are made; the connector makes its slot.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from cdc.flavours.api import Flavour
from cdc.postgres import SCHEMA, TABLE, Connection, Role, SourceState, read_state, require_logical
from schemas.errors import Fatal


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, the SQL, the SQL that undoes it. `new_password_of`: SQL gets a generated password."""

    what: str
    sql: str
    undo: str | None
    code: str = "RCD-113"
    new_password_of: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done, and the passwords that were made: to be kept by the caller, they exist nowhere else."""

    steps: tuple[Step, ...]
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)


def require_publication(state: SourceState) -> None:
    """Check that our publication is there and right.

    Raises:
        Fatal: RCD-104, missing or different, with the SQL that makes it.
    """
    if state.publication is None or not state.publication.fits:
        problem = "is missing" if state.publication is None else "publishes something else"
        statements = "; ".join(step.sql for step in _publication_steps(state))
        raise Fatal("RCD-104", f"publication {state.names.publication} {problem}; SQL: {statements}")


def to_install(state: SourceState, flavour: Flavour, new_passwords: Iterable[str] = ()) -> tuple[Step, ...]:
    """Return what is missing, in order; nothing when all is there.

    Args:
        state: what there is.
        flavour: whose columns the app role may read.
        new_passwords: existing roles that get a new password, because theirs is lost or to be changed.

    Raises:
        Fatal: RCD-104, the table is missing, or the current user may not publish it; with the SQL for who may.
    """
    ours = state.names
    steps = _publication_steps(state)
    if steps and not state.may_publish:
        owner = state.table_owner or f'an owner; the table {SCHEMA}."{TABLE}" does not exist'
        raise Fatal("RCD-104", f"to be run by {owner}: {'; '.join(step.sql for step in steps)}")
    renewed = set(new_passwords)
    steps += _role_steps(ours.cdc_role, state.cdc_role, "LOGIN REPLICATION", ours.cdc_role in renewed)
    steps += _role_steps(ours.app_role, state.app_role, "LOGIN CONNECTION LIMIT 10", ours.app_role in renewed)
    if state.app_role is None or state.missing_limits:
        steps.append(
            Step(
                "let the read role only read, and never for long",
                f"ALTER ROLE {ours.app_role} SET default_transaction_read_only = on; "
                f"ALTER ROLE {ours.app_role} SET statement_timeout = '2s'",
                None,
            )
        )
    for table, columns in state.missing_grants.items():
        listed = ", ".join(f'"{column}"' for column in columns)
        target = f'{SCHEMA}."{table}"'
        steps.append(
            Step(
                f"let the read role see {len(columns)} columns of {table}",
                f"GRANT SELECT ({listed}) ON {target} TO {ours.app_role}",
                f"REVOKE SELECT ({listed}) ON {target} FROM {ours.app_role}",  # noqa: S608 - no value of anyone's
            )
        )
    return tuple(steps)


def _publication_steps(state: SourceState) -> list[Step]:
    name, target = state.names.publication, f'{SCHEMA}."{TABLE}"'
    create = f"CREATE PUBLICATION {name} FOR TABLE {target} WITH (publish = 'insert')"
    drop = f"DROP PUBLICATION IF EXISTS {name}"
    if state.publication is None:
        return [Step("publish the inserts of Messages", create, drop, "RCD-104")]
    if state.publication.fits:
        return []
    if state.publication.all_tables:  # cannot be altered into one of a single table
        return [
            Step("drop the publication of all tables", drop, None, "RCD-104"),
            Step("publish the inserts of Messages", create, drop, "RCD-104"),
        ]
    altered = f"ALTER PUBLICATION {name} SET TABLE {target}; ALTER PUBLICATION {name} SET (publish = 'insert')"
    return [Step("publish the inserts of Messages and nothing else", altered, None, "RCD-104")]


def _role_steps(name: str, role: Role | None, attributes: str, renew: bool) -> list[Step]:
    steps = []
    if role is None:
        steps.append(Step(f"create role {name}", f"CREATE ROLE {name} {attributes}", f"DROP ROLE IF EXISTS {name}"))
    elif not role.login or ("REPLICATION" in attributes and not role.replication):
        steps.append(Step(f"correct role {name}", f"ALTER ROLE {name} {attributes}", None))
    if role is None or renew:
        steps.append(
            Step(
                f"give {name} a new password", f"ALTER ROLE {name} PASSWORD <generated>", None, new_password_of=name
            )
        )
    return steps


def to_remove(state: SourceState) -> tuple[Step, ...]:
    """Return what removes all of ours but the slot (`cdc.slot.drop`), in order; nothing when nothing is left."""
    ours = state.names
    steps = []
    if state.publication is not None:
        steps.append(
            Step("drop the publication", f"DROP PUBLICATION IF EXISTS {ours.publication}", None, "RCD-104")
        )
    if state.app_role is not None:
        if state.granted_tables:
            # Revoking from a table takes its columns' privileges along.
            tables = ", ".join(state.granted_tables)
            steps.append(
                Step("take the read role's privileges", f"REVOKE ALL ON {tables} FROM {ours.app_role}", None)
            )
        steps.append(Step(f"drop role {ours.app_role}", f"DROP ROLE IF EXISTS {ours.app_role}", None))
    if state.cdc_role is not None:
        steps.append(Step(f"drop role {ours.cdc_role}", f"DROP ROLE IF EXISTS {ours.cdc_role}", None))
    return tuple(steps)


def apply(connection: Connection, steps: Sequence[Step], given: Mapping[str, str] | None = None) -> Applied:
    """Do the steps in one transaction: all of them, or none.

    Args:
        connection: in autocommit mode.
        steps: as `to_install` or `to_remove` return them.
        given: passwords by role, kept by the caller beforehand; without one, a role gets a generated password.

    Raises:
        Fatal: RCD-104 or RCD-113, a step is not allowed; with its SQL.
    """
    passwords: dict[str, str] = {}
    with connection.transaction():
        for step in steps:
            try:
                if step.new_password_of is None:
                    connection.execute(sql.SQL(step.sql))
                else:
                    role = step.new_password_of
                    passwords[role] = (given or {}).get(role) or secrets.token_urlsafe(32)
                    _set_password(connection, role, passwords[role])
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DependentObjectsStillExist) as error:
                reason = error.diag.message_primary or type(error).__name__
                raise Fatal(step.code, f"{reason}; SQL: {step.sql}") from None
    return Applied(tuple(steps), passwords)


def _set_password(connection: Connection, role: str, password: str) -> None:
    """Give a role a password; only its SCRAM verifier is sent, so that no server log holds it."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
    connection.execute(statement)


def ensure(connection: Connection, source: str, flavour: Flavour, new_passwords: Iterable[str] = ()) -> Applied:
    """Look, decide and do: afterwards publication and roles are as a source needs them. Idempotent.

    Raises:
        Fatal: RCD-101, RCD-102, RCD-104 or RCD-113.
    """
    state = read_state(connection, source, flavour)
    require_logical(state)
    return apply(connection, to_install(state, flavour, new_passwords))


def remove(connection: Connection, source: str, flavour: Flavour) -> Applied:
    """Remove publication and roles. Idempotent. Drop the slot first (`cdc.slot.drop`): it fills the disk.

    Raises:
        Fatal: RCD-104 or RCD-113.
    """
    return apply(connection, to_remove(read_state(connection, source, flavour)))
