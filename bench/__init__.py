"""Measurements, run by `python dev.py bench NAME`."""
