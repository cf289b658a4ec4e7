"""What a scenario must be able to tell apart: other listeners in the product's place."""
