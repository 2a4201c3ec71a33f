"""What is in a folder of pictures, and what in it would mislead a network."""
