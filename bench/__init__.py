"""Speed, measured on the real stack: ``python -m bench`` prints a table and writes JSON (docs/benchmarks.md)."""
