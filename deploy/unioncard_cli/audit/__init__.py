"""``unioncard audit``: asks everyone, compares, and says in clear words whether anything was lost or counted twice."""
