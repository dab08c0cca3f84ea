"""What is calibrated: the sections of the page, and their cells."""

from calibration.cell import Cell
from calibration.page import Section
from calibration.sections import drift, gate, performance


def sections() -> tuple[Section, ...]:
    """Returns all of them, in the page's order."""
    return gate.sections() + drift.sections() + performance.sections()


def all_cells() -> dict[str, Cell]:
    """Returns each cell by its name."""
    return {cell.name: cell for section in sections() for cell in section.cells}
