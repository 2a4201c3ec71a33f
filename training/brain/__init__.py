"""The network that ships: its pictures, its training, its bundle, its cross-validation."""
