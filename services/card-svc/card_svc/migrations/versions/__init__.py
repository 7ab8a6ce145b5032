"""One file a release."""
