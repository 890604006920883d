"""Serving: models behind OpenAI's routes, many requests side by side, each answered as if it were alone."""
