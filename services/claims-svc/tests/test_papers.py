"""Papers, stamps, forms and the page of what is missing."""

import io
from pathlib import Path
from typing import Any

import pypdf
import pytest

from claims_svc.papers.rules import PaperKind
from claims_svc_testing import Trial, member
from claims_svc_testing.filing import HEIR, PAPERS_OF_ILLNESS, PNG, death, disability, illness, policy, stay
from unioncard.auth import Role
from unioncard.contracts.cover import CoverState, PolicyCover
from unioncard_testing.trial import OTHER_DISTRICT, SIBLING

PDF_FILE = b"%PDF-1.7 something %%EOF"


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Member 1 of UNION and the catalogue."""
    await trial.tell_members(member(1))
    await trial.load_catalogue()
    return trial


async def filed(claims: Trial, body: dict[str, Any], *policies: PolicyCover) -> str:
    """A claim whose cover is known."""
    number = await claims.file(body)
    await claims.assess(number, *(policies or [policy()]))
    return number


# What each kind of claim needs, by hand from domain 6.
NEEDED: list[tuple[dict[str, Any], list[str]]] = [
    (illness(), ["application_form", "identity", "diagnosis", "admission_record"]),
    (disability(), ["application_form", "identity", "accident_certificate", "disability_certificate"]),
    (
        death(),
        [
            *("application_form", "identity", "accident_certificate", "death_certificate"),
            *("transfer_request", "kinship", "heir_identity"),
        ],
    ),
    (
        death(benefit="illness_death", payee="unit_account", heir=None),
        ["application_form", "identity", "death_certificate", "transfer_request"],
    ),
    (stay(), ["application_form", "identity", "discharge_summary", "hospital_invoice"]),
]


@pytest.mark.parametrize(("body", "kinds"), NEEDED, ids=["illness", "disability", "death", "unit account", "stay"])
async def test_one_page_tells_what_is_needed(claims: Trial, body: dict[str, Any], kinds: list[str]) -> None:
    number = await filed(claims, body)
    needs = await claims.needs(number)
    assert [one["kind"] for one in needs["papers"]] == kinds
    assert needs["account"] == (body["payee"] == "unit_account")
    assert needs["last_day"] == "2020年4月9日"
    assert sum(line.startswith("补交：") for line in needs["lines"]) == len(kinds)
    await claims.complete(number)
    assert (await claims.needs(number))["papers"] == []


async def test_a_paper_is_encrypted_where_it_lies_and_whole_when_it_comes_back(claims: Trial, tmp_path: Path) -> None:
    number = await filed(claims, illness())
    papers = (await claims.upload(number, PaperKind.DIAGNOSIS, PDF_FILE)).json()
    (one,) = papers["items"]
    assert (one["kind"], one["media_type"], one["bytes"]) == ("diagnosis", "application/pdf", len(PDF_FILE))
    files = [
        path.read_bytes() for path in (claims.folder / "objects").rglob("*") if number in str(path) and path.is_file()
    ]
    assert len(files) == 1
    assert PDF_FILE not in files[0]
    response = await claims.call("GET", f"/claims/{number}/papers/{one['id']}", role=Role.CENTRE_REVIEWER, account=8)
    assert response.content == PDF_FILE
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    read = await claims.column("SELECT actor FROM audit_log WHERE action = 'claim.paper.read'")
    assert read == ["account:8"]


async def test_the_same_file_again_is_one_paper(claims: Trial) -> None:
    number = await filed(claims, illness())
    await claims.upload(number, PaperKind.IDENTITY)
    assert len((await claims.upload(number, PaperKind.IDENTITY)).json()["items"]) == 1
    assert len((await claims.upload(number, PaperKind.IDENTITY, PDF_FILE)).json()["items"]) == 2


async def test_many_papers_come_in_one_request(claims: Trial) -> None:
    number = await filed(claims, illness())
    kinds = [*PAPERS_OF_ILLNESS, PaperKind.IDENTITY]
    # The same picture may prove two things; two pages of one kind are two papers.
    contents = [PNG, PNG, PNG, PDF_FILE, PDF_FILE]
    papers = (await claims.upload_many(number, list(zip(kinds, contents, strict=True)))).json()
    assert [one["kind"] for one in papers["items"]] == [kind.value for kind in kinds]
    assert papers["state"] == "stamping"
    objects = [path for path in (claims.folder / "objects").rglob("*") if number in str(path) and path.is_file()]
    assert len(objects) == 2
    told = await claims.column("SELECT after->>'kind' FROM audit_log WHERE action = 'claim.paper' ORDER BY id")
    assert told == [kind.value for kind in kinds]
    again = await claims.upload_many(number, [(PaperKind.IDENTITY, PDF_FILE), (PaperKind.DIAGNOSIS, PDF_FILE)])
    assert [one["kind"] for one in again.json()["items"]] == [*(kind.value for kind in kinds), "diagnosis"]


async def test_of_papers_sent_together_all_are_taken_or_none(claims: Trial) -> None:
    number = await filed(claims, illness())
    papers = [(PaperKind.IDENTITY, PNG), (PaperKind.DIAGNOSIS, b"just text")]
    response = await claims.upload_many(number, papers)
    assert (response.status_code, response.json()["type"]) == (422, "urn:unioncard:problem:paper-type")
    assert response.json()["detail"].startswith("第 2 个文件（疾病诊断证明）")
    assert len((await claims.needs(number))["papers"]) == 4
    assert not [path for path in (claims.folder / "objects").rglob("*") if number in str(path) and path.is_file()]


async def test_each_file_is_of_one_kind(claims: Trial) -> None:
    number = await filed(claims, illness())
    files = [("file", ("one.png", PNG)), ("file", ("two.pdf", PDF_FILE))]
    response = await claims.call("POST", f"/claims/{number}/papers", files=files, data={"kind": ["identity"]})
    assert (response.status_code, response.json()["type"]) == (422, "urn:unioncard:problem:papers-kinds")


async def test_a_claim_has_at_most_a_hundred_papers(claims: Trial) -> None:
    number = await filed(claims, illness())
    pages = [(PaperKind.DIAGNOSIS, PNG[:-12] + bytes([page]) + PNG[-12:]) for page in range(101)]
    for start in range(0, 100, 20):
        assert (await claims.upload_many(number, pages[start : start + 20])).is_success
    response = await claims.upload_many(number, pages[100:])
    assert (response.status_code, response.json()["type"]) == (409, "urn:unioncard:problem:too-many-papers")
    assert await claims.column("SELECT count(*) FROM papers") == [100]
    # What is there already is not one more.
    assert (await claims.upload_many(number, pages[:20])).is_success


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"just text", 422, "paper-type"),
        (b"%PDF-" + b"x" * (10 * 1024 * 1024) + b"%%EOF", 413, "paper-too-large"),
        (
            b"%PDF-X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*%%EOF",
            422,
            "paper-infected",
        ),
    ],
)
async def test_what_is_no_paper_is_refused(claims: Trial, content: bytes, status: int, kind: str) -> None:
    number = await filed(claims, illness())
    response = await claims.upload(number, PaperKind.IDENTITY, content)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:unioncard:problem:{kind}")
    assert (await claims.needs(number))["papers"][1]["kind"] == "identity"


async def test_papers_are_within_reach_of_their_own_tree_alone(claims: Trial) -> None:
    number = await filed(claims, illness())
    for caller in ({"organisation": SIBLING}, {"role": Role.DISTRICT, "organisation": OTHER_DISTRICT}):
        assert (await claims.upload(number, PaperKind.IDENTITY, **caller)).status_code == 404
        assert (await claims.call("GET", f"/claims/{number}/papers", **caller)).status_code == 404
        assert (await claims.stamp(number, **caller)).status_code == 404
    assert (await claims.upload(number, PaperKind.IDENTITY, role=Role.DISTRICT)).is_success
    assert (await claims.upload(number, PaperKind.IDENTITY, role=Role.CENTRE_REVIEWER)).status_code == 403


async def test_papers_do_not_change_once_the_review_has_begun(claims: Trial) -> None:
    number = await filed(claims, illness())
    await claims.complete(number)
    response = await claims.upload(number, PaperKind.IDENTITY, PDF_FILE)
    assert (response.status_code, response.json()["type"]) == (409, "urn:unioncard:problem:claim-state")


# Stamps (G19 Q83–Q87)


async def test_the_last_paper_sent_again_is_told_what_came_of_it(claims: Trial) -> None:
    number = await filed(claims, illness())
    first = await claims.upload(number, PaperKind.IDENTITY, key="answer-lost")
    await claims.run("UPDATE claims SET state = 'reviewing'")
    again = await claims.upload(number, PaperKind.IDENTITY, key="answer-lost")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replay"] == "true"
    assert (await claims.upload(number, PaperKind.IDENTITY)).status_code == 409


async def test_in_shanghai_and_to_the_own_card_the_unions_stamp_will_do(claims: Trial) -> None:
    number = await filed(claims, illness())
    await claims.upload_all(number)
    (needed,) = (await claims.needs(number))["stamps"]
    assert (needed["paper"], needed["level"]) == ("application_form", "union")
    assert (await claims.stamp(number)).json()["state"] == "adjudicating"


async def test_the_districts_stamp_serves_where_the_unions_would_do(claims: Trial) -> None:
    number = await filed(claims, illness())
    await claims.upload_all(number)
    assert (await claims.stamp(number, role=Role.DISTRICT)).json()["state"] == "adjudicating"


async def test_outside_shanghai_the_unions_stamp_is_refused_and_the_claim_waits(claims: Trial) -> None:
    number = await filed(claims, illness(hospital={"name": "外地医院", "place": "outside", "level": 3}))
    await claims.upload_all(number)
    response = await claims.stamp(number)
    assert (response.status_code, response.json()["type"]) == (409, "urn:unioncard:problem:stamp-district")
    assert "区局（产业）工会" in response.json()["detail"]
    assert (await claims.claim(number))["state"] == "stamping"
    assert (await claims.claim(number))["district_stamp"]
    assert (await claims.stamp(number, role=Role.DISTRICT)).json()["state"] == "adjudicating"


async def test_an_heirs_papers_both_need_the_districts_stamp(claims: Trial) -> None:
    number = await filed(claims, death())
    await claims.upload_all(number)
    assert (await claims.stamp(number, PaperKind.TRANSFER_REQUEST)).status_code == 409
    assert (await claims.stamp(number, role=Role.DISTRICT)).json()["state"] == "stamping"
    done = await claims.stamp(number, PaperKind.TRANSFER_REQUEST, role=Role.DISTRICT)
    assert done.json()["state"] == "adjudicating"
    assert [(one["paper"], one["level"]) for one in done.json()["stamps"]] == [
        ("application_form", "district"),
        ("transfer_request", "district"),
    ]


async def test_papers_without_a_stamp_take_none(claims: Trial) -> None:
    number = await filed(claims, illness())
    assert (await claims.stamp(number, PaperKind.IDENTITY)).json()["type"] == "urn:unioncard:problem:no-stamp-needed"
    assert (await claims.stamp(number, PaperKind.TRANSFER_REQUEST)).status_code == 422


async def test_another_payee_needs_other_papers_and_stamps(claims: Trial) -> None:
    number = await filed(claims, illness())
    await claims.upload_all(number)
    assert (await claims.claim(number))["state"] == "stamping"
    changed = await claims.ok("POST", f"/claims/{number}/payee", {"payee": "unit_account"})
    # the transfer request, and the account
    assert (changed["state"], changed["missing"], changed["district_stamp"]) == ("incomplete", 2, True)
    back = await claims.ok("POST", f"/claims/{number}/payee", {"payee": "own_card"})
    assert (back["state"], back["missing"], back["district_stamp"]) == ("stamping", 0, False)


async def test_another_heir_needs_the_districts_stamps_anew(claims: Trial) -> None:
    """The district agreed to one account; nobody below it puts another into its place."""
    number = await filed(claims, death(), policy(state=CoverState.PROVISIONAL))
    await claims.complete(number)
    assert (await claims.claim(number))["state"] == "provisional"
    # The same heir once more says nothing new.
    same = await claims.ok("POST", f"/claims/{number}/payee", {"payee": "heir", "heir": HEIR})
    assert same["state"] == "provisional"
    other = {"payee": "heir", "heir": HEIR | {"account_number": "6222000099998888"}}
    changed = await claims.ok("POST", f"/claims/{number}/payee", other)
    assert (changed["state"], changed["district_stamp"]) == ("stamping", True)
    needs = await claims.needs(number)
    assert [one["paper"] for one in needs["stamps"]] == ["application_form", "transfer_request"]
    assert (await claims.ok("GET", f"/claims/{number}/papers"))["stamps"] == []
    voided = "SELECT after ->> 'stamps' FROM audit_log WHERE action = 'claim.stamps.void'"
    assert await claims.column(voided) == ['["application_form/district", "transfer_request/district"]']
    await claims.complete(number)
    assert (await claims.claim(number))["state"] == "provisional"


async def test_a_stamp_for_one_way_of_paying_is_none_for_another(claims: Trial) -> None:
    number = await filed(claims, illness())
    assert (await claims.stamp(number, role=Role.DISTRICT)).is_success
    changed = await claims.ok("POST", f"/claims/{number}/payee", {"payee": "unit_account"})
    assert changed["district_stamp"]
    back = await claims.ok("POST", f"/claims/{number}/payee", {"payee": "own_card"})
    assert not back["district_stamp"]
    assert [one["paper"] for one in (await claims.needs(number))["stamps"]] == ["application_form"]


async def test_nobody_pays_onto_a_dead_members_card(claims: Trial) -> None:
    number = await filed(claims, death())
    response = await claims.call("POST", f"/claims/{number}/payee", {"payee": "own_card"})
    assert response.json()["type"] == "urn:unioncard:problem:payee-not-possible"


async def test_only_the_district_names_a_unit_account(claims: Trial) -> None:
    number = await filed(claims, illness(payee="unit_account"))
    named = {"payee": "unit_account", "account_id": 7}
    assert (await claims.call("POST", f"/claims/{number}/payee", named)).status_code == 403
    # There is no such account yet.
    assert (await claims.call("POST", f"/claims/{number}/payee", named, role=Role.DISTRICT)).status_code == 404


async def test_an_heirs_data_are_encrypted_and_masked(claims: Trial) -> None:
    number = await filed(claims, death())
    shown = (await claims.claim(number))["heir"]
    assert (shown["name"], shown["account_end"]) == (HEIR["name"], "2222")
    assert shown["document_number"] != HEIR["document_number"]
    stored = await claims.column("SELECT name || document_number || bank || account_number FROM heirs")
    assert HEIR["name"] not in stored[0]
    assert HEIR["account_number"] not in stored[0]


# Forms


def text_of(pdf: bytes) -> str:
    """What a PDF says, without the breaks and spaces that setting it brings."""
    said = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    return said.replace("\n", "").replace(" ", "")


async def test_the_application_form_is_filled_from_the_data(claims: Trial) -> None:
    number = await filed(claims, stay())
    response = await claims.call("GET", f"/claims/{number}/forms/application_form")
    text = text_of(response.content)
    for part in (
        "给付申请审批表",
        number,
        "王芳",
        "3630000001",
        "示例科技公司工会",
        "住院天数保障",
        "共10天",
        "本市二级",
    ):
        assert part in text
    assert await claims.column("SELECT count(*) FROM audit_log WHERE action = 'claim.form'") == [1]


async def test_the_transfer_request_names_where_the_money_goes(claims: Trial) -> None:
    number = await filed(claims, death())
    response = await claims.call("GET", f"/claims/{number}/forms/transfer_request")
    text = text_of(response.content)
    for part in ("划款申请书", number, HEIR["name"], HEIR["account_number"], "30,000.00", "叁万元整"):
        assert part in text
    own = await filed(claims, illness())
    refused = await claims.call("GET", f"/claims/{own}/forms/transfer_request")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:unioncard:problem:form-not-needed")


@pytest.mark.parametrize("form", ["application_form", "transfer_request"])
async def test_blank_forms_are_for_everybody(claims: Trial, form: str) -> None:
    response = await claims.call("GET", f"/forms/{form}", role=Role.MEMBER, member_id=1)
    assert response.headers["content-type"] == "application/pdf"
    assert "空白表格" in text_of(response.content)


async def test_the_page_of_what_is_missing_can_be_printed(claims: Trial) -> None:
    number = await filed(claims, illness())
    text = text_of((await claims.call("GET", f"/claims/{number}/needs.pdf")).content)
    assert "疾病诊断证明" in text
    assert "2020年4月9日" in text


async def test_complete_papers_are_decided_by_the_rules_where_the_centre_allows_it(claims: Trial) -> None:
    number = await filed(claims, illness(), policy(2020, "A"))
    await claims.upload_all(number)
    object.__setattr__(claims.app.state.service.settings, "decide_by_rule_up_to_fen", 1_000_000)
    try:
        assert (await claims.stamp(number)).json()["state"] == "to_pay"
    finally:
        object.__setattr__(claims.app.state.service.settings, "decide_by_rule_up_to_fen", 0)
    shown = await claims.claim(number)
    assert (shown["approved_fen"], shown["refused_fen"], shown["decided_by"]) == (1_000_000, 0, "rule")
