"""What is pointed at: datasets and models, as TOML."""
