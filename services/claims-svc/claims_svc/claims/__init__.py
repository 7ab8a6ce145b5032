"""Claims from filing to their last day."""
