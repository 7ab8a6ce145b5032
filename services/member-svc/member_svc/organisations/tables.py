"""The tree, and where a file of it is staged while it is checked."""

import sqlalchemy as sa

from member_svc.metadata import METADATA

ORGANISATIONS = sa.Table(
    "organisations",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("code", sa.Text, nullable=False, unique=True, comment="the operator's own code, key of the file"),
    sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("organisations.id")),
    sa.Column("path", sa.Text, nullable=False, comment="/1/12/345/: ids from the root down, itself last"),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("district_code", sa.Text),
    sa.Column("marked_central", sa.Boolean, nullable=False, comment="as the file says of this one"),
    sa.Column("central_enterprise", sa.Boolean, nullable=False, comment="marked, or below one that is"),
    sa.Column("credit_code", sa.Text, comment="统一社会信用代码"),
    sa.Column("head_name_enc", sa.Text, comment="bound to the code"),
    sa.Column("head_phone_enc", sa.Text, comment="bound to the code"),
    sa.Column("head_hash", sa.Text, comment="keyed hash of both, to see a change"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("organisations_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
    sa.Index("organisations_parent", "parent_id", "id"),
    sa.CheckConstraint("level IN ('federation', 'district', 'second_level', 'union')", name="organisations_level"),
)

STAGING = sa.Table(
    "organisation_staging",
    METADATA,
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("parent_code", sa.Text),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("district_code", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("marked_central", sa.Boolean, nullable=False),
    sa.Column("credit_code", sa.Text),
    sa.Column("head_name_enc", sa.Text),
    sa.Column("head_phone_enc", sa.Text),
    sa.Column("head_hash", sa.Text),
    sa.Column("id", sa.BigInteger),
    sa.Index("organisation_staging_code", "code"),
    prefixes=["UNLOGGED"],
)
