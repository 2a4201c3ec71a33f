"""Which pictures there are, what is known of each, and which of them are the same picture. No network, no figures."""
