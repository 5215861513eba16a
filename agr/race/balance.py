"""Balancing of the race labels in training: what ``balance`` may say, and what it does."""

from agr.training.balancing import LABEL_BALANCES as BALANCES
from agr.training.balancing import check_label_balance as check
from agr.training.balancing import inverse_frequency as sample_weight
from agr.training.balancing import plan_labels as make_plan

__all__ = ["BALANCES", "check", "make_plan", "sample_weight"]
