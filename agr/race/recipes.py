"""Named settings of the race estimator."""

from typing import Any

RECIPES: dict[str, dict[str, Any]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": {"epochs": 12},
}
