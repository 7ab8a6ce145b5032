"""What an audit compares."""
