"""What the three tasks share; knows none of them."""
