"""Policies: trained models of any task that writes, as what learns from preferences and rewards."""
