"""What the federation may read of the audit log."""
