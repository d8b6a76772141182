"""How good scores are, against labels of frames."""
