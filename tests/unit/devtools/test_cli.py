"""The command line: what it understands, and exit code 2 for what it doesn't."""

import pytest

from marketplace.devtools import cli, registered


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["dance"],
        ["stop", "nginx"],
        ["start"],
        ["demo", "--port", "web"],
        ["demo", "--fast"],
        ["demo", "--scale", "0"],
        ["demo", "--scale", "101"],
        ["demo", "--scale", "many"],
        ["facts", "--now"],
        ["drain", "--timeout", "soon"],
        ["check", "everything"],
    ],
)
def test_wrong_use_is_exit_2(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_options_behind_test_belong_to_pytest():
    args = cli._parse(["--called-from", "/somewhere", "test", "-k", "money", "--all", "-x"])
    assert args.command == "test"
    assert args.rest == ["-k", "money", "--all", "-x"]


def test_a_feed_called_test_is_not_the_command_test():
    args = cli._parse(["journey", "--feed", "test"])
    assert (args.command, str(args.feed)) == ("journey", "test")


@pytest.mark.parametrize("to", ["+3d", "show", "2027-01-01"])
def test_the_clock_takes_a_step_or_a_date(to):
    assert cli._parse(["clock", to]).to == to


def test_an_unknown_bench_is_exit_2_and_names_the_ones_there_are(capsys):
    assert cli.main(["bench", "no-such-bench"]) == 2
    assert "no benchmark 'no-such-bench'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "stop", "start", "check", "test", "bench", "run"])
def test_each_command_has_something_that_runs_it(command):
    assert callable(cli._runner(command))


def test_several_commands_to_run_are_told_apart():
    assert registered._commands(["a", "--b", "c", "--", "d"]) == [["a", "--b", "c"], ["d"]]
    assert registered._commands([]) == [[]]
