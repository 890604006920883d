"""Filling: an encoder learns to say which tokens were hidden, and does."""
