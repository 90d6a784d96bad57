"""The scene of these tests is the simulator's default table."""

from kata.sim.predicates import atom_table
from kata.sim.tasks import make_trial
from kata.skills.contract.testing_scene import TYPES, facts_for, table_of
from kata.skills.planning.service import make_plan


def test_the_same_atoms_as_the_simulators_table():
    real = atom_table(TYPES, ("hand",))
    assert set(table_of().atoms) == set(real.atoms)


def test_the_default_table_is_what_the_tests_take_it_for(contracts):
    world = make_trial("table")
    world.reset(3)
    real, ours = world.facts(), facts_for()
    assert dict(real.table.types) == dict(TYPES)
    assert list(real.table.types) == list(TYPES)
    differing = {
        str(atom)
        for atom in ours
        if real.value(atom) != ours.value(atom) and atom.predicate != "near"
    }
    assert differing == set()
    sentence = "put every cube in the drawer and close it"
    assert make_plan(sentence, real, contracts).calls == make_plan(sentence, ours, contracts).calls
