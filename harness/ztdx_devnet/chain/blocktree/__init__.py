"""The blocks that there are: their tree, its branches, what is canonical, safe and logged."""
