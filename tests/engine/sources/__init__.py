"""Tests of engine.sources."""
