"""Documents: numbers worked out by hand with the weights of GB 11643; all persons are fictional."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.documents import (
    DocumentError,
    DocumentType,
    Sex,
    document_type,
    mask_document,
    normalise_credit_code,
    normalise_document,
    resident_check_character,
)

TODAY = date(2026, 3, 1)
RESIDENT = DocumentType.RESIDENT_IDENTITY_CARD


def refused(kind: DocumentType, raw: str | float | None, today: date = TODAY) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        normalise_document(kind, raw, today)
    return caught.value


@pytest.mark.parametrize(
    ("number", "birth_date", "sex"),
    [
        # 21+9+0+5+0+4+2+9+48+0+0+9+0+5+0+0+2 = 114, 114 mod 11 = 4 -> 8
        ("310101198001010018", date(1980, 1, 1), Sex.MALE),
        ("310101198001010026", date(1980, 1, 1), Sex.FEMALE),
        # The example of GB 11643 itself.
        ("11010519491231002X", date(1949, 12, 31), Sex.FEMALE),
        # Old county code 310225 and 310115 for 1985: plausible people whom a table of regions refuses.
        ("310225197005150036", date(1970, 5, 15), Sex.MALE),
        ("310115198512311240", date(1985, 12, 31), Sex.FEMALE),
        ("310101200002290103", date(2000, 2, 29), Sex.FEMALE),
    ],
)
def test_resident_numbers(number: str, birth_date: date, sex: Sex) -> None:
    found = normalise_document(RESIDENT, number, TODAY)
    assert (found.number, found.birth_date, found.sex, found.converted) == (number, birth_date, sex, False)


@pytest.mark.parametrize(
    "raw",
    [
        "310101198001010018",
        "３１０１０１１９８００１０１００１８",
        " 310101 19800101 0018\n",
        "310101\u3000198001010018",
        "\ufeff310101\u00a0198001010018\u200b",
    ],
)
def test_full_width_digits_and_spaces_of_all_kinds_are_the_same_number(raw: str) -> None:
    assert normalise_document(RESIDENT, raw, TODAY).number == "310101198001010018"


@pytest.mark.parametrize("raw", ["11010519491231002x", "11010519491231002Ｘ", "11010519491231002ｘ"])
def test_the_check_character_x_is_stored_as_a_capital(raw: str) -> None:
    assert normalise_document(RESIDENT, raw, TODAY).number == "11010519491231002X"


def test_fifteen_digits_become_eighteen() -> None:
    found = normalise_document(RESIDENT, "310101800101001", TODAY)
    assert (found.number, found.sex, found.converted) == ("310101198001010018", Sex.MALE, True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "document-number-missing"),
        ("", "document-number-missing"),
        (" \u3000 ", "document-number-missing"),
        ("310101198001010017", "document-number-check"),
        ("310101198001010081", "document-number-check"),
        ("310101198102290013", "document-number-birth-date"),
        ("310101198013010013", "document-number-birth-date"),
        ("310101202603020013", "document-number-birth-date"),
        ("440524188001010014", "document-number-birth-date"),
        ("31010119800101001", "document-number-format"),
        ("3101011980010100188", "document-number-format"),
        ("31010X198001010018", "document-number-format"),
        ("X10101198001010018", "document-number-format"),
        ("310101801301001", "document-number-birth-date"),
        ("３１０１０１１９８００１０１００１", "document-number-format"),
        # Arabic-Indic digits count as digits in Python, not on an identity card.
        ("٣١٠١٠١١٩٨٠٠١٠١٠٠١٨", "document-number-format"),
        ("3.10101198001011E+17", "document-number-numeric"),
        ("3.101011980010113e+17", "document-number-numeric"),
        ("3.10101198001011E17", "document-number-numeric"),
        ("3E+17", "document-number-numeric"),
        (3.101011980010113e17, "document-number-numeric"),
        (310101198001010018, "document-number-numeric"),
        (310101800101001.0, "document-number-numeric"),
    ],
)
def test_resident_numbers_that_are_refused(raw: str | float | None, code: str) -> None:
    error = refused(RESIDENT, raw)
    assert error.code == code
    assert error.reason_zh
    assert error.remedy_zh


def test_a_number_in_scientific_notation_is_mended_by_a_text_column() -> None:
    assert "文本格式" in refused(RESIDENT, "3.10101198001011E+17").remedy_zh


def test_zeros_where_excel_lost_digits_lead_to_the_text_column_too() -> None:
    error = refused(RESIDENT, "310101198001010000")
    assert error.code == "document-number-check"
    assert "文本格式" in error.remedy_zh


def test_a_child_born_today_is_taken_and_one_born_tomorrow_is_not() -> None:
    # 21+9+0+5+0+4+4+0+12+18+0+27+0+5+0+0+2 = 107, 107 mod 11 = 8 -> 4
    number = "310101202603010014"
    assert normalise_document(RESIDENT, number, TODAY).birth_date == TODAY
    assert refused(RESIDENT, number, date(2026, 2, 28)).code == "document-number-birth-date"


@given(st.text(max_size=25))
def test_no_text_is_taken_or_refused_in_any_other_way_and_no_refusal_repeats_it(raw: str) -> None:
    for kind in DocumentType:
        try:
            found = normalise_document(kind, raw, TODAY)
        except DocumentError as error:
            words = f"{error} {error.reason_zh} {error.remedy_zh}"
            assert len(raw.strip()) < 6 or raw not in words
        else:
            assert normalise_document(kind, found.number, TODAY).number == found.number


@given(
    st.integers(110000, 659999),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(0, 999),
    st.integers(0, 16),
    st.integers(1, 9),
)
def test_one_wrong_digit_never_passes(region: int, born: date, sequence: int, place: int, shift: int) -> None:
    first_17 = f"{region}{born:%Y%m%d}{sequence:03d}"
    number = first_17 + resident_check_character(first_17)
    assert normalise_document(RESIDENT, number, TODAY).birth_date == born
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    refused(RESIDENT, wrong)


@pytest.mark.parametrize(
    ("kind", "raw", "number"),
    [
        (DocumentType.PASSPORT, "e12345678", "E12345678"),
        (DocumentType.PASSPORT, "ＥＡ １２３４５６７", "EA1234567"),
        (DocumentType.PASSPORT, "1E2345678", "1E2345678"),
        (DocumentType.HK_MACAO_PERMIT, "h1234567800", "H1234567800"),
        (DocumentType.HK_MACAO_PERMIT, "M12345678", "M12345678"),
        (DocumentType.TAIWAN_PERMIT, "01234567", "01234567"),
        (DocumentType.TAIWAN_PERMIT, "0123456701", "0123456701"),
        (DocumentType.FOREIGN_PERMANENT_RESIDENT, "USA310185061501", "USA310185061501"),
        (DocumentType.OTHER, "军字第-1", None),
        (DocumentType.OTHER, "AB-1234(5)", "AB-1234(5)"),
        (DocumentType.PASSPORT, "E123", None),
        (DocumentType.PASSPORT, "E1234-678", None),
        (DocumentType.HK_MACAO_PERMIT, "C12345678", None),
        (DocumentType.HK_MACAO_PERMIT, "H123456789", None),
        (DocumentType.TAIWAN_PERMIT, "T1234567", None),
        (DocumentType.FOREIGN_PERMANENT_RESIDENT, "USA31018506150", None),
    ],
)
def test_other_documents_by_their_shape(kind: DocumentType, raw: str, number: str | None) -> None:
    if number is None:
        assert refused(kind, raw).code == "document-number-format"
    else:
        found = normalise_document(kind, raw, TODAY)
        assert (found.number, found.birth_date, found.sex) == (number, None, None)


def test_residence_permits_and_new_permanent_resident_cards_are_checked_like_residents() -> None:
    # 56+9+0+0+0+0+2+9+54+0+0+9+0+5+0+0+2 = 146 -> 3 -> 9;  sum of the other one 341 -> 0 -> 1
    permit = normalise_document(DocumentType.HK_MACAO_TAIWAN_RESIDENCE, "810000199001010019", TODAY)
    assert (permit.birth_date, permit.sex) == (date(1990, 1, 1), Sex.MALE)
    card = normalise_document(DocumentType.FOREIGN_PERMANENT_RESIDENT, "931840198506150031", TODAY)
    assert (card.birth_date, card.sex) == (date(1985, 6, 15), Sex.MALE)
    assert refused(DocumentType.HK_MACAO_TAIWAN_RESIDENCE, "310101198001010018").code == "document-number-format"
    assert refused(DocumentType.HK_MACAO_TAIWAN_RESIDENCE, "810000199001010018").code == "document-number-check"
    assert refused(DocumentType.FOREIGN_PERMANENT_RESIDENT, "931840198506150032").code == "document-number-check"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("居民身份证", RESIDENT),
        (" 身份证 ", RESIDENT),
        ("护照", DocumentType.PASSPORT),
        ("港澳居民来往内地通行证", DocumentType.HK_MACAO_PERMIT),
        ("台湾居民来往大陆通行证", DocumentType.TAIWAN_PERMIT),
        ("外国人永久居留身份证", DocumentType.FOREIGN_PERMANENT_RESIDENT),
        ("港澳台居民居住证", DocumentType.HK_MACAO_TAIWAN_RESIDENCE),
        ("其它", DocumentType.OTHER),
    ],
)
def test_types_by_name(text: str, kind: DocumentType) -> None:
    assert document_type(text) is kind
    assert document_type(kind.label) is kind


def test_an_unknown_type_is_answered_with_the_names_that_are_known() -> None:
    with pytest.raises(DocumentError) as caught:
        document_type("驾驶证")
    assert caught.value.code == "document-type-unknown"
    assert "居民身份证、护照" in caught.value.remedy_zh
    with pytest.raises(DocumentError, match="document-type-missing"):
        document_type(" ")


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("341101198001016755", "3411****6755"),
        ("E12345678", "E1****78"),
        ("H1234567", "H1****67"),
        ("A1234", "****"),
        ("", "****"),
    ],
)
def test_masks(number: str, masked: str) -> None:
    assert mask_document(number) == masked


def test_credit_codes() -> None:
    assert normalise_credit_code(" 91110000600037341l ") == "91110000600037341L"
    for raw, code in [
        ("91110000600037342L", "credit-code-check"),
        ("9111000060003734IL", "credit-code-check"),
        ("9111000060003734", "credit-code-format"),
        ("91110000-00037341L", "credit-code-format"),
        ("", "credit-code-missing"),
        (None, "credit-code-missing"),
        ("9.1110000600037E+17", "credit-code-numeric"),
        (9.111e17, "credit-code-numeric"),
    ]:
        with pytest.raises(DocumentError) as caught:
            normalise_credit_code(raw)
        assert caught.value.code == code
        assert caught.value.remedy_zh
