"""Networks by name, their starting weights, and their export."""
