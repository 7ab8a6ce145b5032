"""``unioncard demo``: a roster becomes bank cards on the real stack, as operators would do it."""
