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
    assert {"none", "empirical Fisher"} < lines.keys()
    assert len(lines) == len(table.strip().splitlines()) - 2
    for name, line in lines.items():
        made_of_products = int((re.search(r"\d+", name) or ["0"])[0])
        assert int(line["products"]) == int(line["cg"]) + 1 + made_of_products
        made_otherwise = 4 / 3 if name == "empirical Fisher" else 0
        assert abs(float(line["cost"]) - 4 / 3 * int(line["products"]) - made_otherwise) < 0.1
