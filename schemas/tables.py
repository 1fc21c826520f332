"""Tables of the `recado` database (PostgreSQL). Created by `schemas.migrations`, never from here.

Secrets are never in them, only references (`schemas.secrets`). Every change of sources, tenants, agents, channels
or flags raises `config_state.version` and notifies `NOTIFY_CHANNEL`, by triggers: a change by hand counts too.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

NOTIFY_CHANNEL = "recado_config"
GLOBAL_FLAG = "global"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _at(name: str, *, required: bool = False) -> Column[object]:
    """A point in time; `required` ones are set by the database's clock."""
    if required:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=text("now()"))
    return Column(name, DateTime(timezone=True))


def _text(name: str, default: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


sources = Table(
    "sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("flavour", Text, nullable=False),
    # Either the whole DSN is a secret's reference, or its parts are here and only the password is referred to.
    Column("dsn_ref", Text),
    Column("dialect", Text),
    Column("host", Text),
    Column("port", Integer),
    Column("database", Text),
    Column("username", Text),
    Column("secret_ref", Text),
    Column("created_offset_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("session_numbers", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _text("frontend_url", ""),
    _text("state", "added"),
    _at("created_at", required=True),
    _at("updated_at", required=True),
    CheckConstraint("source ~ '^[a-z][a-z0-9_]{0,30}$'", name="source"),
    CheckConstraint(
        "(dsn_ref IS NOT NULL) <> (host IS NOT NULL AND database IS NOT NULL AND username IS NOT NULL)",
        name="connection",
    ),
    _one_of("dialect", "postgresql", "mysql", "mariadb"),
    _one_of("state", "added", "installed", "paused", "detached"),
)

channels = Table(
    "channels",
    metadata,
    Column("channel_id", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("session_number", Text),
    _at("tested_at"),
    # Limits: NULL means the provider's own.
    Column("rate_per_minute", Integer),
    Column("in_flight", Integer),
    Column("weight", Integer, nullable=False, server_default=text("1")),
    _at("created_at", required=True),
    _at("updated_at", required=True),
    CheckConstraint("channel_id ~ '^[a-z][a-z0-9_-]{0,62}$'", name="channel_id"),
    CheckConstraint("jsonb_typeof(settings) = 'object'", name="settings"),
    CheckConstraint("rate_per_minute > 0", name="rate_per_minute"),
    CheckConstraint("in_flight > 0", name="in_flight"),
    CheckConstraint("weight > 0", name="weight"),
)

tenants = Table(
    "tenants",
    metadata,
    Column("source", Text, ForeignKey("sources.source"), primary_key=True),
    Column("company", Text, primary_key=True),
    _text("name", ""),
    _text("mode", "off"),
    _at("disabled_at"),
    Column("lane", Text),
    Column("channel_id", Text, ForeignKey("channels.channel_id")),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'")),
    Column("recipients", ARRAY(Text), nullable=False, server_default=text("'{assignee,queue,admins}'")),
    _flag("first_only"),
    Column("fan_out", Integer, nullable=False, server_default=text("3")),
    _flag("groups"),
    _text("bot_policy", "wait"),
    _text("quiet_policy", "hold"),
    _text("unknown_policy", "resend"),
    _text("marker", "[Whaticket]"),
    _text("template", "plan"),
    _text("language", "pt_BR"),
    _text("zone", "America/Sao_Paulo"),
    _text("region", "BR"),
    Column("frontend_url", Text),
    # Of agents who have no hours of their own.
    Column("quiet_hours", JSONB),
    Column("holidays", JSONB, nullable=False, server_default=text("'[]'")),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    _at("created_at", required=True),
    _at("updated_at", required=True),
    CheckConstraint("company ~ '^[0-9]+$'", name="company"),
    _one_of("mode", "off", "shadow", "on"),
    _one_of("bot_policy", "wait", "suppress"),
    _one_of("quiet_policy", "hold", "drop"),
    _one_of("unknown_policy", "resend", "dead"),
    CheckConstraint("recipients <@ '{assignee,queue,admins}' AND cardinality(recipients) > 0", name="recipients"),
    CheckConstraint("fan_out > 0", name="fan_out"),
    CheckConstraint("jsonb_typeof(parameters) = 'object'", name="parameters"),
    CheckConstraint("jsonb_typeof(holidays) = 'array'", name="holidays"),
    Index(None, "channel_id"),
)

agents = Table(
    "agents",
    metadata,
    Column("source", Text, primary_key=True),
    Column("company", Text, primary_key=True),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    _text("name", ""),
    Column("whatsapp_notification_number", Text),
    Column("wa_address", Text),
    Column("wa_address_source", Text),
    _at("wa_address_checked_at"),
    _flag("notify_on_new_message"),
    _at("disabled_at"),
    _text("state", "invited"),
    Column("verified_by", Text),
    Column("verified_reason", Text),
    _at("verified_at"),
    _at("paused_until"),
    Column("quiet_hours", JSONB),
    Column("language", Text),
    Column("contact_id", BigInteger),
    # Providers refused the number for good: nothing is sent to it until it is given anew.
    _at("suspended_at"),
    Column("suspended_reason", Text),
    _at("created_at", required=True),
    _at("updated_at", required=True),
    ForeignKeyConstraint(["source", "company"], ["tenants.source", "tenants.company"]),
    CheckConstraint(r"whatsapp_notification_number ~ '^\+[1-9][0-9]{7,14}$'", name="whatsapp_notification_number"),
    CheckConstraint("(wa_address IS NULL) = (wa_address_source IS NULL)", name="wa_address"),
    _one_of("wa_address_source", "e164", "lookup", "meta_wa_id", "manual"),
    _one_of("state", "invited", "verified", "paused", "left"),
    CheckConstraint(
        "state NOT IN ('verified', 'paused') OR "
        "(whatsapp_notification_number IS NOT NULL AND verified_at IS NOT NULL)",
        name="verified",
    ),
    Index(None, "whatsapp_notification_number"),
)

flags = Table(
    "flags",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Boolean, nullable=False),
    _at("disabled_at"),
    _at("updated_at", required=True),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True),
    _at("at", required=True),
    Column("who", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _text("why", ""),
    # Numbers masked before they come here.
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    _one_of("via", "cli", "api", "panel", "phone", "system"),
    Index(None, "subject", "audit_id"),
)

config_state = Table(
    "config_state",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("one", name="one"),
)

install_journal = Table(
    "install_journal",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("source", Text),
    Column("step", Text, nullable=False),
    Column("state", Text, nullable=False),
    _text("line", ""),
    _text("undo", ""),
    Column("before", JSONB(none_as_null=True)),
    _one_of("state", "begun", "done", "failed", "undone"),
    Index(None, "source", "at"),
)
