"""The directory of the bank's outlets (经办网点)."""
