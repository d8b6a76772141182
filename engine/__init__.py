"""What happens: the flow from videos to releases, its stages, and all they stand on."""
