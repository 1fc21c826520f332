"""A fork's true tables, from a schema listing in `tests/traces/`. No foreign keys: rows may come in any order."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

# What MariaDB's types and defaults become on PostgreSQL; PostgreSQL's own match none of these.
_TYPES = (
    (re.compile(r"^tinyint\(1\)$"), "boolean"),
    (re.compile(r"^(tiny|small|medium)?int\(\d+\)$"), "integer"),
    (re.compile(r"^bigint\(\d+\)$"), "bigint"),
    (re.compile(r"^datetime(\(\d\))?$"), "timestamptz"),
    (re.compile(r"^(long|medium|tiny)text$"), "text"),
    (re.compile(r"^double.*$"), "double precision"),
    (re.compile(r"^(long)?blob$"), "bytea"),
    (re.compile(r"^\"?enum.*$"), "text"),
)
_KEY = re.compile(r"(PK|UQ)\(([^)]*)\)")
_GENERATED = "GENERATED "

PRELUDE = """\
CREATE OR REPLACE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
"""
"""ticketz's default for uuids comes from an extension that an embedded server lacks."""


@dataclass(frozen=True, slots=True)
class ColumnDef:
    """A column for PostgreSQL. `generated` ones are computed by the database and never written."""

    name: str
    type: str
    required: bool
    default: str = ""
    generated: str = ""

    def sql(self) -> str:
        """Return the column's clause of CREATE TABLE."""
        parts = [quote(self.name), self.type]
        if self.generated:
            parts.append(f"GENERATED ALWAYS AS ({self.generated}) STORED")
        elif self.default:
            parts.append(f"DEFAULT {self.default}")
        if self.required:
            parts.append("NOT NULL")
        return " ".join(parts)


@dataclass(slots=True)
class TableDef:
    """A table for PostgreSQL. `primary_key` is empty where the fork forgot one."""

    name: str
    columns: dict[str, ColumnDef] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = field(default_factory=list)

    def sql(self) -> str:
        """Return CREATE TABLE."""
        lines = [column.sql() for column in self.columns.values()]
        if self.primary_key:
            lines.append(f"PRIMARY KEY ({', '.join(map(quote, self.primary_key))})")
        lines += [f"UNIQUE ({', '.join(map(quote, key))})" for key in sorted(self.unique)]
        return f"CREATE TABLE {quote(self.name)} (\n  " + ",\n  ".join(lines) + "\n);\n"


def quote(name: str) -> str:
    """Quote an identifier: the forks' names are in camel case."""
    return '"' + name.replace('"', '""') + '"'


def read(path: Path) -> dict[str, TableDef]:
    """Read a schema listing: table, position, column, type, nullable, default, key, separated by tabs."""
    tables: dict[str, TableDef] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            table = tables.setdefault(row["table"], TableDef(row["table"]))
            table.columns[row["column"]] = _column(row)
            for kind, names in _KEY.findall(row["key"] or ""):
                key = tuple(names.split(","))
                if kind == "PK":
                    table.primary_key = key
                elif key not in table.unique:
                    table.unique.append(key)
    return tables


def statements(path: Path) -> str:
    """Return the SQL script that makes a fork's tables in an empty schema."""
    return PRELUDE + "".join(table.sql() for table in read(path).values())


def indexes(path: Path, tables: dict[str, TableDef]) -> str:
    """Return CREATE INDEX for a fork's own plain indexes (unique ones are already in its tables)."""
    found = []
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["table"] not in tables:
                continue
            if "definition" in row:
                if row["definition"].startswith("CREATE INDEX "):
                    found.append(row["definition"].replace(" ON public.", " ON ") + ";\n")
            elif row["unique"] == "NO":
                columns = ", ".join(quote(name.strip()) for name in row["columns"].split(","))
                name = quote(f"{row['table']}_{row['index']}")
                found.append(f"CREATE INDEX {name} ON {quote(row['table'])} ({columns});\n")
    return "".join(found)


def _column(row: dict[str, str]) -> ColumnDef:
    kind, default = row["type"], (row["default"] or "").strip()
    required = row["nullable"] == "NO"
    if default.startswith(_GENERATED):
        return ColumnDef(row["column"], kind, required, generated=default.removeprefix(_GENERATED))
    if default.startswith("nextval(") or default.endswith("auto_increment"):
        return ColumnDef(row["column"], "bigserial" if kind.startswith("bigint") else "serial", required)
    enum = kind.startswith(("enum", '"enum'))
    for pattern, replacement in _TYPES:
        kind = pattern.sub(replacement, kind)
    if enum:
        default = re.sub(r"::.*$", "", default)
    if kind == "boolean":
        default = {"0": "false", "1": "true"}.get(default, default)
    if default.startswith("current_timestamp"):
        default = "now()"
    if default == "NULL" or default.startswith("NULL::"):
        default = ""
    return ColumnDef(row["column"], kind, required, default)
