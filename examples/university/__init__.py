"""The registry of a university: 20 000 made-up students, and twenty questions about them."""
