"""Translation: an encoder–decoder learns from pairs of texts, and translates."""
