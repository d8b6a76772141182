"""Servers of models: planned, started, watched, simulated and measured."""
