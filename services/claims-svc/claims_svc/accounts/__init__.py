"""Unit accounts that districts name, with four eyes."""
