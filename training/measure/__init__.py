"""What a bundle's answers are worth, beside what a baseline gets."""
