"""The tree: federation, districts, second-level unions, unions (domain 1, 2)."""
