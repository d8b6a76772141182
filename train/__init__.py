"""What learns from a release."""
