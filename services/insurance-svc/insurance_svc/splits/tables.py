"""Fee splits, as districts set them."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

FEE_SPLITS = sa.Table(
    "fee_splits",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("term", sa.Text, nullable=False),
    sa.Column("central", sa.Boolean, nullable=False, comment="for central enterprises, whose subsidy differs"),
    # 0: the district's default; otherwise for this union alone
    sa.Column("union_id", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("district_fen", sa.BigInteger, nullable=False),
    sa.Column("union_fen", sa.BigInteger, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date, nullable=False),
    sa.Column("set_by", sa.BigInteger, nullable=False),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("district_fen >= 0 AND union_fen >= 0", name="fee_splits_shares"),
    sa.CheckConstraint("valid_to >= valid_from", name="fee_splits_validity"),
    sa.UniqueConstraint(
        "district_id", "coverage_year", "class_code", "term", "central", "union_id", name="fee_splits_once"
    ),
)
