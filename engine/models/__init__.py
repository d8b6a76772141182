"""What writes captions, summaries and scores."""
