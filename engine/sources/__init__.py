"""Other people's files become our records."""
