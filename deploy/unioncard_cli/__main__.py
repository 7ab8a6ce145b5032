from unioncard_cli.main import run

run()
