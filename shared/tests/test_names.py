"""Names of people: one stored form, refusals, and what sends a member to the special channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.names import PersonNameError, fits_gbk, is_long_name, normalise_name, rare_characters


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("张三", "张三"),
        ("  张 三\t", "张三"),
        ("张\u3000三", "张三"),
        ("\ufeff张三\u200b", "张三"),
        ("Ｊｏｈｎ　Ｓｍｉｔｈ", "John Smith"),
        ("John   Smith", "John Smith"),
        ("O'Neil-Brown Jr.", "O'Neil-Brown Jr."),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽 · 买买提", "阿依古丽·买买提"),
        ("阿依古丽・买买提", "阿依古丽·买买提"),
        ("Jose\u0301", "José"),
        ("𠮷田", "𠮷田"),
        ("刘〇", "刘〇"),
        ("王\u3400", "王㐀"),
    ],
)
def test_names_in_their_stored_form(raw: str, name: str) -> None:
    assert normalise_name(raw) == name


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "name-missing"),
        ("", "name-missing"),
        (" \u3000\u200b", "name-missing"),
        ("张3", "name-digit"),
        ("张３", "name-digit"),
        ("张三①", "name-digit"),
        ("张\x00三", "name-control-character"),
        ("张\x07", "name-control-character"),
        ("张\ue863", "name-private-character"),
        ("张?", "name-question-mark"),
        ("张？", "name-question-mark"),
        ("张三(女)", "name-character"),
        ("=HYPERLINK", "name-character"),
        ("张三,李四", "name-character"),
        ("·", "name-character"),
        ("--", "name-character"),
        ("张" * 101, "name-too-long"),
    ],
)
def test_names_that_are_refused(raw: str | None, code: str) -> None:
    with pytest.raises(PersonNameError) as caught:
        normalise_name(raw)
    assert caught.value.code == code
    assert caught.value.reason_zh
    assert caught.value.remedy_zh


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(raw: str) -> None:
    try:
        name = normalise_name(raw)
    except PersonNameError:
        return
    assert normalise_name(name) == name


def test_rare_characters_are_those_that_the_banks_character_set_lacks() -> None:
    assert fits_gbk("张喆·John")
    assert fits_gbk("朱镕基")  # in GBK, not in GB 2312
    assert not fits_gbk("𠮷田")
    assert rare_characters("王𬱖㛃𬱖") == "𬱖㛃"
    assert rare_characters("王五") == ""


def test_a_long_name_has_more_than_ten_chinese_characters() -> None:
    assert not is_long_name("买买提江阿卜杜热合曼")  # ten
    assert is_long_name("买买提江阿卜杜热合曼江")  # eleven
    assert not is_long_name("买买提江·阿卜杜热合曼")  # ten and a dot
    assert not is_long_name("Alexander Hamilton")
