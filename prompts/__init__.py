"""What is said to models, and the question pools: files, read by `engine.prompting`."""
