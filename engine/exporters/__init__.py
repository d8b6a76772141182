"""Our records become other people's files."""
