"""Wrong solutions of the exercises, each made from the right one, with the finding that has to tell it apart."""

from __future__ import annotations

import wrong_solutions_01
import wrong_solutions_02
import wrong_solutions_03
import wrong_solutions_stretch
from mistakes import Mistake

MISTAKES: dict[str, Mistake] = {
    **wrong_solutions_01.MISTAKES,
    **wrong_solutions_02.MISTAKES,
    **wrong_solutions_03.MISTAKES,
    **wrong_solutions_stretch.MISTAKES,
}
