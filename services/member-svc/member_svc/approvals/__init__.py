"""The superior's decision on an import: four eyes, once."""
