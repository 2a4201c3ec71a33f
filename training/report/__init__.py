"""Figures as pages, plots and cards. Nothing is measured here, and no network is run."""
