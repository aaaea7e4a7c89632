"""One training loop for everything, and the parts it is made of."""
