"""A schema's shape: read from the catalogue, compared with what a flavour needs."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, inspect
from sqlalchemy.types import NullType, TypeEngine

from cdc.flavours.api import Column, Shape, TableShape

Needs = Mapping[str, tuple[str, ...]]
"""Table -> columns that a flavour reads."""


def read_shape(connection: Connection) -> Shape:
    """Read the tables, columns and primary keys of the connection's default schema.

    Reads the catalogue itself, so that it works for a role that may select nothing (PostgreSQL's
    `information_schema` hides what a role has no privilege for).
    """
    catalogue = inspect(connection)
    keys = catalogue.get_multi_pk_constraint()
    return {
        key[1]: TableShape(
            {c["name"]: Column(c["name"], _type_name(c["type"], connection), c["nullable"]) for c in columns},
            tuple(keys[key]["constrained_columns"] if key in keys else ()),
        )
        for key, columns in catalogue.get_multi_columns().items()
    }


def _type_name(kind: TypeEngine[object], connection: Connection) -> str:
    return "unknown" if isinstance(kind, NullType) else kind.compile(connection.dialect).lower()


def lacking(shape: Shape, needs: Needs) -> Iterator[str]:
    """Name each table and column of `needs` that `shape` lacks, as `Table` or `Table.column`."""
    for table, columns in needs.items():
        there = shape.get(table)
        if there is None:
            yield table
        else:
            yield from (f"{table}.{column}" for column in columns if column not in there.columns)


def owned(shape: Shape, columns: Needs) -> Iterator[str]:
    """Name each column of `columns` that `shape` has, as `Table.column`."""
    for table, names in columns.items():
        there = shape.get(table)
        if there is not None:
            yield from (f"{table}.{name}" for name in names if name in there.columns)


def key_differs(shape: Shape, table: str, key: tuple[str, ...]) -> Iterator[str]:
    """Name the primary key that a table should have, where it has another."""
    there = shape.get(table)
    if there is not None and there.primary_key != key:
        yield f"{table} primary key ({', '.join(key)}) (it is: {', '.join(there.primary_key) or 'none'})"
