"""Side-by-side speed and quality measurements: `make bench`, never part of the tests."""
