"""Many pictures: what is read, and the formats of the rows that are written."""
