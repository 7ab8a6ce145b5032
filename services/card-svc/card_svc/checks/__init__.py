"""The system check (系统校验) against population and social-security data."""
