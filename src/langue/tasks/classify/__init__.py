"""Classification: any model learns to judge texts or pairs of texts, and does."""
