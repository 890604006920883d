"""Preferences: a model that writes learns which of two texts is the better one."""
