"""Photos: finding faces, cutting them out upright, drawing on them."""
