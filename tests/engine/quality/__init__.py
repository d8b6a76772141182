"""Tests of engine.quality."""
