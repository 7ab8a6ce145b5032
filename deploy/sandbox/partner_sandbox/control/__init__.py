"""How tests set the partners' behaviour."""
