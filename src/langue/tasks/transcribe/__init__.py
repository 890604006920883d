"""Speech recognition: models that hear learn to write what is said, and do."""
