"""The bench of search, tiny; and the skills by template that it and the benchmark are made of."""

from pathlib import Path

from kata.launch.bench import search
from kata.launch.bench.registry import BenchContext
from kata.launch.bench.search_skills import templated


def test_every_row_is_there(tmp_path: Path) -> None:
    found = search.run(BenchContext(tmp_path, 0, True, lambda _: None))
    assert [row.unit for row in found.rows] == ["s"] * 4
    assert all(row.ours.median > 0 for row in found.rows)
    assert [size for size, _ in found.growth[0].points] == [10.0, 14.0]
    bounds = [row.must for row in found.rows if row.must]
    assert [(bound.value, bound.of) for bound in bounds] == [(0.02, "ours"), (0.5, "ratio")]


def test_templates_give_so_many_skills_of_different_names_by_seed() -> None:
    made = list(templated(6000, 3))
    assert len({contract.name for contract in made}) == 6000
    assert made[:50] == list(templated(6000, 3))[:50]
    assert [c.name for c in made[:50]] != [c.name for c in list(templated(6000, 4))[:50]]
