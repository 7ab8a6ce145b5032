"""The people: what is stored of them, lists, reveals and the events that tell of them."""
