"""Where people decide: the browser pages."""
