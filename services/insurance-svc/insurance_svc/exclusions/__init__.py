"""Members whom the population office excludes."""
