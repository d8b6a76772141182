"""The vau-data command."""
