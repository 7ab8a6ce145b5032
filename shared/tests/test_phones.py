"""Mobile numbers as people write them."""

import pytest

from unioncard.phones import PhoneError, mask_mobile, normalise_mobile


@pytest.mark.parametrize(
    "raw",
    [
        "13812345678",
        " 138 1234 5678 ",
        "138-1234-5678",
        "１３８１２３４５６７８",
        "+8613812345678",
        "+86 138-1234-5678",
        "8613812345678",
        "008613812345678",
        13812345678,
        13812345678.0,
    ],
)
def test_one_number_in_many_forms(raw: str | float) -> None:
    assert normalise_mobile(raw) == "13812345678"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "mobile-missing"),
        ("", "mobile-missing"),
        ("\u3000", "mobile-missing"),
        ("12812345678", "mobile-format"),
        ("1381234567", "mobile-format"),
        ("138123456789", "mobile-format"),
        ("021-12351", "mobile-format"),
        ("无", "mobile-format"),
        ("1381234567a", "mobile-format"),
        ("1.3812345678E+10", "mobile-format"),
        ("١٣٨١٢٣٤٥٦٧٨", "mobile-format"),
        (13812345678.5, "mobile-format"),
        (float("nan"), "mobile-format"),
        (float("inf"), "mobile-format"),
        (-13812345678, "mobile-format"),
    ],
)
def test_what_is_no_mobile(raw: str | float | None, code: str) -> None:
    with pytest.raises(PhoneError) as caught:
        normalise_mobile(raw)
    assert caught.value.code == code
    assert "11 位" in caught.value.remedy_zh


def test_masks() -> None:
    assert mask_mobile("13812345678") == "138****5678"
    assert mask_mobile("12351") == "****"
