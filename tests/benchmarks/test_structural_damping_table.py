"""The table of structural damping, on a network of a few units."""

import re

import structural_damping


def test_the_table_has_a_row_a_run_and_repeats(capsys):
    tiny = "--radii 2 --weights 0 0.01 --seeds 1 --steps 4 --cases 10 --length 10 --hidden 4 --cg 5"
    printed = []
    for _ in range(2):
        structural_damping.main(tiny.split())
        printed.append(capsys.readouterr().out.splitlines())
    rows = [re.split(r" *\| *", line.strip("| ")) for line in printed[0][2:]]
    assert [row[:3] for row in rows] == [["2", "0", "0"], ["2", "0.01", "0"]]
    assert all(float(row[-2]) < 0.5 for row in rows)
    assert rows[0][3:] != rows[1][3:]
    assert printed[0] == printed[1]
