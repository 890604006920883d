"""Denoising: an encoder–decoder learns to mend texts, for others to begin from its weights."""
