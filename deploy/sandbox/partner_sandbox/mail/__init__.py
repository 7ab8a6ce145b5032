"""The mail partner: takes messages once a key."""
