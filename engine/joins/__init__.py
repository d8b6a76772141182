"""Which items each stage has, and what must be equal for one to be settled."""
