"""The columns of a sheet of members to let go (批量转出会员), and the reasons that C20 names."""

from enum import StrEnum

from member_svc.imports.columns import Column, Layout


class OutReason(StrEnum):
    """转出原因 (C20, domain 3)."""

    LEFT = "left"
    RETIRED = "retired"
    RETIRED_VETERAN = "retired_veteran"
    DIED = "died"
    EXPELLED = "expelled"
    OTHER = "other"

    @property
    def label(self) -> str:
        """As staff read it."""
        return LABELS[self]


LABELS = {
    OutReason.LEFT: "离职",
    OutReason.RETIRED: "退休",
    OutReason.RETIRED_VETERAN: "离休",
    OutReason.DIED: "死亡",
    OutReason.EXPELLED: "开除会籍",
    OutReason.OTHER: "其他",
}
REASON_OF = {label: reason for reason, label in LABELS.items()} | {
    "已离职": OutReason.LEFT,
    "已退休": OutReason.RETIRED,
    "已离休": OutReason.RETIRED_VETERAN,
    "已死亡": OutReason.DIED,
    "身故": OutReason.DIED,
    "其它": OutReason.OTHER,
}


class OutField(StrEnum):
    """What a column holds."""

    NAME = "name"
    DOCUMENT_NUMBER = "document_number"
    REASON = "reason"
    NUMBER = "number"
    NOTE = "note"


COLUMNS = (
    Column(OutField.NAME, "姓名", ("会员姓名", "名字"), example="张三", note="与系统登记的一致"),
    Column(
        OutField.DOCUMENT_NUMBER,
        "证件号码",
        ("证件号", "有效证件号码", "身份证号", "身份证号码"),
        example="110105194912310021",
        note="文本格式；与系统登记的一致",
        width=24,
    ),
    Column(OutField.REASON, "转出原因", ("原因",), choices=tuple(LABELS.values()), example="退休"),
    Column(OutField.NUMBER, "会员编号", ("编号",), required=False, note="可不填；填写的须与系统登记的一致，10 位"),
    Column(OutField.NOTE, "说明", ("备注",), required=False, note="可不填，不超过 200 个字", width=30),
)
HEADER_OF = {column.field: column.header for column in COLUMNS}

# 证件类型 is often in such sheets and not needed: the number alone finds the member.
LAYOUT = Layout(
    COLUMNS,
    (OutField.DOCUMENT_NUMBER, OutField.NUMBER),
    frozenset({"序号", "错误信息", "证件类型", "有效证件类型"}),
)
