"""The script that compares preconditioners: every contender gets to the same value, and says what it took."""

import re

from preconditioners import main

LINE = re.compile(
    r"^(?P<name>\S.*?) +(?P<cg>\d+) +(?P<products>\d+) +(?P<cost>[\d.]+) +(?P<seconds>[\d.]+)$", re.M
)


def test_it_prints_a_line_for_every_preconditioner(capsys):
    """Who does not get there says so at the end of the line, which is no such line then."""
    main(["--cases", "20", "--steps", "1", "--rounds", "1"])
    (table,) = capsys.readouterr().out.split("after step ")[1:]
    lines = {match["name"]: match for match in LINE.finditer(table)}
    assert {name: int(line["products"]) - int(line["cg"]) - 1 for name, line in lines.items()} == {
        "none": 0,
        "empirical Fisher": 0,
        "Hutchinson, 10 probes": 10,
        "Hutchinson, 50 probes": 50,
        "Gauss-Newton diagonal, 5": 0,
        "Nystroem, rank 10": 10,
        "Nystroem, rank 40": 40,
        "K-FAC": 0,
    }
    made_otherwise = {"empirical Fisher": 4 / 3, "Gauss-Newton diagonal, 5": 11 / 3, "K-FAC": 4 / 3}
    for name, line in lines.items():
        cost = 4 / 3 * int(line["products"]) + made_otherwise.get(name, 0)
        assert abs(float(line["cost"]) - cost) < 0.1
