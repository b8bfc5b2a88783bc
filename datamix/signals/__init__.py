"""What is measured about each document, one module a family."""
