"""Every crossing is a message that may come twice and must count once."""
