"""Embedding: any model learns to represent texts by vectors, and does."""
