"""The install journal: what was done to whose systems, with the old value and the undo of each step.

The SQL is frozen: `schemas.tables` moves on with later migrations, this file does not.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JOURNAL = r"""
CREATE TABLE install_journal (
    entry_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    who TEXT NOT NULL,
    cell TEXT NOT NULL,
    source TEXT,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    line TEXT DEFAULT '' NOT NULL,
    undo TEXT DEFAULT '' NOT NULL,
    before JSONB,
    CONSTRAINT pk_install_journal PRIMARY KEY (entry_id),
    CONSTRAINT ck_install_journal_state CHECK (state IN ('begun', 'done', 'failed', 'undone'))
)
"""


def upgrade() -> None:
    op.execute(JOURNAL)
    op.execute("CREATE INDEX ix_install_journal_source_at ON install_journal (source, at)")
    op.execute(
        "CREATE TRIGGER install_journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON install_journal "
        "FOR EACH STATEMENT EXECUTE FUNCTION recado_append_only()"
    )


def downgrade() -> None:
    op.execute("DROP TABLE install_journal")
