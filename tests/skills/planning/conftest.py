from pathlib import Path

import pytest

from kata.skills.contract.contract import Contract
from kata.skills.contract.files import read_contracts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def contracts() -> tuple[Contract, ...]:
    """The eight skills of the default table."""
    return read_contracts(ROOT / "configs" / "skill")
