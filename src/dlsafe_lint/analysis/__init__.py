"""What follows from all facts together: a module answers one question about the project."""
