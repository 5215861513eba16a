"""What a search tries for age."""

from typing import Any

from agr.age.balance import SEARCHED
from agr.training.tuning.space import balance_of, shared_space


def search_space(hp: Any, **own: Any) -> dict[str, Any]:
    """Draw constructor parameters, as `agr.training.tuning.space.shared_space` does."""
    return {**shared_space(hp, **own), "balance": balance_of(hp, SEARCHED)}
