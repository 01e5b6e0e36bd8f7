"""Completing jobs: their results and what they insert."""
