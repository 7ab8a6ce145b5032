"""The card state of a member (办理状态) and what staff and members see of it."""
