"""Chat: a decoder learns to answer in conversations."""
