"""Finding what is wrong with a dataset."""
