"""Generation: a decoder learns to continue texts, and does."""
