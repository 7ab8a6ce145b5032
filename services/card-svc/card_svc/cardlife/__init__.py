"""The life of a card after it was made (用卡): activation, loss, replacement and cancellation, as the bank tells."""
