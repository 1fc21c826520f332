"""Sources, tenants, agents, channels, flags, audit, and the version that every change of them raises.

The SQL is frozen: `schemas.tables` moves on with later migrations, this file does not.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    r"""
CREATE TABLE sources (
    source TEXT NOT NULL,
    flavour TEXT NOT NULL,
    dsn_ref TEXT,
    dialect TEXT,
    host TEXT,
    port INTEGER,
    database TEXT,
    username TEXT,
    secret_ref TEXT,
    created_offset_ms BIGINT DEFAULT 0 NOT NULL,
    session_numbers TEXT[] DEFAULT '{}' NOT NULL,
    frontend_url TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT 'added' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_sources PRIMARY KEY (source),
    CONSTRAINT ck_sources_source CHECK (source ~ '^[a-z][a-z0-9_]{0,30}$'),
    CONSTRAINT ck_sources_connection CHECK ((dsn_ref IS NOT NULL) <> (host IS NOT NULL AND database IS NOT NULL AND username IS NOT NULL)),
    CONSTRAINT ck_sources_dialect CHECK (dialect IN ('postgresql', 'mysql', 'mariadb')),
    CONSTRAINT ck_sources_state CHECK (state IN ('added', 'installed', 'paused', 'detached'))
)
""",
    r"""
CREATE TABLE channels (
    channel_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    settings JSONB DEFAULT '{}' NOT NULL,
    session_number TEXT,
    tested_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_channels PRIMARY KEY (channel_id),
    CONSTRAINT ck_channels_channel_id CHECK (channel_id ~ '^[a-z][a-z0-9_-]{0,62}$'),
    CONSTRAINT ck_channels_settings CHECK (jsonb_typeof(settings) = 'object')
)
""",
    r"""
CREATE TABLE tenants (
    source TEXT NOT NULL,
    company TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    mode TEXT DEFAULT 'off' NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    lane TEXT,
    channel_id TEXT,
    parameters JSONB DEFAULT '{}' NOT NULL,
    recipients TEXT[] DEFAULT '{assignee,queue,admins}' NOT NULL,
    first_only BOOLEAN DEFAULT false NOT NULL,
    fan_out INTEGER DEFAULT 3 NOT NULL,
    groups BOOLEAN DEFAULT false NOT NULL,
    bot_policy TEXT DEFAULT 'wait' NOT NULL,
    quiet_policy TEXT DEFAULT 'hold' NOT NULL,
    unknown_policy TEXT DEFAULT 'resend' NOT NULL,
    marker TEXT DEFAULT '[Whaticket]' NOT NULL,
    template TEXT DEFAULT 'plan' NOT NULL,
    language TEXT DEFAULT 'pt_BR' NOT NULL,
    zone TEXT DEFAULT 'America/Sao_Paulo' NOT NULL,
    region TEXT DEFAULT 'BR' NOT NULL,
    frontend_url TEXT,
    revision INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_tenants PRIMARY KEY (source, company),
    CONSTRAINT ck_tenants_company CHECK (company ~ '^[0-9]+$'),
    CONSTRAINT ck_tenants_mode CHECK (mode IN ('off', 'shadow', 'on')),
    CONSTRAINT ck_tenants_bot_policy CHECK (bot_policy IN ('wait', 'suppress')),
    CONSTRAINT ck_tenants_quiet_policy CHECK (quiet_policy IN ('hold', 'drop')),
    CONSTRAINT ck_tenants_unknown_policy CHECK (unknown_policy IN ('resend', 'dead')),
    CONSTRAINT ck_tenants_recipients CHECK (recipients <@ '{assignee,queue,admins}' AND cardinality(recipients) > 0),
    CONSTRAINT ck_tenants_fan_out CHECK (fan_out > 0),
    CONSTRAINT ck_tenants_parameters CHECK (jsonb_typeof(parameters) = 'object'),
    CONSTRAINT fk_tenants_sources FOREIGN KEY(source) REFERENCES sources (source),
    CONSTRAINT fk_tenants_channels FOREIGN KEY(channel_id) REFERENCES channels (channel_id)
)
""",
    r"""
CREATE INDEX ix_tenants_channel_id ON tenants (channel_id)
""",
    r"""
CREATE TABLE agents (
    source TEXT NOT NULL,
    company TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    whatsapp_notification_number TEXT,
    wa_address TEXT,
    wa_address_source TEXT,
    wa_address_checked_at TIMESTAMP WITH TIME ZONE,
    notify_on_new_message BOOLEAN DEFAULT false NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    state TEXT DEFAULT 'invited' NOT NULL,
    verified_by TEXT,
    verified_reason TEXT,
    verified_at TIMESTAMP WITH TIME ZONE,
    paused_until TIMESTAMP WITH TIME ZONE,
    quiet_hours JSONB,
    language TEXT,
    contact_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_agents PRIMARY KEY (source, company, user_id),
    CONSTRAINT fk_agents_tenants FOREIGN KEY(source, company) REFERENCES tenants (source, company),
    CONSTRAINT ck_agents_whatsapp_notification_number CHECK (whatsapp_notification_number ~ '^\+[1-9][0-9]{7,14}$'),
    CONSTRAINT ck_agents_wa_address CHECK ((wa_address IS NULL) = (wa_address_source IS NULL)),
    CONSTRAINT ck_agents_wa_address_source CHECK (wa_address_source IN ('e164', 'lookup', 'meta_wa_id', 'manual')),
    CONSTRAINT ck_agents_state CHECK (state IN ('invited', 'verified', 'paused', 'left')),
    CONSTRAINT ck_agents_verified CHECK (state NOT IN ('verified', 'paused') OR (whatsapp_notification_number IS NOT NULL AND verified_at IS NOT NULL))
)
""",
    r"""
CREATE INDEX ix_agents_whatsapp_notification_number ON agents (whatsapp_notification_number)
""",
    r"""
CREATE TABLE flags (
    name TEXT NOT NULL,
    value BOOLEAN NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_flags PRIMARY KEY (name)
)
""",
    r"""
CREATE TABLE audit (
    audit_id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    who TEXT NOT NULL,
    via TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    why TEXT DEFAULT '' NOT NULL,
    before JSONB,
    after JSONB,
    CONSTRAINT pk_audit PRIMARY KEY (audit_id),
    CONSTRAINT ck_audit_via CHECK (via IN ('cli', 'api', 'panel', 'phone', 'system'))
)
""",
    r"""
CREATE INDEX ix_audit_subject_audit_id ON audit (subject, audit_id)
""",
    r"""
CREATE TABLE config_state (
    one BOOLEAN DEFAULT true NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT pk_config_state PRIMARY KEY (one),
    CONSTRAINT ck_config_state_one CHECK (one)
)
""",
)

# Updating one row serialises the writers, so versions are in the order of the commits, and a reader that sees a
# version in its snapshot sees everything that came before it. A sequence would promise neither.
VERSION = r"""
CREATE FUNCTION recado_config_changed() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    now_at bigint;
BEGIN
    UPDATE config_state SET version = version + 1 RETURNING version INTO now_at;
    PERFORM pg_notify('recado_config', now_at::text);
    RETURN NULL;
END
$body$
"""

APPEND_ONLY = r"""
CREATE FUNCTION recado_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$body$
"""

CONFIGURATION = ("sources", "tenants", "agents", "channels", "flags")


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute("INSERT INTO config_state (version) VALUES (0)")
    op.execute(VERSION)
    op.execute(APPEND_ONLY)
    for table in CONFIGURATION:
        op.execute(
            f"CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION recado_config_changed()"
        )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION recado_append_only()"
    )


def downgrade() -> None:
    op.execute("DROP TABLE config_state, audit, flags, agents, tenants, channels, sources")
    op.execute("DROP FUNCTION recado_append_only()")
    op.execute("DROP FUNCTION recado_config_changed()")
