"""Metrics: numbers and strings in, numbers out; they know nothing of models, files or tasks.

Every score is a fraction of 1 (correlations lie in [-1, 1]); leaderboards print a hundred times as much. Only those of
translations are on sacreBLEU's scale of 100. Predictions come first, the truth second; each metric raises a
`LangueError` where there is nothing to score, or not one prediction for each example.
"""
