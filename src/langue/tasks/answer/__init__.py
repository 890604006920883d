"""Question answering: any model learns to find answers in texts, and does."""
