"""Finding sessions again by what was said in them, what they are called, and what came of them."""
