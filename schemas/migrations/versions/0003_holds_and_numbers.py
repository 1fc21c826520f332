"""Hours and holidays of a tenant, numbers that refuse, and the limits of a channel.

The SQL is frozen: `schemas.tables` moves on with later migrations, this file does not.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (
    ("tenants", "quiet_hours", "JSONB"),
    ("tenants", "holidays", "JSONB NOT NULL DEFAULT '[]'"),
    ("agents", "suspended_at", "TIMESTAMP WITH TIME ZONE"),
    ("agents", "suspended_reason", "TEXT"),
    ("channels", "rate_per_minute", "INTEGER"),
    ("channels", "in_flight", "INTEGER"),
    ("channels", "weight", "INTEGER NOT NULL DEFAULT 1"),
)
CHECKS = (
    ("tenants", "holidays", "jsonb_typeof(holidays) = 'array'"),
    ("channels", "rate_per_minute", "rate_per_minute > 0"),
    ("channels", "in_flight", "in_flight > 0"),
    ("channels", "weight", "weight > 0"),
)


def upgrade() -> None:
    for table, name, kind in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    for table, name, rule in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule})")


def downgrade() -> None:
    for table, name, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
