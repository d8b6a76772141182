"""The anomaly scorer: features of snippets in, one score in [0, 1] per snippet out."""
