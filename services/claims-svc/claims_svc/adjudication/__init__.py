"""The centre's review: decisions, second eyes, medical questions, appeals."""
