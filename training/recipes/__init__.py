"""Recipes: networks for any folder of class folders, described as data in ``json/``."""
