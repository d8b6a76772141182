"""Tests of `engine.media`."""
