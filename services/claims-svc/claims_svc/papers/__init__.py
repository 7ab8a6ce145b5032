"""The papers and stamps that a claim needs."""
