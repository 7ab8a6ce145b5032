"""Loading the files of a season."""

from insurance_svc_testing import Trial


async def test_load(trial: Trial) -> None:
    await trial.load_seasons()
    await trial.load_seasons()
    assert await trial.column("SELECT count(*) FROM rates") == [14]
