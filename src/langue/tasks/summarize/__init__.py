"""Summarisation: an encoder–decoder learns from texts and their summaries, or a decoder is prompted."""
