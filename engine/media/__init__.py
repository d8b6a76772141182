"""Reading and writing video, with true times."""
