"""Undated policies of the previous system are loaded once and kept apart (domain 5; G19 60, 61)."""

from pathlib import Path

from insurance_svc.legacy.loading import load_policies
from insurance_svc_testing import Trial


async def test_policies_are_loaded_once_and_what_does_not_fit_is_rejected(trial: Trial, tmp_path: Path) -> None:
    await trial.enrollable(2)
    path = tmp_path / "policies.csv"
    lines = (
        "policy_number,member_number",
        "P2011-1,3630000001",
        "P2012-1,3630000001",
        "P2011-2,3630000002",
        "P2011-1,3630000001",
        "P2011-1,3630000002",
        "保单,3630000002",
        "P2011-9,3630000009",
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    loaded = await load_policies(trial.context, path, tmp_path / "rejects", wait_s=0.0)
    assert (loaded.lines, loaded.loaded, loaded.known, loaded.rejected) == (7, 3, 1, 3)
    assert loaded.rejects is not None
    wrong = [line.split(",")[:2] for line in loaded.rejects.read_text(encoding="utf-8").splitlines()[1:]]
    assert wrong == [["6", "policy_number"], ["7", "policy_number"], ["8", "member_number"]]
    assert await trial.column("SELECT number FROM legacy_policies ORDER BY 1") == ["P2011-1", "P2011-2", "P2012-1"]
    again = await load_policies(trial.context, path, tmp_path / "rejects", wait_s=0.0)
    assert (again.loaded, again.resumed) == (3, 7)
    assert await trial.column("SELECT DISTINCT member_id FROM legacy_policies ORDER BY 1") == [1, 2]
