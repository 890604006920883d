"""Tagging: any model learns to label the words of texts, and does."""
